/* SPDX-License-Identifier: BSD-2-Clause */
/* The origin's program, packet by packet, through bpf_prog_test_run. */
#include "permitted.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#include "endpoint.skel.h"
#include "wire/ask.h"
#include "wire/bytes.h"
#include "wire/ip.h"

static struct endpoint_bpf *skel;

#define POP6 "\x20\x01\x0d\xb8\0\3\0\0\0\0\0\0\0\1\0\1"

static void load(void)
{
	skel = endpoint_bpf__open_and_load();
	cr_assert(skel, "the kernel refuses the program: %s", strerror(errno));
	struct wire_addr pop[2] = {wire_addr_from_v4("\x0a\x03\x00\x02"), wire_addr_from_v6((const uint8_t *)POP6)};
	uint8_t yes = 1;
	for (size_t i = 0; i < 2; i++)
		cr_assert(bpf_map_update_elem(bpf_map__fd(skel->maps.pops), &pop[i], &yes, BPF_ANY) == 0);
}

static void unload(void)
{
	endpoint_bpf__destroy(skel);
}

TestSuite(endpoint, .init = load, .fini = unload);

struct outcome {
	uint32_t verdict;
	uint32_t length;
	uint8_t packet[512];
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

/* How a packet is wrapped: 44, 46, 64, 66 (outer, inner) by IP in IP or Geneve, with so many words of options. */
struct wrap {
	bool v6, inner_v6, geneve;
	uint8_t options;
};

#define INNER 60u /* bytes of the inner packet */

static const struct wrap wraps[] = {
    {false, false, false, 0},
    {false, true, false, 0},
    {true, false, false, 0},
    {true, true, false, 0},
    {false, false, true, 0},
    {false, true, true, 2},
    {true, false, true, 63},
    {true, true, true, 0},
};

#define N_WRAPS (sizeof(wraps) / sizeof(wraps[0]))

static uint32_t outer_size(const struct wrap *w)
{
	return (w->v6 ? 40u : 20u) + (w->geneve ? 16u + 4u * w->options : 0);
}

static void put_ip(uint8_t *p, bool v6, uint8_t tos, uint8_t protocol, const void *src)
{
	struct wire_ipv4 v4 = {.version_ihl = 0x45, .ttl = 64, .protocol = protocol, .dst = {10, 4, 0, 2}};
	struct wire_ipv6 six = {.version_class_flow = 0x60, .next_header = protocol, .hop_limit = 64, .dst = {0x20, 1}};
	memcpy(v6 ? six.src : v4.src, src, v6 ? 16 : 4);
	memcpy(p, v6 ? (void *)&six : (void *)&v4, v6 ? sizeof(six) : sizeof(v4));
	wire_ip_put_tos(p, tos);
}

/* Ethernet, the outer headers from the POP, the inner packet; returns the frame's length. */
static uint32_t build(uint8_t *p, const struct wrap *w, uint8_t outer_tos, uint8_t inner_tos)
{
	uint8_t protocol = w->inner_v6 ? WIRE_PROTO_IPV6 : WIRE_PROTO_IPIP;
	uint8_t *geneve = p + 14 + (w->v6 ? 40 : 20), *inner = p + 14 + outer_size(w);
	uint16_t type = w->inner_v6 ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4;
	memset(p, 0, 14 + outer_size(w));
	memcpy(p, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	wire_put_be16(p + 12, w->v6 ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4);
	put_ip(p + 14, w->v6, outer_tos, w->geneve ? WIRE_PROTO_UDP : protocol, w->v6 ? POP6 : "\x0a\x03\x00\x02");
	if (w->geneve) {
		memcpy(geneve, "\xc0\x01\x17\xc1", 4); /* UDP to 6081 */
		geneve[8] = w->options;
		wire_put_be16(geneve + 10, type);
		memcpy(geneve + 12, "\0\0\7", 3);
	}
	for (uint8_t i = 0; i < INNER; i++)
		inner[i] = i;
	put_ip(inner, w->inner_v6, inner_tos, WIRE_PROTO_TCP, "\xc0\0\2\7\0\0\0\0\0\0\0\0\0\0\0\7");
	return 14 + outer_size(w) + INNER;
}

static void expect_unwrapped(const struct outcome *o, const uint8_t *inner)
{
	cr_assert(o->verdict == XDP_PASS);
	cr_assert(o->length == 14 + INNER);
	cr_assert(memcmp(o->packet, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12) == 0);
	cr_assert(wire_be16(o->packet + 12) == wire_ip_ethertype(inner));
	cr_assert(memcmp(o->packet + 14, inner, INNER) == 0);
}

Test(endpoint, unwraps_either_version_from_either)
{
	uint8_t p[512];
	for (size_t i = 0; i < N_WRAPS; i++) {
		struct outcome o = run(p, build(p, &wraps[i], 0xb8, 0x28));
		expect_unwrapped(&o, p + 14 + outer_size(&wraps[i]));
	}
}

/* RFC 6040, figure 4: rows are the inner field, columns the outer one. */
Test(endpoint, keeps_what_the_path_marked_and_drops_what_cannot_carry_the_mark)
{
	static const int left[4][4] = {[0] = {0, 0, 0, -1}, [1] = {1, 1, 1, 3}, [2] = {2, 1, 2, 3}, [3] = {3, 3, 3, 3}};
	uint8_t p[512];
	for (size_t i = 0; i < N_WRAPS * 16; i++) {
		const struct wrap *w = &wraps[i / 16];
		uint8_t inner_ecn = i / 4 % 4, outer_ecn = i % 4, *inner = p + 14 + outer_size(w);
		struct outcome o = run(p, build(p, w, 0x28 | outer_ecn, 0xb8 | inner_ecn));
		if (left[inner_ecn][outer_ecn] < 0) {
			cr_assert(o.verdict == XDP_DROP);
			continue;
		}
		wire_ip_put_tos(inner, (uint8_t)(0xb8 | left[inner_ecn][outer_ecn]));
		expect_unwrapped(&o, inner);
	}
}

Test(endpoint, drops_tunnels_of_strangers)
{
	uint8_t p[512];
	for (size_t i = 0; i < N_WRAPS; i++) {
		uint32_t n = build(p, &wraps[i], 0, 0);
		p[14 + (wraps[i].v6 ? 8 + 15 : 12 + 3)]++;
		cr_assert(run(p, n).verdict == XDP_DROP, "case %zu", i);
	}
}

Test(endpoint, drops_geneve_that_is_critical_control_or_of_another_version)
{
	uint8_t p[512];
	const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{8, 0x40}, {9, 0x80}, {9, 0x40}, {10, 0x65}};
	for (size_t i = 0; i < N_WRAPS * 4; i++) {
		const struct wrap *w = &wraps[i / 4];
		uint32_t n = build(p, w, 0, 0);
		p[14 + (w->v6 ? 40 : 20) + wrong[i % 4].at] = wrong[i % 4].value;
		cr_assert(!w->geneve || run(p, n).verdict == XDP_DROP, "case %zu", i);
	}
}

Test(endpoint, drops_what_is_not_of_the_version_that_the_tunnel_says)
{
	uint8_t p[512];
	for (size_t i = 0; i < N_WRAPS; i++) {
		uint32_t n = build(p, &wraps[i], 0, 0);
		p[14 + outer_size(&wraps[i])] = wraps[i].inner_v6 ? 0x45 : 0x60;
		cr_assert(run(p, n).verdict == XDP_DROP, "case %zu", i);
	}
}

Test(endpoint, survives_every_truncation)
{
	uint8_t p[512];
	for (size_t i = 0; i < N_WRAPS; i++) {
		uint32_t n = build(p, &wraps[i], 0, 0), whole = 14 + outer_size(&wraps[i]);
		whole += wraps[i].inner_v6 ? 40 : 20;
		for (uint32_t length = 14; length < n; length++) {
			struct outcome o = run(p, length);
			cr_assert(o.verdict == XDP_PASS || o.verdict == XDP_DROP);
			cr_assert(length >= whole || o.verdict == XDP_DROP || o.length == length, "not unwrapped");
		}
	}
}

static void expect_untouched(const uint8_t *p, uint32_t n)
{
	struct outcome o = run(p, n);
	cr_assert(o.verdict == XDP_PASS && o.length == n && memcmp(o.packet, p, n) == 0);
}

Test(endpoint, leaves_everything_else_alone)
{
	uint8_t p[512];
	for (size_t i = 0; i < N_WRAPS; i++) {
		const struct wrap *w = &wraps[i];
		uint32_t n = build(p, w, 0, 0), protocol = 14 + (w->v6 ? 6 : 9);
		if (w->geneve) {
			p[14 + (w->v6 ? 40 : 20) + 3] = 0xc2; /* another port */
			expect_untouched(p, n);
		}
		p[protocol] = WIRE_PROTO_TCP;
		expect_untouched(p, n);
		p[protocol] = WIRE_PROTO_FRAGMENT;
		expect_untouched(p, n);
	}
}

/* ---- whose connection is it? ---- */

/* A TCP connection within this namespace: the ends of what the client sends. */
struct connection {
	int listener, client, server;
	bool v6;
	struct sockaddr_storage from, to;
};

static struct connection connect_over(bool v6)
{
	struct connection c = {.v6 = v6, .client = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)};
	socklen_t size = sizeof(c.from);
	c.to.ss_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		((struct sockaddr_in6 *)&c.to)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)&c.to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c.listener = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	cr_assert(bind(c.listener, (struct sockaddr *)&c.to, sizeof(c.to)) == 0 && listen(c.listener, 1) == 0);
	cr_assert(getsockname(c.listener, (struct sockaddr *)&c.to, &size) == 0);
	cr_assert(connect(c.client, (struct sockaddr *)&c.to, size) == 0, "%s", strerror(errno));
	c.server = accept(c.listener, NULL, NULL);
	size = sizeof(c.from);
	cr_assert(c.server >= 0 && getsockname(c.client, (struct sockaddr *)&c.from, &size) == 0);
	return c;
}

static void put_ends(uint8_t *inner, const struct connection *c, uint8_t flags)
{
	const struct sockaddr_in *from = (const void *)&c->from, *to = (const void *)&c->to;
	const struct sockaddr_in6 *from6 = (const void *)&c->from, *to6 = (const void *)&c->to;
	uint8_t *tcp = inner + (c->v6 ? 40 : 20);
	memcpy(inner + (c->v6 ? 8 : 12), c->v6 ? (const void *)&from6->sin6_addr : (const void *)&from->sin_addr,
	    c->v6 ? 16 : 4);
	memcpy(inner + (c->v6 ? 24 : 16), c->v6 ? (const void *)&to6->sin6_addr : (const void *)&to->sin_addr,
	    c->v6 ? 16 : 4);
	memcpy(tcp, &from->sin_port, 2); /* at the same place in both */
	memcpy(tcp + 2, &to->sin_port, 2);
	tcp[12] = 0x50;
	tcp[13] = flags;
}

/* A segment of the connection that asks; returns the frame's length. */
static uint32_t build_asking(uint8_t *p, bool outer6, const struct connection *c, uint8_t flags)
{
	const struct wrap w = {.v6 = outer6, .inner_v6 = c->v6, .geneve = true, .options = 3};
	uint32_t n = build(p, &w, 0, 0);
	memcpy(p + 14 + (outer6 ? 40 : 20) + 16,
	    "\xff\x4b\x07\x02"
	    "\0\0\0\x64"
	    "\1\2\3\4",
	    12);
	put_ends(p + 14 + outer_size(&w), c, flags);
	return n;
}

static void expect_ours(const uint8_t *p, uint32_t n)
{
	struct outcome o = run(p, n);
	expect_unwrapped(&o, p + n - INNER);
}

/* It goes back the way it came, with its question, and nothing else is changed. */
static void expect_denied(const uint8_t *p, uint32_t n, bool outer6)
{
	uint8_t expected[512];
	uint32_t src = 14 + (outer6 ? 8 : 12), size = outer6 ? 16 : 4, udp = 14 + (outer6 ? 40 : 20);
	struct outcome o = run(p, n);
	memcpy(expected, p, n);
	memcpy(expected, p + 6, 6);
	memcpy(expected + 6, p, 6);
	memcpy(expected + src, p + src + size, size);
	memcpy(expected + src + size, p + src, size);
	memcpy(expected + udp, p + udp + 2, 2);
	memcpy(expected + udp + 2, p + udp, 2);
	expected[udp + 18] = WIRE_OPT_DENIED;
	cr_assert_eq(o.verdict, XDP_TX);
	cr_assert(o.length == n && memcmp(o.packet, expected, n) == 0);
}

static void load_apart(void)
{
	cr_assert(unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") == 0);
	load();
}

Test(endpoint, keeps_what_has_a_socket_and_sends_back_what_has_none, .init = load_apart)
{
	uint8_t p[512];
	for (unsigned k = 0; k < 4; k++) {
		bool outer6 = k & 1;
		struct connection c = connect_over(k & 2), other = c;
		expect_ours(p, build_asking(p, outer6, &c, WIRE_TCP_ACK));
		((struct sockaddr_in *)&other.from)->sin_port ^= 1;
		expect_denied(p, build_asking(p, outer6, &other, WIRE_TCP_ACK), outer6);
		expect_denied(p, build_asking(p, outer6, &other, WIRE_TCP_RST), outer6);
		expect_ours(p, build_asking(p, outer6, &other, WIRE_TCP_SYN)); /* a new one is welcome */
		close(c.listener);
		((struct sockaddr_in *)&other.to)->sin_port ^= 1;
		expect_denied(p, build_asking(p, outer6, &other, WIRE_TCP_ACK), outer6);
		expect_ours(p, build_asking(p, outer6, &c, WIRE_TCP_ACK));
		close(c.server); /* first, so that its end is in TIME-WAIT, which is still its own */
		close(c.client);
		expect_ours(p, build_asking(p, outer6, &c, WIRE_TCP_ACK));
	}
}

Test(endpoint, what_it_cannot_look_up_or_was_not_asked_for_is_its_own, .init = load_apart)
{
	uint8_t p[512];
	struct connection c = connect_over(false);
	((struct sockaddr_in *)&c.from)->sin_port ^= 1;
	uint32_t n = build_asking(p, false, &c, WIRE_TCP_ACK), inner = n - INNER;
	static const struct {
		uint8_t at;
		uint8_t value;
	} other[] = {{6, 0x20}, {7, 0x01}, {9, WIRE_PROTO_UDP}, {0, 0x46}}; /* fragments, UDP, options */
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		uint8_t was = p[inner + other[i].at];
		p[inner + other[i].at] = other[i].value;
		expect_ours(p, n);
		p[inner + other[i].at] = was;
	}
	static const uint8_t option[] = {0, 1, 2, 3}; /* class, type, length: not ASK */
	for (size_t i = 0; i < sizeof(option); i++) {
		p[50 + option[i]] ^= 0x10;
		expect_ours(p, n);
		p[50 + option[i]] ^= 0x10;
	}
	expect_denied(p, n, false);
	p[14 + 15]++; /* a stranger is not answered */
	cr_assert_eq(run(p, n).verdict, XDP_DROP);
}

Test(endpoint, survives_every_truncation_of_a_question, .init = load_apart)
{
	uint8_t p[512];
	for (unsigned k = 0; k < 4; k++) {
		struct connection c = connect_over(k & 2);
		((struct sockaddr_in *)&c.from)->sin_port ^= 1;
		uint32_t n = build_asking(p, k & 1, &c, WIRE_TCP_ACK), tcp = n - INNER + (c.v6 ? 40 : 20);
		for (uint32_t length = 14; length < n; length++) {
			struct outcome o = run(p, length);
			cr_assert((o.verdict == XDP_TX) == (length >= tcp + 20), "%u of %u bytes", length, n);
		}
	}
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
