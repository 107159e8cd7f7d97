/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/overlay_plain.h"
#include "wire/checksum.h"

static uint8_t packet[256];

static uint16_t be16(uint16_t v)
{
	uint16_t r;
	wire_put_be16(&r, v);
	return r;
}

/* A data packet with n hops 11, 12, … and an inner packet of 100 bytes. Returns its Geneve header. */
static uint8_t *given_packet(unsigned n)
{
	struct dp_encap e = {.vni = 0x123456, .hash = 0x3abc, .inner_length = 100, .tos = 0xb9, .key_id = 7};
	e.inner_type = WIRE_ETHERTYPE_IPV6;
	e.local = wire_addr_from_v4("\x0a\x01\x00\x02");
	e.remote = wire_addr_from_v4("\x0a\x02\x00\x02");
	e.n_hops = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		e.hop[i] =
		    (struct wire_path_hop){.pop = be16((uint16_t)(11 + i)), .local_link = (uint8_t)i, .remote_link = 9};
	e.steer = (struct wire_steer){.flags = WIRE_STEER_SECOND, .ingress_pop = be16(1), .egress_pop = be16(12)};
	memset(packet, 0, sizeof(packet));
	struct dp_overlay o = dp_encap_write(packet, &e);
	dp_overlay_stamp(&o, 0xcafedeadbeef, 0x01020304);
	dp_overlay_put_epoch(&o, 7, 0x987654);
	cr_assert_eq((uint8_t *)(o.auth + 1), packet + dp_encap_size(false, n));
	return (uint8_t *)o.geneve;
}

static size_t geneve_size(unsigned n)
{
	return dp_encap_size(false, n) - 28u;
}

Test(overlay, what_is_written_is_read_back)
{
	for (unsigned n = 1; n <= WIRE_PATH_MAX_HOPS; n++) {
		uint8_t *g = given_packet(n);
		struct dp_overlay o;
		cr_assert_eq(dp_overlay_parse(g, geneve_size(n), &o), WIRE_DROP_NONE);
		cr_assert_eq(o.length, geneve_size(n));
		cr_assert_eq(o.covered + sizeof(o.auth->tag), sizeof(struct wire_udp) + o.length);
		cr_assert_eq(o.path->count, n);
		cr_assert_eq(o.path->left, n - 1);
		cr_assert_eq(wire_be16(&o.path->hop[0].pop), 11);
		cr_assert_eq(wire_be16(&o.steer->egress_pop), 12);
		cr_assert_eq(wire_be32(&o.telemetry->sequence), 0xdeadbeef);
		cr_assert_eq(dp_overlay_sequence(&o), 0xcafedeadbeef);
		cr_assert_eq(dp_overlay_epoch(&o), 0x987654);
		cr_assert_eq(o.auth->key_id, 7);
		struct wire_ipv4 *ip = (struct wire_ipv4 *)packet;
		cr_assert_eq(wire_csum(ip, sizeof(*ip)), 0);
		cr_assert_eq(ip->tos, 0xb9);
		cr_assert_eq(wire_be16(&ip->total_length), dp_encap_size(false, n) + 100);
		cr_assert_eq(wire_be16(packet + 20), 0xc000 | 0x3abc);
		cr_assert_eq(wire_be16(&o.geneve->protocol), WIRE_ETHERTYPE_IPV6);
	}
}

/* A relay between links of either kind changes nothing behind the outer IP header. */
Test(overlay, the_outer_header_follows_the_links_version)
{
	struct wire_addr local = wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
	                 remote = wire_addr_from_v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2");
	uint8_t room[20 + sizeof(packet)], *udp = room + 40;
	given_packet(2);
	uint16_t length = (uint16_t)(dp_encap_size(false, 2) - 20 + 100);
	memcpy(udp, packet + 20, length);
	uint8_t *at = room;
	cr_assert_eq(dp_outer_write(at, length, 0xb9, &local, &remote), udp);
	cr_assert_eq(wire_be32(at), 0x6b900000);
	cr_assert_eq(wire_be16(at + 4), length);
	cr_assert_eq(at[6], WIRE_PROTO_UDP);
	cr_assert_eq(at[7], 64);
	cr_assert_arr_eq(at + 8, local.bytes, 16);
	cr_assert_arr_eq(at + 24, remote.bytes, 16);
	cr_assert_arr_eq(udp, packet + 20, length);
	cr_assert_eq(wire_be16(udp + 6), 0, "RFC 6935: no checksum");

	local = wire_addr_from_v4("\x0a\x01\x00\x02");
	remote = wire_addr_from_v4("\x0a\x02\x00\x02");
	at = udp - 20;
	cr_assert_eq(dp_outer_write(at, length, 0xb9, &local, &remote), udp);
	cr_assert_arr_eq(at, packet, 20 + length);
}

Test(overlay, every_truncated_length_is_refused)
{
	uint8_t *g = given_packet(3);
	for (size_t length = 0; length < geneve_size(3); length++) {
		uint8_t *copy = malloc(length ? length : 1); /* so that ASan sees a read past the end */
		struct dp_overlay o;
		memcpy(copy, g, length);
		cr_assert_neq(dp_overlay_parse(copy, length, &o), WIRE_DROP_NONE, "%zu bytes", length);
		free(copy);
	}
}

/* Rows: where a byte of a good packet (2 hops) is changed, to what, and what the parser says. */
Test(overlay, malformed_packets_have_their_reasons)
{
	enum { PATH = 8, STEER = PATH + 4 + 12, TELEMETRY = STEER + 28, AUTH = TELEMETRY + 12 };
	static const struct {
		size_t at;
		uint8_t value;
		enum wire_drop drop;
		const char *what;
	} rows[] = {
	    {0, 0x40 | 20, WIRE_DROP_OVERLAY_HEADER, "version 1"},
	    {0, 16, WIRE_DROP_OVERLAY_OPTION, "options end before AUTH"},
	    {0, 0x3f, WIRE_DROP_TRUNCATED, "options longer than the datagram"},
	    {1, WIRE_GENEVE_OAM, WIRE_DROP_OVERLAY_OPTION, "data options in a control packet"},
	    {PATH + 1, 0x4c, WIRE_DROP_OVERLAY_CRITICAL, "critical option of another class"},
	    {PATH + 2, 0x90, WIRE_DROP_OVERLAY_CRITICAL, "unknown critical option of ours"},
	    {PATH + 2, 0x10, WIRE_DROP_OVERLAY_OPTION, "PATH missing"},
	    {PATH + 3, 2, WIRE_DROP_OVERLAY_OPTION, "PATH shorter than its count"},
	    {PATH + 4, 2, WIRE_DROP_OVERLAY_OPTION, "as many hops left as there are"},
	    {PATH + 5, 0, WIRE_DROP_OVERLAY_OPTION, "no hops"},
	    {PATH + 5, 5, WIRE_DROP_OVERLAY_OPTION, "too many hops"},
	    {PATH + 9, 12, WIRE_DROP_OVERLAY_LOOP, "a POP twice"},
	    {STEER + 2, WIRE_OPT_PATH, WIRE_DROP_OVERLAY_OPTION, "PATH twice"},
	    {TELEMETRY + 2, WIRE_OPT_STEER, WIRE_DROP_OVERLAY_OPTION, "STEER twice"},
	    {TELEMETRY + 2, WIRE_OPT_AUTH, WIRE_DROP_OVERLAY_OPTION, "AUTH of the wrong size"},
	    {AUTH + 2, WIRE_OPT_KEEPALIVE, WIRE_DROP_OVERLAY_OPTION, "no AUTH"},
	    {AUTH + 2, 0x10, WIRE_DROP_OVERLAY_OPTION, "no AUTH, but an option that may be ignored"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *g = given_packet(2);
		struct dp_overlay o;
		g[rows[i].at] = rows[i].value;
		enum wire_drop drop = dp_overlay_parse(g, geneve_size(2), &o);
		cr_expect_eq(drop, rows[i].drop, "%s: %s", rows[i].what, wire_drop_name(drop));
	}
}

Test(overlay, an_unknown_option_that_is_not_critical_is_passed_over)
{
	static const uint8_t foreign[8] = {0x01, 0x02, 0x03, 0x01};
	uint8_t *g = given_packet(1), with[256];
	memcpy(with, g, 8);
	memcpy(with + 8, foreign, 8);
	memcpy(with + 16, g + 8, geneve_size(1) - 8);
	with[0] = (uint8_t)(with[0] + 2);
	struct dp_overlay o;
	cr_assert_eq(dp_overlay_parse(with, geneve_size(1) + 8, &o), WIRE_DROP_NONE);
	cr_assert_eq(o.path->count, 1);
}

Test(overlay, random_bytes_never_parse_outside_their_buffer)
{
	srand(8926);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t *g = given_packet(1 + (unsigned)rand() % 4);
		size_t length = (size_t)rand() % 120;
		uint8_t *copy = malloc(length ? length : 1);
		struct dp_overlay o = {0};
		memcpy(copy, g, length);
		for (unsigned k = 0; length && k < 1 + (unsigned)rand() % 3; k++)
			copy[(size_t)rand() % length] = (uint8_t)rand();
		if (dp_overlay_parse(copy, length, &o) == WIRE_DROP_NONE)
			cr_assert_leq(o.length, length);
		free(copy);
	}
}

Test(overlay, a_control_packet_holds_its_option_and_auth_alone)
{
	struct dp_overlay o, w = dp_control_write(packet, 0, WIRE_OPT_KEEPALIVE, sizeof(struct wire_keepalive));
	w.keepalive->kind = WIRE_KEEPALIVE_REQUEST;
	cr_assert_eq(
	    dp_overlay_parse(packet + 8, dp_control_size(sizeof(struct wire_keepalive)) - 8u, &o), WIRE_DROP_NONE);
	cr_assert_eq(o.keepalive, w.keepalive);
	cr_assert_eq(o.auth, w.auth);
	cr_assert_null(o.path);
}

Test(replay, each_sequence_is_taken_once_in_any_order_within_the_window)
{
	enum { N = 20000 };
	static struct dp_replay r;
	static bool taken[N];
	srand(1024);
	cr_assert(dp_replay_take(&r, 0, 0));
	for (unsigned i = 0; i < 4 * N; i++) {
		uint32_t base = i / 4, sequence = base + (uint32_t)rand() % 500;
		if (sequence == 0 || sequence >= N)
			continue;
		cr_assert_eq(dp_replay_take(&r, 0, sequence), !taken[sequence], "sequence %u", sequence);
		taken[sequence] = true;
	}
}

Test(replay, a_sequence_below_the_window_is_refused)
{
	static struct dp_replay r;
	for (uint32_t s = 1; s < 5000; s++)
		cr_assert(dp_replay_take(&r, 0, s));
	for (uint32_t s = 1; s < 5000; s += 7)
		cr_assert_not(dp_replay_take(&r, 0, s));
}

Test(replay, a_gap_is_counted_as_lost_once_it_leaves_the_window)
{
	static struct dp_replay r;
	for (uint32_t s = 1; s < 4000; s++)
		if (s % 10)
			dp_replay_take(&r, 0, s);
	cr_assert_geq(r.lost, 290);
	cr_assert_leq(r.lost, 300);
}

Test(replay, what_has_not_come_is_missing_until_it_comes_or_is_lost)
{
	static struct dp_replay r;
	cr_assert_eq(dp_replay_missing(&r), 0);
	dp_replay_take(&r, 0, 5);
	cr_assert_eq(dp_replay_missing(&r), 0, "nobody knows what was before the first");
	dp_replay_take(&r, 0, 9);
	cr_assert_eq(dp_replay_missing(&r), 3);
	dp_replay_take(&r, 0, 7);
	cr_assert_eq(dp_replay_missing(&r) + r.lost, 2);
	for (uint64_t s = 10; s < 10 + 2 * DP_REPLAY_WINDOW; s++) {
		dp_replay_take(&r, 0, s);
		cr_assert_eq(dp_replay_missing(&r) + r.lost, 2);
	}
	cr_assert_eq(r.lost, 2);
}

Test(replay, another_epoch_begins_the_window_anew)
{
	static struct dp_replay r;
	for (uint64_t s = 1; s < 3000; s++)
		cr_assert(dp_replay_take(&r, 7, s));
	for (uint64_t s = 1; s < 3000; s++)
		cr_assert(dp_replay_take(&r, 8, s));
	cr_assert_not(dp_replay_take(&r, 8, 2999));
	cr_assert_eq(r.lost, 0);
}

/* Whatever sequence a recording brings, the sender's next ones are taken. */
Test(replay, no_packet_of_an_epoch_shuts_out_later_ones)
{
	static const uint64_t first[] = {1, 1u << 20, (1ull << 31) + 5, 1ull << 32, (1ull << 40) + 9};
	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct dp_replay r = {0};
		cr_assert(dp_replay_take(&r, 7, first[i]));
		for (uint64_t s = 1ull << 41; s < (1ull << 41) + 2000; s++)
			cr_assert(dp_replay_take(&r, 7, s), "%llu after %llu", (unsigned long long)s,
			    (unsigned long long)first[i]);
		cr_assert_not(dp_replay_take(&r, 7, first[i]));
		cr_assert_eq(r.lost, 0, "a recording is no loss");
	}
}

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)rand() % n;
}

static void expect_same(const struct dp_overlay *plain, const struct dp_overlay *any)
{
	cr_assert_eq(plain->geneve, any->geneve);
	cr_assert_eq(plain->path, any->path);
	cr_assert_eq(plain->steer, any->steer);
	cr_assert_eq(plain->telemetry, any->telemetry);
	cr_assert_eq(plain->auth, any->auth);
	cr_assert(!any->keepalive && !plain->keepalive && !any->linkstate && !plain->linkstate);
	cr_assert_eq(plain->covered, any->covered);
	cr_assert_eq(plain->length, any->length);
}

Test(overlay, the_plain_options_are_read_as_any_others_are)
{
	enum { ROUNDS = 200000 };
	unsigned taken = 0, refused = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned hops = 1 + random_below(WIRE_PATH_MAX_HOPS), damages = random_below(3);
		uint8_t *g = given_packet(hops);
		size_t whole = geneve_size(hops), length = random_below(4) ? whole : random_below((uint32_t)whole + 40);
		for (unsigned n = 0; n < damages; n++)
			g[random_below((uint32_t)whole)] =
			    (uint8_t)(random_below(2) ? random_below(256) : random_below(8));
		struct dp_overlay plain = {0}, any = {0};
		bool is_plain = dp_overlay_parse_plain(g, length, &plain);
		enum wire_drop drop = dp_overlay_parse(g, length, &any);
		cr_assert(is_plain || drop != WIRE_DROP_NONE || damages, "round %u: whole, but not plain", round);
		refused += drop != WIRE_DROP_NONE;
		if (!is_plain)
			continue;
		cr_assert_eq(drop, WIRE_DROP_NONE, "round %u: plain, but %s", round, wire_drop_name(drop));
		expect_same(&plain, &any);
		taken++;
	}
	cr_assert(taken > ROUNDS / 4 && refused > ROUNDS / 4);
}
