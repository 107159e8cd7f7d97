/* SPDX-License-Identifier: BSD-2-Clause */
/* Links go dark and heal, in virtual time: who notices when, what the others are told, and which path packets take. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/oam.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define DOWN_MS  (KEEPALIVE_US / 1000 * DEAD) /* silence that takes a link down */
#define SLACK_MS (KEEPALIVE_US / 1000)        /* the last keepalive may have been heard just before the cut */

#define FORGOTTEN_MS 40000u /* a POP remembers the last 64 notices; the others send one a second each */

/* Every POP has heard every other, and grace is over. */
static void settled_world(void)
{
	world_begin(1);
	pass_ms(700);
}

TestSuite(oam, .init = settled_world, .fini = world_end);

static void cut_both(enum pop a, enum pop b, bool dark)
{
	cut(a, b, dark);
	cut(b, a, dark);
}

/* The POP to which a new flow of a client at `pop` goes first. */
static unsigned first_hop(enum pop pop)
{
	receive(pop, udp(CLIENT ":5000", VIP ":53"));
	return sent(pop).bytes[17];
}

/* Milliseconds until traffic at `pop` goes to `hop` first; the test fails if it takes more than `most`. */
static unsigned wait_for(enum pop pop, enum pop hop, unsigned most)
{
	unsigned ms = 0;
	for (; first_hop(pop) != hop; ms++) {
		cr_assert_lt(ms, most, "POP %u does not send to POP %u within %u ms", pop, hop, most);
		pass_ms(1);
	}
	return ms;
}

Test(oam, links_that_are_heard_stay_up)
{
	struct dp_event e;
	pass_ms(3000);
	cr_assert_eq(first_hop(SGP1), DXB1);
	for (unsigned pop = 1; pop <= POPS; pop++) {
		cr_assert_not(event(pop, DP_EVENT_LINK_STATE, &e));
		cr_assert_eq(all_drops(pop), 0);
	}
}

Test(oam, a_silent_link_is_down_after_three_intervals_and_traffic_takes_the_backup)
{
	cut_both(SGP1, DXB1, true);
	unsigned ms = wait_for(SGP1, FRA1, DOWN_MS + SLACK_MS + 2);
	cr_assert_geq(ms, DOWN_MS - SLACK_MS);
	cr_assert_eq(counter(SGP1, WIRE_COUNTER_ON_BACKUP), 1);
	struct dp_event e;
	cr_assert(event(SGP1, DP_EVENT_LINK_STATE, &e));
	cr_assert_eq(e.link_state.to_pop, DXB1);
	cr_assert_eq(e.link_state.state, WIRE_LINK_DOWN);
	cr_assert_eq(e.link_state.cause, WIRE_CAUSE_KEEPALIVE);
}

Test(oam, choices_are_told_to_kuafud)
{
	struct dp_event e;
	bool told = false;
	cut_both(SGP1, DXB1, true);
	wait_for(SGP1, FRA1, 100);
	while (event(SGP1, DP_EVENT_PATH_STATE, &e))
		told |= e.path_state.to_pop == FRA1 && e.path_state.active == 1;
	cr_assert(told);
}

Test(oam, a_path_that_went_on_a_detour_and_came_back_on_its_primary_is_told_to_kuafud)
{
	struct dp_event e;
	int last = -1;
	struct wire_ctl_path direct = {.to_pop = FRA1,
	    .n_primary = 1,
	    .n_backup = 2,
	    .primary = {LINK(SGP1, FRA1)},
	    .backup = {LINK(SGP1, DXB1), LINK(DXB1, FRA1)},
	    .primary_mtu = 1500,
	    .backup_mtu = 1500};
	cut_both(SGP1, DXB1, true);
	wait_for(SGP1, FRA1, 100);
	pass_ms(20);
	change(SGP1, WIRE_OBJ_PATH, &direct, sizeof(direct), true);
	pass_ms(20);
	change(SGP1, WIRE_OBJ_PATH, &direct, sizeof(direct), false);
	pass_ms(20);
	while (event(SGP1, DP_EVENT_PATH_STATE, &e))
		if (e.path_state.to_pop == FRA1)
			last = e.path_state.active;
	cr_assert_eq(last, 0, "kuafud was told %d last", last);
}

/* kuafud went on with what it had been told last, for good. */
Test(oam, what_found_no_room_is_told_when_there_is_some)
{
	struct dp_event e = {.type = DP_EVENT_LINK_STATE};
	int link = -1, path = -1;
	cut_both(SGP1, DXB1, true);
	wait_for(SGP1, FRA1, 100);
	pass_ms(1500);
	while (dp_post(worker(SGP1, 0), &e) == 0)
		;
	cut_both(SGP1, DXB1, false);
	wait_for(SGP1, DXB1, 100);
	while (event(SGP1, DP_EVENT_LINK_STATE, &e))
		cr_assert_neq(e.link_state.state == WIRE_LINK_UP && e.link_state.to_pop == DXB1, true);
	pass_ms(20);
	while (dp_workers_event(worker(SGP1, 0)->set, 0, &e) == 0) {
		if (e.type == DP_EVENT_LINK_STATE && e.link_state.from_pop == SGP1 && e.link_state.to_pop == DXB1)
			link = e.link_state.state;
		if (e.type == DP_EVENT_PATH_STATE && e.path_state.to_pop == FRA1)
			path = e.path_state.active;
	}
	cr_assert_eq(link, WIRE_LINK_UP);
	cr_assert_eq(path, 0);
}

Test(oam, a_healed_link_carries_traffic_again)
{
	cut_both(SGP1, DXB1, true);
	wait_for(SGP1, FRA1, 100);
	pass_ms(2000);
	cr_assert_eq(first_hop(SGP1), FRA1);
	cut_both(SGP1, DXB1, false);
	wait_for(SGP1, DXB1, 100);
}

/* Every second request is lost: no three replies come in a row. */
Test(oam, a_link_that_loses_every_second_keepalive_stays_down)
{
	cut_both(SGP1, DXB1, true);
	wait_for(SGP1, FRA1, 100);
	pass_ms(200);
	for (unsigned turn = 0; turn < 40; turn++) {
		cut_both(SGP1, DXB1, turn & 1);
		pass_ms(KEEPALIVE_US / 1000);
		cr_assert_eq(first_hop(SGP1), FRA1, "turn %u", turn);
	}
	cut_both(SGP1, DXB1, false);
	wait_for(SGP1, DXB1, 100);
}

Test(oam, a_link_far_away_that_dies_is_known_by_flood)
{
	cut_both(DXB1, FRA1, true);
	wait_for(SGP1, FRA1, DOWN_MS + SLACK_MS + 2);
	cut_both(DXB1, FRA1, false);
	wait_for(SGP1, DXB1, 200);
}

/* The end that hears nothing takes the link down, and the other end follows though it hears well. */
Test(oam, one_dead_direction_takes_the_link_down_at_both_ends)
{
	cut(DXB1, SGP1, true);
	wait_for(SGP1, FRA1, DOWN_MS + SLACK_MS + 2);
	struct dp_event e;
	bool told = false;
	pass_ms(3);
	while (event(DXB1, DP_EVENT_LINK_STATE, &e))
		told |= e.link_state.from_pop == DXB1 && e.link_state.to_pop == SGP1 &&
		        e.link_state.state == WIRE_LINK_DOWN && e.link_state.cause == WIRE_CAUSE_REMOTE;
	cr_assert(told);
	pass_ms(500);
	cut(DXB1, SGP1, false);
	wait_for(SGP1, DXB1, 200);
}

Test(oam, a_dead_relay_is_avoided)
{
	cut_both(DXB1, SGP1, true);
	cut_both(DXB1, FRA1, true);
	wait_for(SGP1, FRA1, DOWN_MS + SLACK_MS + 2);
}

Test(oam, stamp_alone_takes_a_link_down_and_everybody_follows)
{
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = FRA1, .local_link = 12, .remote_link = 13};
	state.state = WIRE_LINK_DOWN;
	state.cause = WIRE_CAUSE_STAMP;
	dp_oam_link_state(worker(DXB1, 0), &state);
	wait_for(SGP1, FRA1, 2);
	struct dp_event e;
	cr_assert(event(DXB1, DP_EVENT_LINK_STATE, &e));
	cr_assert_eq(e.link_state.cause, WIRE_CAUSE_STAMP);
	state.state = WIRE_LINK_UP;
	dp_oam_link_state(worker(DXB1, 0), &state);
	wait_for(SGP1, DXB1, 2);
}

Test(oam, a_notice_lost_by_the_network_is_repeated)
{
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = FRA1, .local_link = 12, .remote_link = 13};
	cut_both(SGP1, DXB1, true); /* only for so long that no link dies of it */
	cut_both(SGP1, FRA1, true);
	dp_oam_link_state(worker(DXB1, 0), &state);
	pass_ms(15);
	cr_assert_eq(first_hop(SGP1), DXB1);
	cut_both(SGP1, DXB1, false);
	cut_both(SGP1, FRA1, false);
	wait_for(SGP1, FRA1, 10);
}

Test(oam, a_notice_does_not_circle)
{
	uint64_t before = journeys(SGP1, WIRE_JOURNEY_OAM);
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = FRA1, .local_link = 12, .remote_link = 13};
	dp_oam_link_state(worker(DXB1, 0), &state);
	pass_ms(100);
	/* keepalives: 10 requests each way on 2 links and their replies; notices: 3 repeats of all three POPs on 2 links */
	cr_assert_leq(journeys(SGP1, WIRE_JOURNEY_OAM) - before, 10 * 2 * 4 + 60);
}

/* A notice of `origin` as dxb1 passes it on, of links that nobody here knows. */
static struct packet notice_of(uint16_t origin, uint16_t part, uint64_t sequence)
{
	struct packet p = recorded(DXB1, SGP1, WIRE_OPT_LINKSTATE);
	struct wire_linkstate *n = (struct wire_linkstate *)(p.bytes + 36 + 4);
	wire_put_be16(&n->origin_pop, origin);
	wire_put_be16(&n->part, part);
	wire_put_be64(&n->sequence, sequence);
	sign(&p, secret_of(DXB1, SGP1));
	return p;
}

/* 30 POPs of 3 parts, each heard from every side: more than a memory of the last 64 notices held. */
Test(oam, each_notice_of_many_origins_is_passed_on_once)
{
	enum { ORIGINS = 30, PARTS = 3, ROUNDS = 4, COPIES = 5 };
	for (uint16_t k = 0; k < ORIGINS; k++) {
		struct wire_ctl_pop row = {.pop = (uint16_t)(100 + 200 * k), .name = "far"};
		change(SGP1, WIRE_OBJ_POP, &row, sizeof(row), false);
	}
	uint64_t sent_before = journeys(SGP1, WIRE_JOURNEY_OAM);
	for (uint64_t round = 1; round <= ROUNDS; round++)
		for (unsigned copy = 0; copy < COPIES; copy++)
			for (uint16_t k = 0; k < ORIGINS * PARTS; k++)
				receive(SGP1, notice_of((uint16_t)(100 + 200 * (k / PARTS)), k % PARTS, 1000 * round));
	/* the journey counts what was received as well; sgp1 has one other neighbour */
	unsigned received = ROUNDS * COPIES * ORIGINS * PARTS;
	cr_assert_eq(journeys(SGP1, WIRE_JOURNEY_OAM) - sent_before - received, ROUNDS * ORIGINS * PARTS);
}

Test(oam, a_pop_whose_clock_fell_back_is_believed_again)
{
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = FRA1, .local_link = 12, .remote_link = 13};
	set_clock(DXB1, -100 * INT64_C(1000000000));
	restart(DXB1, 7);
	pass_ms(6000);
	dp_oam_link_state(worker(DXB1, 0), &state);
	wait_for(SGP1, FRA1, 2);
}

Test(oam, recorded_keepalives_do_not_keep_a_dead_link_alive)
{
	struct packet request = recorded(DXB1, SGP1, WIRE_OPT_KEEPALIVE), reply = recorded(DXB1, SGP1, RECORDED_REPLY);
	struct dp_event e;
	bool down = false;
	cut_both(SGP1, DXB1, true);
	cut_both(SGP1, FRA1, true); /* so that nobody else can tell sgp1 */
	for (unsigned ms = 0; ms < DOWN_MS + SLACK_MS + 2; ms++) {
		receive(SGP1, request);
		receive(SGP1, reply);
		pass_ms(1);
	}
	while (event(SGP1, DP_EVENT_LINK_STATE, &e))
		down |= e.link_state.to_pop == DXB1 && e.link_state.cause == WIRE_CAUSE_KEEPALIVE;
	cr_assert(down);
	cr_assert_gt(drops(SGP1, WIRE_DROP_OVERLAY_REPLAY), 0);
}

/* Nonces of one process never come again, but another one may begin just before those of an earlier one. */
Test(oam, a_recorded_reply_to_a_process_that_is_gone_proves_no_epoch)
{
	struct packet reply = recorded(DXB1, SGP1, RECORDED_REPLY);
	uint32_t nonce = wire_be32(reply.bytes + 36 + 4 + 8);
	cut_both(SGP1, DXB1, true);
	cut_both(SGP1, FRA1, true);
	set_clock(SGP1, (INT64_C(1) << 32) + (uint32_t)(nonce - 1 - (uint32_t)world_now_ns()));
	restart(SGP1, 9);
	receive(SGP1, reply);
	cr_assert_eq(drops(SGP1, WIRE_DROP_OVERLAY_REPLAY), 1);
	cr_assert_eq(atomic_load(&dp_shared(worker(SGP1, 0))->peer_epoch[DXB1]), 0);
}

Test(oam, a_recorded_notice_changes_nothing)
{
	struct packet all_well = recorded(DXB1, SGP1, WIRE_OPT_LINKSTATE);
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = FRA1, .local_link = 12, .remote_link = 13};
	dp_oam_link_state(worker(DXB1, 0), &state);
	wait_for(SGP1, FRA1, 2);
	receive(SGP1, all_well);
	cr_assert_eq(first_hop(SGP1), FRA1, "a copy that was seen");
	pass_ms(FORGOTTEN_MS);
	receive(SGP1, all_well);
	cr_assert_eq(first_hop(SGP1), FRA1, "older than what is known");
}

Test(oam, a_recorded_notice_does_not_revive_our_own_link)
{
	struct packet all_well = recorded(DXB1, SGP1, WIRE_OPT_LINKSTATE);
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = SGP1, .local_link = 12, .remote_link = 11};
	dp_oam_link_state(worker(DXB1, 0), &state);
	wait_for(SGP1, FRA1, 2);
	receive(SGP1, all_well);
	cr_assert_eq(first_hop(SGP1), FRA1, "a copy that was seen");
	pass_ms(FORGOTTEN_MS);
	receive(SGP1, all_well);
	cr_assert_eq(first_hop(SGP1), FRA1, "older than what is known");
}

Test(oam, a_forged_notice_is_dropped)
{
	struct packet notice = recorded(DXB1, SGP1, WIRE_OPT_LINKSTATE);
	notice.bytes[36 + 4 + 16 + 4] ^= 1; /* state of the first entry */
	notice.bytes[36 + 4 + 15] ^= 0x80;  /* and a sequence that is new */
	receive(SGP1, notice);
	cr_assert_eq(drops(SGP1, WIRE_DROP_OVERLAY_AUTH), 1);
	cr_assert_eq(first_hop(SGP1), DXB1);
}

Test(oam, a_new_snapshot_keeps_what_is_known_of_links)
{
	struct wire_ctl_link_state state = {.from_pop = DXB1, .to_pop = FRA1, .local_link = 12, .remote_link = 13};
	dp_oam_link_state(worker(DXB1, 0), &state);
	wait_for(SGP1, FRA1, 2);
	struct wire_ctl_endpoint other = endpoint_row(101, "198.51.100.11:8443");
	change(SGP1, WIRE_OBJ_ENDPOINT, &other, sizeof(other), false);
	cr_assert_eq(first_hop(SGP1), FRA1);
}

/* Whatever a neighbour's control packets hold, with a good tag: an answer or a reason. */
Test(oam, hostile_control_packets_with_good_tags_do_no_harm)
{
	struct packet seeds[2] = {
	    recorded(DXB1, SGP1, WIRE_OPT_KEEPALIVE),
	    recorded(DXB1, SGP1, WIRE_OPT_LINKSTATE),
	};
	srand(99);
	for (unsigned i = 0; i < 20000; i++) {
		struct packet p = seeds[i & 1];
		for (unsigned k = 0; k < 1 + (unsigned)rand() % 4; k++)
			p.bytes[36 + 4 + (unsigned)rand() % (p.length - 36u - 4u - 16u)] = (uint8_t)rand();
		sign(&p, secret_of(DXB1, SGP1));
		receive(SGP1, p);
		if (i % 100 == 0)
			expect_nothing_sent(SGP1);
	}
}
