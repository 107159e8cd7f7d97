/* SPDX-License-Identifier: BSD-2-Clause */
/* The origin's program, packet by packet, through bpf_prog_test_run. */
#include "permitted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#include "endpoint.skel.h"
#include "wire/address.h"
#include "wire/bytes.h"
#include "wire/packet.h"

static struct endpoint_bpf *skel;

static void load(void)
{
	skel = endpoint_bpf__open_and_load();
	cr_assert(skel, "the kernel refuses the program: %s", strerror(errno));
	struct wire_addr pop = wire_addr_from_v4("\x0a\x03\x00\x02");
	uint8_t yes = 1;
	cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.pops), &pop, &yes, BPF_ANY) == 0);
}

static void unload(void)
{
	endpoint_bpf__destroy(skel);
}

TestSuite(endpoint, .init = load, .fini = unload);

struct outcome {
	uint32_t verdict;
	uint32_t length;
	uint8_t packet[256];
};

static struct outcome run(const uint8_t *packet, uint32_t length)
{
	struct outcome o = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = length, .data_out = o.packet,
	    .data_size_out = sizeof(o.packet));
	cr_assert(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.kuafu_endpoint), &opts) == 0);
	o.verdict = opts.retval;
	o.length = opts.data_size_out;
	return o;
}

/* Ethernet, outer IPv4 from the POP, `between` bytes of tunnel header, and an inner packet of 24 bytes. */
static uint32_t build(uint8_t *p, uint8_t protocol, const uint8_t *between, uint32_t n_between)
{
	memcpy(p, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14);
	struct wire_ipv4 outer = {
	    .version_ihl = 0x45, .ttl = 64, .protocol = protocol, .src = {10, 3, 0, 2}, .dst = {10, 4, 0, 2}};
	memcpy(p + 14, &outer, 20);
	memcpy(p + 34, between, n_between);
	for (uint8_t i = 0; i < 24; i++)
		p[34 + n_between + i] = (uint8_t)(i ? i : 0x45);
	return 34 + n_between + 24;
}

static const uint8_t geneve_v4[] = {0xc0, 0x01, 0x17, 0xc1, 0, 0, 0, 0, /* UDP to 6081 */
    0x00, 0x00, 0x08, 0x00, 0, 0, 7, 0};

static void expect_unwrapped(const struct outcome *o, const uint8_t *inner, uint16_t type)
{
	cr_assert(o->verdict == XDP_PASS);
	cr_assert(o->length == 14 + 24);
	cr_assert(memcmp(o->packet, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12) == 0);
	cr_assert(wire_be16(o->packet + 12) == type);
	cr_assert(memcmp(o->packet + 14, inner, 24) == 0);
}

Test(endpoint, unwraps_ip_in_ip_from_a_pop)
{
	uint8_t p[256];
	uint32_t n = build(p, WIRE_PROTO_IPIP, NULL, 0);
	struct outcome o = run(p, n);
	expect_unwrapped(&o, p + 34, WIRE_ETHERTYPE_IPV4);
}

Test(endpoint, unwraps_geneve_with_and_without_options)
{
	uint8_t p[256], header[24];
	uint32_t n = build(p, WIRE_PROTO_UDP, geneve_v4, sizeof(geneve_v4));
	struct outcome o = run(p, n);
	expect_unwrapped(&o, p + 50, WIRE_ETHERTYPE_IPV4);

	memcpy(header, geneve_v4, 16);
	header[8] = 2; /* two words of options */
	memcpy(header + 16, "\x01\x00\x01\x01\0\0\0\0", 8);
	wire_put_be16(header + 10, WIRE_ETHERTYPE_IPV6);
	n = build(p, WIRE_PROTO_UDP, header, sizeof(header));
	o = run(p, n);
	expect_unwrapped(&o, p + 58, WIRE_ETHERTYPE_IPV6);
}

Test(endpoint, drops_tunnels_of_strangers)
{
	uint8_t p[256];
	uint32_t n = build(p, WIRE_PROTO_IPIP, NULL, 0);
	p[14 + 12 + 3] = 3; /* 10.3.0.3 */
	cr_assert(run(p, n).verdict == XDP_DROP);
}

Test(endpoint, drops_geneve_that_is_critical_control_or_of_another_version)
{
	uint8_t p[256], header[16];
	const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{8, 0x40}, {9, 0x80}, {9, 0x40}, {10, 0x65}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(header, geneve_v4, 16);
		header[wrong[i].at] = wrong[i].value;
		uint32_t n = build(p, WIRE_PROTO_UDP, header, sizeof(header));
		cr_assert(run(p, n).verdict == XDP_DROP, "case %zu", i);
	}
}

Test(endpoint, survives_every_truncation)
{
	uint8_t p[256];
	uint32_t n = build(p, WIRE_PROTO_UDP, geneve_v4, sizeof(geneve_v4));
	for (uint32_t length = 14; length < n; length++) {
		struct outcome o = run(p, length);
		cr_assert(o.verdict == XDP_PASS || o.verdict == XDP_DROP);
	}
}

Test(endpoint, leaves_everything_else_alone)
{
	uint8_t p[256];
	uint32_t n = build(p, WIRE_PROTO_TCP, NULL, 0);
	struct outcome o = run(p, n);
	cr_assert(o.verdict == XDP_PASS && o.length == n && memcmp(o.packet, p, n) == 0);
	n = build(p, WIRE_PROTO_UDP, geneve_v4, sizeof(geneve_v4));
	p[34 + 3] = 0xc2; /* another port */
	o = run(p, n);
	cr_assert(o.verdict == XDP_PASS && o.length == n && memcmp(o.packet, p, n) == 0);
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
