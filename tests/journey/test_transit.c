/* SPDX-License-Identifier: BSD-2-Clause */
/* Transit: an overlay packet from sgp1 for fra1 arrives at dxb1. And what every overlay packet must show before any
 * journey takes it: link, tag, sequence, position. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/journey/world.h"
#include "wire/bytes.h"

enum { GENEVE = 28, PATH = GENEVE + 8 + 4, TELEMETRY = PATH + 4 + 8 + 28 + 4, AUTH = TELEMETRY + 8 + 4 };

static void one_world(void)
{
	world_begin(1);
}

TestSuite(transit, .init = one_world, .fini = world_end);

static struct packet inner(void)
{
	return tcp(CLIENT ":5000", VIP ":443", .payload = 77, .ttl = 63);
}

static struct overlay from_sgp1(void)
{
	struct packet flow = inner();
	return overlay_along(&flow, SGP1, 2, (enum pop[]){DXB1, FRA1});
}

static struct packet make(struct overlay o)
{
	struct packet p = inner();
	return make_overlay(&o, &p);
}

static void expect_refused(struct packet p, enum wire_drop reason)
{
	uint64_t before = drops(DXB1, reason), all = all_drops(DXB1);
	receive(DXB1, p);
	cr_assert_eq(drops(DXB1, reason), before + 1, "not dropped as %s", wire_drop_name(reason));
	cr_assert_eq(all_drops(DXB1), all + 1);
	expect_nothing_sent(DXB1);
}

Test(transit, goes_on_over_the_link_that_the_path_names)
{
	struct overlay o = from_sgp1(), on = o;
	o.tos = 0xb9;
	receive(DXB1, make(o));
	on.from = "10.2.0.2";
	on.to = "10.3.0.2";
	on.tos = 0xb9; /* a relay is a router to the outer header: DSCP and ECN stay */
	on.left = 0;
	on.sequence = 1;
	memcpy(on.secret, secret_of(DXB1, FRA1), 16);
	expect_packet(sent(DXB1), make(on));
	cr_assert_eq(journeys(DXB1, WIRE_JOURNEY_TRANSIT), 1);
	cr_assert_eq(all_drops(DXB1), 0);
}

Test(transit, each_link_and_lane_counts_its_own_sequence)
{
	for (uint32_t i = 1; i <= 3; i++) {
		receive(DXB1, make(from_sgp1()));
		struct packet p = sent(DXB1);
		cr_assert_eq(wire_be32(p.bytes + TELEMETRY), i);
	}
}

Test(transit, a_replayed_packet_is_dropped)
{
	struct packet p = make(from_sgp1());
	receive(DXB1, p);
	sent(DXB1);
	expect_refused(p, WIRE_DROP_OVERLAY_REPLAY);
	pass_ms(2500);
	expect_refused(p, WIRE_DROP_OVERLAY_REPLAY);
}

/* Sequences are counted by lane: a recording in another would find a window that has not seen it. */
Test(transit, a_recording_with_another_source_port_is_dropped)
{
	struct packet p = make(from_sgp1());
	receive(DXB1, p);
	sent(DXB1);
	for (unsigned lane = 0; lane < WIRE_OVERLAY_LANES; lane++) {
		struct packet other = p;
		other.bytes[20] = (uint8_t)(0xc0 | lane);
		bool same = other.bytes[20] == p.bytes[20];
		expect_refused(other, same ? WIRE_DROP_OVERLAY_REPLAY : WIRE_DROP_OVERLAY_AUTH);
	}
}

/* Any byte that the tag covers, and the tag itself. */
Test(transit, a_forged_packet_is_dropped)
{
	for (unsigned at = PATH; at < AUTH + 12; at++) {
		struct packet p = make(from_sgp1());
		p.bytes[at] ^= 0x40;
		uint64_t all = all_drops(DXB1);
		receive(DXB1, p);
		cr_assert_eq(all_drops(DXB1), all + 1, "byte %u", at);
		expect_nothing_sent(DXB1);
	}
	cr_assert_geq(drops(DXB1, WIRE_DROP_OVERLAY_AUTH), 8u + 8u + 20u, "tag, TELEMETRY, most of STEER");
}

Test(transit, the_key_of_another_pair_does_not_open_it)
{
	struct overlay o = from_sgp1();
	memcpy(o.secret, secret_of(SGP1, FRA1), 16);
	expect_refused(make(o), WIRE_DROP_OVERLAY_AUTH);
	o = from_sgp1();
	o.key_id = 2;
	expect_refused(make(o), WIRE_DROP_OVERLAY_KEY);
}

Test(transit, only_the_far_end_of_a_link_is_heard)
{
	struct overlay o = from_sgp1();
	o.from = "10.9.0.2";
	expect_refused(make(o), WIRE_DROP_OVERLAY_PEER);
}

Test(transit, the_path_must_name_the_link_it_came_on_and_one_of_ours_to_go_on)
{
	struct overlay o = from_sgp1();
	o.hop[0].local = 99;
	expect_refused(make(o), WIRE_DROP_OVERLAY_PATH);
	o = from_sgp1();
	o.hop[0].pop = FRA1 + 5;
	expect_refused(make(o), WIRE_DROP_OVERLAY_PATH);
	o = from_sgp1();
	o.hop[1].remote = 99;
	expect_refused(make(o), WIRE_DROP_OVERLAY_PATH);
	o = from_sgp1();
	o.hop[1].pop = DXB1;
	expect_refused(make(o), WIRE_DROP_OVERLAY_LOOP);
}

Test(transit, a_packet_larger_than_the_next_link_is_dropped)
{
	struct wire_ctl_link narrow = {.link = LINK(DXB1, FRA1), .from_pop = DXB1, .to_pop = FRA1};
	narrow.local_link = 10 + DXB1;
	narrow.remote_link = 10 + FRA1;
	narrow.mtu = 600;
	narrow.local = wire_addr_from_v4("\x0a\x02\x00\x02");
	narrow.remote = wire_addr_from_v4("\x0a\x03\x00\x02");
	change(DXB1, WIRE_OBJ_LINK, &narrow, sizeof(narrow), false);
	struct overlay o = from_sgp1();
	struct packet large = tcp(CLIENT ":5000", VIP ":443", .payload = 600);
	expect_refused(make_overlay(&o, &large), WIRE_DROP_TOO_BIG);
	receive(DXB1, make(from_sgp1()));
	sent(DXB1);
}

/* A frame cut off anywhere: a reason, never a crash or a byte read that is not there (ASan sees to that, because the
 * frame ends where the buffer's data ends). The cut shows in the length fields or against them. */
Test(transit, every_truncated_length_is_dropped_with_a_reason)
{
	struct packet whole = make(from_sgp1());
	uint8_t frame[14 + MAX_PACKET] = {[12] = 0x08};
	for (uint16_t length = 0; length < 14 + whole.length; length++) {
		uint64_t all = all_drops(DXB1);
		memcpy(frame + 14, whole.bytes, whole.length);
		receive_frame(DXB1, 0, frame, length);
		cr_assert_eq(all_drops(DXB1), all + 1, "%u bytes", length);
		expect_nothing_sent(DXB1);
	}
}

Test(transit, a_whole_ip_packet_around_a_truncated_datagram_is_dropped_too)
{
	struct packet whole = make(from_sgp1());
	/* Below 28 bytes there is no port that would make it ours: the kernel's. */
	for (uint16_t length = 28; length < AUTH + 12; length++) {
		struct packet p = whole;
		uint64_t all = all_drops(DXB1);
		p.length = length;
		wire_put_be16(p.bytes + 2, length);
		wire_put_be16(p.bytes + 24, (uint16_t)(length - 20));
		receive(DXB1, with_ttl(p, 64));
		cr_assert_eq(all_drops(DXB1), all + 1, "%u bytes", length);
		expect_nothing_sent(DXB1);
	}
}

/* A packet that sgp1 itself sends reaches dxb1 and goes on. */
static bool sgp1_is_heard(void)
{
	uint64_t before = journeys(DXB1, WIRE_JOURNEY_TRANSIT);
	receive(SGP1, udp(CLIENT ":5000", VIP ":53"));
	carry();
	forget_delivered();
	return journeys(DXB1, WIRE_JOURNEY_TRANSIT) == before + 1;
}

Test(transit, a_sender_that_restarted_is_heard_again)
{
	pass_ms(100);
	for (unsigned i = 0; i < 2000; i++)
		cr_assert(sgp1_is_heard());
	restart(SGP1, 0x123456);
	pass_ms(5);
	cr_assert(sgp1_is_heard());
	cr_assert_eq(drops(DXB1, WIRE_DROP_OVERLAY_REPLAY), 0);
}

/* Its clock stepped, and then it began anew: once it was taken for a replay for ever. */
Test(transit, a_sender_whose_clock_stepped_before_it_restarted_is_heard_again)
{
	static const int64_t step_s[] = {10, -3000, 1000000};
	pass_ms(100);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(sgp1_is_heard());
		set_clock(SGP1, step_s[i] * 1000000000);
		restart(SGP1, 0x100 + i);
		pass_ms(100);
		cr_assert(sgp1_is_heard(), "after a step of %ld s", (long)step_s[i]);
	}
}

/* Of this process of the sender or of one before it: it must not shut out what the sender sends now. */
Test(transit, a_recording_replayed_at_our_start_does_not_silence_a_lane)
{
	struct packet flow = udp(CLIENT ":5000", VIP ":53");
	struct overlay old = overlay_along(&flow, SGP1, 2, (enum pop[]){DXB1, FRA1});
	const uint64_t of_before[2] = {1, UINT64_C(1) << 33};
	pass_ms(100);
	for (unsigned i = 0; i < 3; i++) {
		old.epoch = i < 2 ? 0x777777 : 0;
		old.sequence = i < 2 ? of_before[i] : 1;
		old.time_us = world_time_us() - 3600000000u;
		restart(DXB1, i + 1);
		receive(DXB1, make_overlay(&old, &flow));
		pass_ms(100);
		cr_assert(sgp1_is_heard(), "recording %u", i);
		expect_refused(make_overlay(&old, &flow), WIRE_DROP_OVERLAY_REPLAY);
	}
}

Test(transit, a_recording_of_a_process_that_ended_is_dropped)
{
	struct packet recording = make(from_sgp1());
	pass_ms(100);
	restart(SGP1, 0x123456);
	pass_ms(100);
	expect_refused(recording, WIRE_DROP_OVERLAY_REPLAY);
	cr_assert(sgp1_is_heard());
}

/* ---- what is kept of links is forgotten with their state (dataplane/way.h) ---- */

static void change_secret(enum pop other, enum wire_ctl_key_direction direction, const char *secret)
{
	struct wire_ctl_key key = {.pop = (uint16_t)other, .direction = (uint8_t)direction, .key_id = 1};
	memcpy(key.secret, secret, sizeof(key.secret));
	change(DXB1, WIRE_OBJ_KEY, &key, sizeof(key), false);
}

Test(transit, a_key_that_changes_signs_the_next_packet)
{
	static const char other[] = "sixteen bytes of";
	struct overlay on = from_sgp1();
	receive(DXB1, make(from_sgp1()));
	sent(DXB1);
	change_secret(FRA1, WIRE_KEY_TX, other);
	receive(DXB1, make(from_sgp1()));
	on.from = "10.2.0.2";
	on.to = "10.3.0.2";
	on.left = 0;
	on.sequence = 2;
	memcpy(on.secret, other, 16);
	expect_packet(sent(DXB1), make(on));
}

Test(transit, a_key_that_changes_opens_nothing_from_the_next_packet_on)
{
	receive(DXB1, make(from_sgp1()));
	sent(DXB1);
	change_secret(SGP1, WIRE_KEY_RX, "sixteen bytes of");
	expect_refused(make(from_sgp1()), WIRE_DROP_OVERLAY_AUTH);
}

Test(transit, a_link_that_moves_leaves_its_address_to_nobody)
{
	struct wire_ctl_link moved = {.link = LINK(DXB1, SGP1), .from_pop = DXB1, .to_pop = SGP1, .mtu = 1500};
	moved.local_link = 10 + DXB1;
	moved.remote_link = 10 + SGP1;
	moved.local = wire_addr_from_v4("\x0a\x02\x00\x02");
	moved.remote = wire_addr_from_v4("\x0a\x01\x00\x63");
	receive(DXB1, make(from_sgp1()));
	sent(DXB1);
	change(DXB1, WIRE_OBJ_LINK, &moved, sizeof(moved), false);
	expect_refused(make(from_sgp1()), WIRE_DROP_OVERLAY_PEER);
}

Test(transit, a_port_that_becomes_narrow_is_noticed_with_the_next_state)
{
	receive(DXB1, make(from_sgp1()));
	sent(DXB1);
	set_port_mtu(150);
	change_secret(SGP1, WIRE_KEY_TX, "sixteen bytes of"); /* any change makes a new state */
	expect_refused(make(from_sgp1()), WIRE_DROP_TOO_BIG);
}
