/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader on real interfaces: what survives, what is exchanged, what is left behind. */
#include "permitted.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "ebpf/kbpf.h"
#include "world.h"

static char base[] = "/tmp/kuafu-attach-XXXXXX", directory[64];
static char why[KBPF_WHY_SIZE];
static struct kbpf *k;

static void open_maps(void)
{
	int error = kbpf_open(directory, &k, why);
	cr_assert(error == 0, "%d: %s", error, why);
}

static struct kbpf_attachment attach(const char *interface)
{
	struct kbpf_attachment how;
	int error = kbpf_attach(k, interface, &how, why);
	cr_assert(error == 0, "%d: %s", error, why);
	return how;
}

static void a_namespace_with_a_pair(void)
{
	cr_assert(unshare(CLONE_NEWNET) == 0 && mkdtemp(base));
	snprintf(directory, sizeof(directory), "%s/bpf", base);
	make_pair("va", "vb");
	open_maps();
}

static void nothing_is_left(void)
{
	kbpf_close(k);
	cr_assert(kbpf_remove(directory, why) == 0, "%s", why);
	cr_assert(access(directory, F_OK) != 0, "%s is still there", directory);
	cr_assert(rmdir(base) == 0);
}

TestSuite(attach, .init = a_namespace_with_a_pair, .fini = nothing_is_left, .timeout = 60);

/* Ids of what runs on an interface; 0: nothing. */
static uint32_t xdp_on(const char *interface)
{
	uint32_t id = 0;
	bpf_xdp_query_id((int)if_nametoindex(interface), 0, &id);
	return id;
}

static bool tc_on(const char *interface)
{
	char command[128];
	snprintf(command, sizeof(command), "tc filter show dev %s egress | grep -q stamp_egress", interface);
	return system(command) == 0;
}

static bool clsact_on(const char *interface)
{
	char command[128];
	snprintf(command, sizeof(command), "tc qdisc show dev %s | grep -q clsact", interface);
	return system(command) == 0;
}

/* Another XDP program than ours. */
static int pass_everything(const char *name)
{
	const struct bpf_insn instructions[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
	return bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", instructions, 2, &opts);
}

static struct wire_addr address(uint8_t last)
{
	return wire_addr_from_v4((uint8_t[]){10, 9, 0, last});
}

Test(attach, both_programs_run_natively_and_go_without_a_trace)
{
	struct kbpf_attachment how = attach("va");
	cr_assert(how.mode == KBPF_NATIVE && !how.reused && !how.replaced);
	cr_assert(xdp_on("va") && tc_on("va") && clsact_on("va"));
	cr_assert(kbpf_detach(k, "va", why) == 0);
	cr_assert(!xdp_on("va") && !tc_on("va") && !clsact_on("va"));
	attach("va");
	kbpf_close(k);
	k = NULL;
	cr_assert(kbpf_remove(directory, why) == 0, "%s", why);
	cr_assert(!xdp_on("va") && !clsact_on("va"));
	cr_assert(kbpf_remove(directory, why) == 0, "a second time there is nothing to do");
}

Test(attach, a_driver_without_native_xdp_gets_generic)
{
	struct kbpf_attachment how = attach("lo");
	cr_assert(how.mode == KBPF_GENERIC);
}

Test(attach, a_later_process_finds_programs_and_values_again)
{
	struct wire_addr vip = address(10), local = address(1), remote = address(2);
	struct wire_bpf_config config = {.clock_offset_ns = 42, .workers = 3, .sender_port = 7}, found;
	struct wire_bpf_peer peer;
	attach("va");
	uint32_t running = xdp_on("va");
	cr_assert(kbpf_set_steer(k, &vip, WIRE_STEER_ALL) == 0 && kbpf_add_peer(k, &local, &remote, false) == 0);
	cr_assert(kbpf_set_config(k, &config) == 0);
	kbpf_close(k);
	cr_assert(xdp_on("va") == running, "closing takes nothing off");
	open_maps();
	struct kbpf_attachment how = attach("va");
	cr_assert(how.reused && !how.replaced && xdp_on("va") == running);
	cr_assert(kbpf_get_config(k, &found) == 0 && memcmp(&found, &config, sizeof(config)) == 0);
	cr_assert(kbpf_get_peer(k, &local, &remote, &peer) == 0);
	cr_assert(kbpf_delete_steer(k, &vip) == 0 && kbpf_delete_steer(k, &vip) == -ENOENT);
}

/* What `ip netns exec` does to a process: a mount namespace that ends with it. */
static void in_a_passing_mount_namespace(void)
{
	cr_assert(unshare(CLONE_NEWNS) == 0 && mount("", "/", "none", MS_SLAVE | MS_REC, NULL) == 0);
}

Test(attach, sigkill_in_a_passing_mount_namespace_takes_nothing_off)
{
	kbpf_close(k);
	k = NULL;
	cr_assert(kbpf_remove(directory, why) == 0);
	int status;
	pid_t child = fork();
	if (child == 0) {
		in_a_passing_mount_namespace();
		struct kbpf_attachment how;
		if (kbpf_open(directory, &k, why) || kbpf_attach(k, "va", &how, why))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	cr_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "%s", why);
	uint32_t running = xdp_on("va");
	cr_assert(running && tc_on("va"));
	child = fork();
	if (child == 0) {
		in_a_passing_mount_namespace();
		struct kbpf_attachment how;
		if (kbpf_open(directory, &k, why) || kbpf_attach(k, "va", &how, why))
			_exit(1);
		_exit(how.reused && xdp_on("va") == running ? 0 : 2);
	}
	cr_assert(waitpid(child, &status, 0) == child && status == 0, "status %x", status);
}

Test(attach, a_program_of_another_version_is_exchanged_without_a_gap)
{
	attach("va");
	int other = pass_everything("xsk_def_prog");
	char path[128];
	snprintf(path, sizeof(path), "%s/ports/va/xdp", directory);
	int link = bpf_obj_get(path);
	cr_assert(other >= 0 && link >= 0 && bpf_link_update(link, other, NULL) == 0);
	struct bpf_link_info before = {0}, after = {0};
	uint32_t size = sizeof(before);
	cr_assert(bpf_obj_get_info_by_fd(link, &before, &size) == 0);
	struct kbpf_attachment how = attach("va");
	cr_assert(how.replaced && !how.reused);
	cr_assert(bpf_obj_get_info_by_fd(link, &after, &size) == 0);
	cr_assert(after.id == before.id, "it is the same attachment");
	cr_assert(after.prog_id != before.prog_id && after.prog_id == xdp_on("va"));
	cr_assert(attach("va").reused);
	close(link);
	close(other);
}

Test(attach, somebody_elses_xdp_program_is_left_alone)
{
	int other = pass_everything("firewall");
	cr_assert(bpf_xdp_attach((int)if_nametoindex("va"), other, 0, NULL) == 0);
	uint32_t running = xdp_on("va");
	cr_assert(kbpf_attach(k, "va", NULL, why) == -EBUSY);
	cr_assert(strstr(why, "va: ") == why && !strchr(why, '\n'), "%s", why);
	cr_assert(xdp_on("va") == running && !clsact_on("va"));
	close(other);
}

Test(attach, an_operators_clsact_stays)
{
	sh("tc qdisc add dev va clsact");
	attach("va");
	cr_assert(tc_on("va") && kbpf_detach(k, "va", why) == 0);
	cr_assert(!tc_on("va") && clsact_on("va"));
}

Test(attach, an_interface_made_anew_under_its_name_is_attached_anew)
{
	attach("va");
	sh("ip link del va");
	make_pair("va", "vb");
	struct kbpf_attachment how = attach("va");
	cr_assert(!how.reused && xdp_on("va") && tc_on("va"));
}

Test(attach, interfaces_share_all_maps_but_that_of_sockets)
{
	attach("va");
	attach("vb");
	struct bpf_map_info sockets[2] = {0};
	uint32_t size = sizeof(sockets[0]);
	for (int i = 0; i < 2; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/ports/%s/xsks_map", directory, i ? "vb" : "va");
		int fd = bpf_obj_get(path);
		cr_assert(fd >= 0 && bpf_obj_get_info_by_fd(fd, &sockets[i], &size) == 0);
		close(fd);
	}
	cr_assert(sockets[0].id != sockets[1].id);
}

Test(attach, maps_of_another_layout_are_replaced_with_what_runs_over_them)
{
	attach("va");
	kbpf_close(k);
	k = NULL;
	char path[128];
	snprintf(path, sizeof(path), "%s/maps/config", directory);
	int other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "config", 4, 8, 1, NULL);
	cr_assert(unlink(path) == 0 && bpf_obj_pin(other, path) == 0);
	close(other);
	open_maps();
	cr_assert(!xdp_on("va"), "its maps are not ours");
	cr_assert(!attach("va").reused);
}

Test(attach, steered_addresses_that_nobody_wants_any_more_are_forgotten)
{
	struct wire_addr all[40], keep[2];
	for (uint8_t i = 0; i < 40; i++) {
		all[i] = address(i);
		cr_assert(kbpf_set_steer(k, &all[i], WIRE_STEER_ALL) == 0);
	}
	keep[0] = all[7];
	keep[1] = all[33];
	cr_assert(kbpf_retain_steer(k, keep, 2) == 0);
	for (int i = 0; i < 40; i++)
		cr_assert(kbpf_delete_steer(k, &all[i]) == (i == 7 || i == 33 ? 0 : -ENOENT), "%d", i);
}

static enum { LIVE, DIE_BEFORE, DIE_AFTER } fate;

int __real_bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts);
int __wrap_bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts);

int __wrap_bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts)
{
	if (fate == DIE_BEFORE)
		_exit(0);
	int error = __real_bpf_tc_attach(hook, opts);
	if (fate == DIE_AFTER)
		_exit(0);
	return error;
}

static void die_while_attaching(int how)
{
	pid_t child = fork();
	if (child == 0) {
		fate = how;
		kbpf_attach(k, "va", NULL, why);
		_exit(1);
	}
	int status;
	cr_assert(waitpid(child, &status, 0) == child && status == 0, "it was not killed where it should be");
}

Test(attach, what_a_killed_process_left_half_done_is_removed)
{
	for (int how = DIE_BEFORE; how <= DIE_AFTER; how++) {
		die_while_attaching(how);
		cr_assert(clsact_on("va") && tc_on("va") == (how == DIE_AFTER));
		cr_assert(kbpf_detach(k, "va", why) == 0, "%s", why);
		cr_assert(!xdp_on("va") && !tc_on("va") && !clsact_on("va"));
		die_while_attaching(how);
		attach("va");
		cr_assert(kbpf_detach(k, "va", why) == 0 && !tc_on("va") && !clsact_on("va"));
	}
}

Test(attach, an_operators_clsact_stays_when_we_are_killed)
{
	cr_assert(system("tc qdisc add dev va clsact") == 0);
	die_while_attaching(DIE_AFTER);
	cr_assert(kbpf_detach(k, "va", why) == 0, "%s", why);
	cr_assert(clsact_on("va") && !tc_on("va"));
}

Test(attach, an_unknown_interface_is_named)
{
	cr_assert(kbpf_attach(k, "nosuch0", NULL, why) == -ENODEV && strstr(why, "nosuch0: "), "%s", why);
}

Test(attach, what_is_missing_is_said_in_one_line)
{
	int pipes[2];
	cr_assert(pipe(pipes) == 0);
	pid_t child = fork();
	if (child == 0) {
		struct kbpf *other = NULL;
		int failed = setresuid(65534, 65534, 65534) ? 0 : kbpf_open("/tmp/kuafu-nobody/bpf", &other, why);
		rmdir("/tmp/kuafu-nobody/bpf");
		rmdir("/tmp/kuafu-nobody");
		(void)!write(pipes[1], why, sizeof(why));
		_exit(failed == -EPERM && other == NULL ? 0 : 1);
	}
	int status;
	cr_assert(waitpid(child, &status, 0) == child && status == 0);
	cr_assert(read(pipes[0], why, sizeof(why)) == sizeof(why));
	cr_assert(strstr(why, "BPF") && !strchr(why, '\n'), "%s", why);
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
