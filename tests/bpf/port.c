/* SPDX-License-Identifier: BSD-2-Clause */
#include "port.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "port.skel.h"
#include "xsk.h"

static struct port_bpf *skel;
static int socket_fd;
struct frame out;

uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void set_config(uint32_t workers, uint16_t sender_port, uint32_t stateless)
{
	uint32_t zero = 0;
	struct wire_bpf_config config = {.clock_offset_ns = OFFSET_NS,
	    .heartbeat_max_age_ns = 100000000,
	    .workers = workers,
	    .error_estimate = 0x8001,
	    .sender_port = sender_port,
	    .stateless = stateless};
	cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.config), &zero, &config, BPF_ANY) == 0);
}

void configure(uint32_t workers, uint16_t sender_port)
{
	set_config(workers, sender_port, 0);
}

void configure_stateless(void)
{
	set_config(2, SENDER_PORT, 1);
}

void beat(uint32_t worker, uint64_t at)
{
	cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.heartbeat), &worker, &at, BPF_ANY) == 0);
}

void steer(struct wire_addr address, uint32_t how)
{
	cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.steer), &address, &how, BPF_ANY) == 0);
}

void peer(struct wire_addr local, struct wire_addr remote, bool authenticated)
{
	struct wire_bpf_peer_key key = {.remote = remote, .local = local};
	struct wire_bpf_peer fresh = {.authenticated = authenticated};
	cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.peers), &key, &fresh, BPF_ANY) == 0);
}

void set_socket(bool present)
{
	uint32_t queue = 0;
	if (present)
		cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.xsks_map), &queue, &socket_fd, BPF_ANY) == 0);
	else
		cr_assert(bpf_map_delete_elem(bpf_map__fd(skel->maps.xsks_map), &queue) == 0);
}

uint64_t counted(uint32_t counter)
{
	uint64_t values[256], sum = 0;
	int cpus = libbpf_num_possible_cpus();
	cr_assert(cpus <= 256 && bpf_map_lookup_elem(bpf_map__fd(skel->maps.counters), &counter, values) == 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

/* A port in a namespace of its own whose forwarder lives. */
void a_living_port(void)
{
	cr_assert(unshare(CLONE_NEWNET) == 0 && bring_up("lo") == 0);
	libbpf_set_print(NULL);
	skel = port_bpf__open_and_load();
	cr_assert(skel, "the kernel refuses the programs: %s", strerror(errno));
	socket_fd = open_xsk("lo", 0);
	cr_assert(socket_fd >= 0, "no AF_XDP socket: %s", strerror(errno));
	set_socket(true);
	configure(2, SENDER_PORT);
	beat(0, now());
	beat(1, now());
	steer(wire_addr_from_v4(OURS_4), WIRE_STEER_OVERLAY);
	steer(wire_addr_from_v6(OURS_6), WIRE_STEER_OVERLAY);
	steer(wire_addr_from_v4(VIP_4), WIRE_STEER_ALL);
	steer(wire_addr_from_v6(VIP_6), WIRE_STEER_ALL);
	peer(wire_addr_from_v4(OURS_4), wire_addr_from_v4(THEIR_4), false);
	peer(wire_addr_from_v6(OURS_6), wire_addr_from_v6(THEIR_6), false);
}

void close_port(void)
{
	port_bpf__destroy(skel);
	close(socket_fd);
}

static uint32_t run(const struct bpf_program *program, const void *data, uint32_t bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = bytes, .data_out = out.data,
	    .data_size_out = sizeof(out.data));
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	cr_assert(error == 0, "%u bytes: %s", bytes, strerror(-error));
	out.bytes = opts.data_size_out;
	return opts.retval;
}

uint32_t enter(const void *data, uint32_t bytes)
{
	return run(skel->progs.xsk_def_prog, data, bytes);
}

uint32_t receive(const struct frame *f)
{
	beat(0, now());
	beat(1, now());
	return enter(f->data, f->bytes);
}

uint32_t leave(const struct frame *f)
{
	return run(skel->progs.stamp_egress, f->data, f->bytes);
}

int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(skel->obj, name);
}

/* The packet is dropped, and the counter says why. */
void expect_silence(const struct frame *probe, uint32_t counter)
{
	uint64_t before = counted(counter);
	cr_assert(enter(probe->data, probe->bytes) == XDP_DROP);
	cr_assert(counted(counter) == before + 1);
}
