/* SPDX-License-Identifier: BSD-2-Clause */
/* Two POPs measure each other across a veth pair, each in a network namespace:
 *
 *   this process                            helpers
 *   10.9.0.1 va ─────────────────────────── vb 10.9.0.2
 *   sessions to 10.9.0.2                    daemon:    sessions to 10.9.0.1, clock 5 s ahead
 *                                           forwarder: a socket in xsks_map, heartbeats
 *
 * The helpers are ended by SIGKILL, as crashes do. Waiting is on events with a limit, never a fixed sleep. */
#include "permitted.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include "probes/inside.h"
#include "world.h"
#include "xsk.h"

#define AHEAD_NS 5000000000ll
#define MS       1000000ull

static const char *const base = "/mnt"; /* of a mount namespace of our own: whatever fails, nothing is left */
static struct wire_addr ours, theirs;
static bool user_space; /* no eBPF: what the sessions are to do without it */
static bool six;        /* fd09::1 and fd09::2 */
static bool sealed;     /* an authenticated link: */
static struct probe_keys our_keys = {.n = 1, .key = {{1}}}, their_keys = {.n = 1, .key = {{2}}};
static bool open_daemon; /* the other end knows nothing of that */

/* What the helpers tell. */
static struct shared {
	volatile int ready;
	volatile pid_t leader, daemon, forwarder;
	volatile int daemon_failed;
} * shared;

struct pop {
	char directory[64];
	struct kbpf *k;
	struct probe_sessions *sessions;
	uv_loop_t loop;
	uint64_t *heartbeat;
	bool up;
	int changes, samples;
	enum probe_cause cause;
	uint64_t changed_at;
	uv_timer_t timer;
};
static struct pop pop;

static void on_state(void *owner, uint32_t link, bool up, enum probe_cause cause, uint64_t at_ns)
{
	struct pop *p = owner;
	cr_assert(link == 7);
	p->up = up;
	p->cause = cause;
	p->changed_at = at_ns;
	p->changes++;
	uv_stop(&p->loop);
}

static void on_sample(void *owner, uint32_t link, const struct probe_sample *sample)
{
	cr_assert(link == 7 && sample->rtt_ns > 0);
	((struct pop *)owner)->samples++;
}

/* Attaches (unless in user space), opens the sessions and adds the link. 0 or the step that failed. */
static int open_pop(
    const char *name, const char *interface, struct wire_addr local, struct wire_addr remote, int64_t ahead)
{
	char why[KBPF_WHY_SIZE] = "";
	struct probe_events events = {.owner = &pop, .on_state = on_state, .on_sample = on_sample};
	struct probe_options options = {.test_clock_offset_ns = ahead, .workers = 1};
	struct probe_link link = {.link = 7, .from_pop = 1, .to_pop = 2, .local = local, .remote = remote, .mtu = 1500};
	bool we = wire_addr_equal(&local, &ours);
	link.authenticated = sealed && (we || !open_daemon);
	link.keys = we ? our_keys : their_keys;
	link.their_keys = we ? their_keys : our_keys;
	snprintf(pop.directory, sizeof(pop.directory), "%s/%s", base, name);
	if (!user_space) {
		if (kbpf_open(pop.directory, &pop.k, why) || kbpf_attach(pop.k, interface, NULL, why))
			return fprintf(stderr, "%s\n", why), 1;
		if (kbpf_set_steer(pop.k, &local, WIRE_STEER_OVERLAY))
			return 2;
		options.kbpf = pop.k;
	}
	uv_loop_init(&pop.loop);
	if (probe_sessions_open(&pop.loop, &options, &events, &pop.sessions, why))
		return fprintf(stderr, "%s\n", why), 3;
	pop.heartbeat =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, probe_sessions_heartbeat_fd(pop.sessions), 0);
	if (pop.heartbeat == MAP_FAILED)
		return 4;
	return probe_sessions_add(pop.sessions, &link) ? 5 : 0;
}

static void beat(uv_timer_t *timer)
{
	(void)timer;
	__atomic_store_n(&pop.heartbeat[0], probe_now(), __ATOMIC_RELAXED);
}

/* The other POP's kuafud. In user space its forwarder too, which then has no map to beat in but this one's. */
static void daemon_role(void)
{
	shared->daemon_failed = open_pop("b", "vb", theirs, ours, AHEAD_NS);
	shared->daemon = getpid();
	if (shared->daemon_failed)
		_exit(1);
	uv_timer_init(&pop.loop, &pop.timer);
	if (user_space)
		uv_timer_start(&pop.timer, beat, 0, 10);
	shared->ready++;
	for (;;)
		uv_run(&pop.loop, UV_RUN_DEFAULT); /* a change of state stops it */
}

static void forwarder_role(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/b/ports/vb/xsks_map", base);
	int sockets = bpf_obj_get(path), fd = open_xsk("vb", 0);
	snprintf(path, sizeof(path), "%s/b/maps/heartbeat", base);
	int beats = bpf_obj_get(path);
	uint32_t queue = 0;
	pop.heartbeat = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, beats, 0);
	if (fd < 0 || pop.heartbeat == MAP_FAILED || bpf_map_update_elem(sockets, &queue, &fd, BPF_ANY))
		_exit(1);
	shared->forwarder = getpid();
	shared->ready++;
	for (;; usleep(10000))
		beat(NULL);
}

static pid_t helper(void (*role)(void))
{
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		role();
	}
	return child;
}

static void wait_ready(int count)
{
	for (int i = 0; i < 5000 && shared->ready < count && !shared->daemon_failed; i++)
		usleep(1000);
	cr_assert(shared->ready >= count, "a helper did not start (%d)", shared->daemon_failed);
}

/* Enters the other namespace, and starts there what is asked for, one role after the other. */
static void leader_role(void)
{
	if (unshare(CLONE_NEWNET))
		_exit(1);
	shared->leader = getpid();
	shared->ready++;
	while (if_nametoindex("vb") == 0)
		usleep(1000);
	if (system("ip addr add 10.9.0.2/24 dev vb && ip addr add fd09::2/64 dev vb nodad && ip link set lo up && ip "
	           "link set vb up"))
		_exit(1);
	helper(daemon_role);
	while (shared->ready < 2)
		usleep(1000);
	if (!user_space)
		helper(forwarder_role);
	for (;;)
		waitpid(-1, NULL, 0) < 0 ? pause() : 0;
}

static void two_pops(void)
{
	ours = six ? wire_addr_from_v6((uint8_t[16]){0xfd, 9, [15] = 1}) : wire_addr_from_v4((uint8_t[]){10, 9, 0, 1});
	theirs =
	    six ? wire_addr_from_v6((uint8_t[16]){0xfd, 9, [15] = 2}) : wire_addr_from_v4((uint8_t[]){10, 9, 0, 2});
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(shared != MAP_FAILED && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
	sh("mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b");
	sh("mount -t bpf bpf /mnt/a && mount -t bpf bpf /mnt/b");
	make_pair("va", "vb");
	sh("ip addr add 10.9.0.1/24 dev va && ip addr add fd09::1/64 dev va nodad && ip link set lo up && ip link set "
	   "va up");
	int failed = open_pop("a", "va", ours, theirs, 0);
	cr_assert(failed == 0, "step %d", failed);
	helper(leader_role);
	wait_ready(1);
	sh("ip link set vb netns %d", shared->leader);
	wait_ready(user_space ? 2 : 3);
}

static void over(void)
{
	const pid_t all[] = {shared->daemon, shared->forwarder, shared->leader};
	for (int i = 0; i < 3; i++)
		if (all[i] > 0)
			kill(all[i], SIGKILL);
	waitpid(shared->leader, NULL, 0);
	probe_sessions_close(pop.sessions);
	if (pop.timer.loop)
		uv_close((uv_handle_t *)&pop.timer, NULL);
	uv_run(&pop.loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&pop.loop) == 0, "a handle is still open");
	kbpf_close(pop.k);
	char other[64];
	snprintf(other, sizeof(other), "%s/b", base);
	cr_assert(kbpf_remove(pop.directory, NULL) == 0 && kbpf_remove(other, NULL) == 0);
	cr_assert(rmdir("/mnt/a") == -1 && errno == ENOENT && rmdir("/mnt/b") == -1);
}

static void without_ebpf(void)
{
	user_space = true;
	two_pops();
}

static void over_ipv6(void)
{
	six = true;
	two_pops();
}

static void over_ipv6_without_ebpf(void)
{
	six = user_space = true;
	two_pops();
}

static void authenticated(void)
{
	sealed = true;
	two_pops();
}

static void authenticated_without_ebpf(void)
{
	sealed = user_space = true;
	two_pops();
}

static void authenticated_here_alone(void)
{
	sealed = open_daemon = true;
	two_pops();
}

TestSuite(ebpf_sealed, .init = authenticated, .fini = over, .timeout = 60);
TestSuite(user_sealed, .init = authenticated_without_ebpf, .fini = over, .timeout = 60);
TestSuite(half_sealed, .init = authenticated_here_alone, .fini = over, .timeout = 60);
TestSuite(ebpf_sessions_v6, .init = over_ipv6, .fini = over, .timeout = 60);
TestSuite(user_sessions_v6, .init = over_ipv6_without_ebpf, .fini = over, .timeout = 60);
TestSuite(ebpf_sessions, .init = two_pops, .fini = over, .timeout = 60);
TestSuite(user_sessions, .init = without_ebpf, .fini = over, .timeout = 60);

static void stop_waiting(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
	uv_stop(timer->loop);
}

/* Runs our loop until `changes` state changes were seen, or for `limit_ms`. */
static bool run_until(int changes, uint64_t limit_ms)
{
	bool over_time = false;
	uv_timer_t limit;
	uv_timer_init(&pop.loop, &limit);
	limit.data = &over_time;
	uv_timer_start(&limit, stop_waiting, limit_ms, 0);
	while (pop.changes < changes && !over_time)
		uv_run(&pop.loop,
		    UV_RUN_DEFAULT); /* until uv_stop(): ONCE would wait on after a timer that is due at once */
	uv_close((uv_handle_t *)&limit, NULL);
	uv_run(&pop.loop, UV_RUN_NOWAIT);
	return pop.changes >= changes;
}

static struct probe_estimate estimate(void)
{
	struct probe_estimate e;
	cr_assert(probe_sessions_get(pop.sessions, 7, &e) == 0);
	return e;
}

static void expect_sane(uint64_t most_rtt_ns)
{
	cr_assert(run_until(1, 5000) && pop.up && pop.cause == PROBE_CAUSE_ANSWERED);
	run_until(2, 3000);
	struct probe_estimate e = estimate();
	cr_assert(e.up && pop.changes == 1, "%d changes, %s", pop.changes, probe_cause_name(e.cause));
	cr_assert(e.replies >= 40 && e.replies + 2 >= e.sent && e.ignored == 0, "%lu of %lu", e.replies, e.sent);
	cr_assert((uint64_t)pop.samples == e.replies);
	cr_assert(e.p50_rtt_ns > 0 && e.p50_rtt_ns < most_rtt_ns, "round trip %lu ns", e.p50_rtt_ns);
	cr_assert(llabs(e.forward.min_delay_ns - AHEAD_NS) < (int64_t)most_rtt_ns, "%ld", e.forward.min_delay_ns);
	cr_assert(llabs(e.back.min_delay_ns + AHEAD_NS) < (int64_t)most_rtt_ns, "%ld", e.back.min_delay_ns);
	cr_assert(e.clock_steps == 0 && e.forward.loss <= 0.05 && e.back.loss <= 0.05);
}

Test(ebpf_sessions, delays_are_measured_in_the_driver)
{
	expect_sane(1 * MS);
	uint64_t counters[WIRE_BPF_COUNTER_COUNT];
	cr_assert(kbpf_read_counters(pop.k, counters) == 0);
	struct probe_estimate e = estimate();
	cr_assert(counters[WIRE_BPF_STAMPED] == e.sent && counters[WIRE_BPF_SAMPLED] == e.replies);
}

Test(ebpf_sessions, a_dead_daemon_goes_unnoticed_and_a_dead_forwarder_does_not)
{
	cr_assert(run_until(1, 5000) && pop.up);
	kill(shared->daemon, SIGKILL);
	cr_assert(!run_until(2, 2000), "its programs answer on: %s", probe_cause_name(pop.cause));
	uint64_t killed = probe_now();
	kill(shared->forwarder, SIGKILL);
	cr_assert(run_until(2, 2000) && !pop.up && pop.cause == PROBE_CAUSE_SILENT);
	/* Heartbeat 100 ms, a probe's interval, three silent intervals; and what two busy cores add. */
	cr_assert(pop.changed_at - killed < 600 * MS, "after %lu ms", (unsigned long)((pop.changed_at - killed) / MS));
}

Test(ebpf_sessions, a_dead_forwarder_is_noticed_while_its_daemon_still_probes)
{
	cr_assert(run_until(1, 5000) && pop.up);
	uint64_t killed = probe_now();
	kill(shared->forwarder, SIGKILL);
	cr_assert(run_until(2, 3000) && !pop.up && pop.cause == PROBE_CAUSE_UNANSWERED);
	cr_assert(pop.changed_at - killed < 900 * MS, "after %lu ms", (unsigned long)((pop.changed_at - killed) / MS));
}

Test(ebpf_sessions, a_removed_link_is_no_longer_answered)
{
	struct wire_bpf_peer peer;
	cr_assert(kbpf_get_peer(pop.k, &ours, &theirs, &peer) == 0);
	cr_assert(probe_sessions_remove(pop.sessions, 7) == 0 && probe_sessions_remove(pop.sessions, 7) == -ENOENT);
	cr_assert(kbpf_get_peer(pop.k, &ours, &theirs, &peer) == -ENOENT);
	cr_assert(!run_until(1, 300));
	cr_assert(kbpf_add_peer(pop.k, &ours, &theirs, false) == 0 && probe_sessions_forget_others(pop.sessions) == 0);
	cr_assert(kbpf_get_peer(pop.k, &ours, &theirs, &peer) == -ENOENT);
}

Test(user_sessions, delays_are_measured_without_ebpf)
{
	/* The reflector here waits for its process to be woken. */
	expect_sane(20 * MS);
}

Test(ebpf_sessions_v6, delays_are_measured_in_the_driver)
{
	expect_sane(1 * MS);
}

Test(user_sessions_v6, delays_are_measured_without_ebpf)
{
	expect_sane(20 * MS);
}

Test(user_sessions, a_silent_end_takes_the_link_down)
{
	cr_assert(run_until(1, 5000) && pop.up);
	uint64_t killed = probe_now();
	kill(shared->daemon, SIGKILL);
	cr_assert(run_until(2, 2000) && !pop.up && pop.cause == PROBE_CAUSE_SILENT);
	cr_assert(pop.changed_at - killed < 400 * MS, "after %lu ms", (unsigned long)((pop.changed_at - killed) / MS));
}

Test(user_sessions, a_second_daemon_is_refused)
{
	char why[KBPF_WHY_SIZE];
	struct probe_sessions *other;
	struct probe_options options = {0};
	struct probe_events events = {0};
	cr_assert(probe_sessions_open(&pop.loop, &options, &events, &other, why) == -EADDRINUSE);
	cr_assert(strstr(why, "18862"), "%s", why);
}

Test(user_sessions, links_are_told_apart_and_refused_twice)
{
	struct probe_link again = {.link = 7, .local = ours, .remote = wire_addr_from_v4((uint8_t[]){10, 9, 0, 3})};
	struct probe_link same = {.link = 8, .local = ours, .remote = theirs};
	struct probe_link mixed = {.link = 9, .local = ours, .remote = wire_addr_from_v6((uint8_t[16]){0x20, 1})};
	struct probe_estimate e;
	cr_assert(probe_sessions_add(pop.sessions, &again) == -EEXIST);
	cr_assert(probe_sessions_add(pop.sessions, &same) == -EEXIST);
	cr_assert(probe_sessions_add(pop.sessions, &mixed) == -EINVAL);
	again.link = 10;
	cr_assert(probe_sessions_add(pop.sessions, &again) == 0 && probe_sessions_get(pop.sessions, 10, &e) == 0);
	cr_assert(!e.up && e.cause == PROBE_CAUSE_NEW && probe_sessions_get(pop.sessions, 11, &e) == -ENOENT);
}

/* ---- what a link takes ---- */

static struct probe_mtu mtu(void)
{
	struct probe_mtu m;
	cr_assert(probe_sessions_get_mtu(pop.sessions, 7, &m) == 0);
	return m;
}

static void expect_mtu(uint16_t most, uint16_t least)
{
	cr_assert(run_until(1, 5000) && pop.up);
	for (int i = 0; i < 150 && mtu().state != PROBE_MTU_COMPLETE; i++)
		run_until(2, 100);
	struct probe_mtu m = mtu();
	cr_assert(m.state == PROBE_MTU_COMPLETE && m.found <= most && m.found >= least, "%s: %u, of %u to %u",
	    probe_mtu_state_name(m.state), m.found, least, most);
	struct probe_estimate e = estimate();
	cr_assert(e.up && pop.changes == 1 && e.forward.loss <= 0.05 && e.back.loss <= 0.05 && e.ignored == 0);
}

Test(ebpf_sessions, a_link_that_takes_what_it_should_is_known_at_once)
{
	expect_mtu(1500, 1500);
	cr_assert(mtu().tries == 0 && pop.sessions->slots[0]->next_sized == 2, "the base, and all of it");
}

Test(user_sessions, a_link_that_takes_what_it_should_is_known_at_once)
{
	expect_mtu(1500, 1500);
}

Test(user_sessions_v6, a_link_that_takes_what_it_should_is_known_at_once)
{
	expect_mtu(1500, 1500);
}

Test(ebpf_sealed, a_link_that_takes_what_it_should_is_known_at_once)
{
	expect_mtu(1500, 1500);
}

/* The other end's interface sends no more: that is seen here alone. */
Test(ebpf_sessions, a_link_that_takes_less_is_found_out)
{
	cr_assert(probe_sessions_set_mtu(pop.sessions, 7, 1400) == 0);
	sh("nsenter -t %d -n ip link set vb mtu 1396", shared->leader);
	expect_mtu(1396, 1396 - PROBE_MTU_STEP + 1);
}

/* ---- authenticated links ---- */

static uint64_t refused(enum probe_refusal why)
{
	uint64_t counts[PROBE_REFUSAL_COUNT];
	cr_assert(probe_sessions_get_refused(pop.sessions, 7, counts) == 0);
	return counts[why];
}

static void expect_nothing_refused(void)
{
	for (unsigned i = 0; i < PROBE_REFUSAL_COUNT; i++)
		cr_assert(refused(i) == 0, "%s: %lu", probe_refusal_name(i), refused(i));
}

/* What is written before the HMAC is not when a packet leaves: that is kept here of probes, and told of answers. */
static void expect_true_times(void)
{
	const struct session *session = pop.sessions->slots[0];
	unsigned kept = 0;
	for (unsigned i = 0; i < KEPT_PROBES; i++)
		kept += session->kept[i].left_t1 > session->kept[i].t1;
	cr_assert(kept >= 30, "%u probes", kept);
	cr_assert(session->reflected[0].departed && session->reflected[0].departed_sequence > 30);
}

static void expect_authenticated_measurement(void)
{
	uv_timer_init(&pop.loop, &pop.timer); /* our forwarder lives as well: we answer */
	uv_timer_start(&pop.timer, beat, 0, 10);
	expect_sane(20 * MS);
	expect_nothing_refused();
	expect_true_times();
}

Test(ebpf_sealed, delays_are_measured_by_authenticated_probes)
{
	expect_authenticated_measurement();
}

Test(user_sealed, delays_are_measured_by_authenticated_probes)
{
	expect_authenticated_measurement();
}

/* Ours are signed by the new key first; the other end has only the old one until it is told. */
Test(ebpf_sealed, keys_are_exchanged_while_probes_go_on)
{
	struct probe_keys none = {0}, both = {.n = 2, .key = {{1}, {9}}};
	cr_assert(run_until(1, 5000) && pop.up);
	cr_assert(probe_sessions_set_keys(pop.sessions, 7, &both, &their_keys) == 0);
	run_until(2, 1000);
	cr_assert(pop.up && pop.changes == 1, "a key that is not used yet changes nothing");
	cr_assert(probe_sessions_set_keys(pop.sessions, 8, &both, &their_keys) == -ENOENT);
	cr_assert(probe_sessions_set_keys(pop.sessions, 7, &none, &their_keys) == -EINVAL);
	const struct probe_keys other = {.n = 1, .key = {{9}}};
	cr_assert(probe_sessions_set_keys(pop.sessions, 7, &other, &other) == 0);
	cr_assert(run_until(2, 3000) && !pop.up, "the other end has no such key");
	cr_assert(refused(PROBE_REFUSED_FORGED) > 0, "its probes are signed by another");
	cr_assert(probe_sessions_set_keys(pop.sessions, 7, &our_keys, &their_keys) == 0);
	cr_assert(run_until(3, 3000) && pop.up);
}

Test(half_sealed, what_is_not_signed_is_neither_answered_nor_believed)
{
	cr_assert(!run_until(1, 2000) && !pop.up);
	struct probe_estimate e = estimate();
	cr_assert(e.replies == 0 && e.last_heard_ns == 0);
	cr_assert(refused(PROBE_REFUSED_UNAUTHENTICATED) > 10, "%lu", refused(PROBE_REFUSED_UNAUTHENTICATED));
}

/* The true pair of addresses, the true session id, and no key. */
Test(ebpf_sealed, an_unauthenticated_reply_to_either_port_is_counted_and_ignored)
{
	cr_assert(run_until(1, 5000) && pop.up);
	uint64_t replies = estimate().replies, before = refused(PROBE_REFUSED_UNAUTHENTICATED);
	sh("nsenter -t %d -n python3 -c 'import socket as s; u = s.socket(s.AF_INET, s.SOCK_RAW, 17)\n"
	   "for port in 18862, 18863: u.sendto(bytes([3, 94, port >> 8, port & 255, 0, 120, 0, 0]) + bytes(112), "
	   "(\"10.9.0.1\", 0))'",
	    shared->leader);
	/* While the program was started nobody asked: the link may have gone down, and comes up again. */
	for (int i = 0; i < 50 && !(pop.up && estimate().replies > replies + 10); i++)
		run_until(pop.changes + 1, 100);
	cr_assert(refused(PROBE_REFUSED_UNAUTHENTICATED) == before + 1 && refused(PROBE_REFUSED_FORGED) == 1);
	cr_assert(pop.up && estimate().replies > replies + 10);
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
