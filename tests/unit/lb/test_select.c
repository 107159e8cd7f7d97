/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/select.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "tests/unit/lb/cluster.h"

#define FLOWS 40000u

static struct lb_flow_key key_of(uint32_t n)
{
	struct lb_flow_key key = {.client = addr(100, n >> 16 & 255, n >> 8 & 255, n & 255),
	    .vip = THE_VIP,
	    .client_port = (uint16_t)(1024 + n % 1000),
	    .vip_port = 443,
	    .protocol = WIRE_PROTO_TCP};
	return key;
}

/* The endpoint of flow n at a listener, 0: none. */
static uint32_t endpoint_of(const struct lb_snapshot *s, uint32_t listener, uint32_t n)
{
	struct lb_flow_key key = key_of(n);
	struct lb_choice choice = {0};
	int error = lb_select(s, lb_snapshot_listener_by_id(s, listener), &key.client, lb_flow_hash(&key), &choice);
	cr_assert(error == 0 || (error == -ENOENT && !choice.endpoint));
	cr_assert(error || choice.endpoint->row.group == choice.group->row.group);
	return error ? 0 : choice.endpoint->row.endpoint;
}

static struct lb_snapshot *with_states(struct lb_snapshot *s, const uint8_t state[3], const uint8_t weight[3])
{
	static const struct wire_ctl_endpoint base[3] = {{.endpoint = 1, .group = 1, .port = 8443},
	    {.endpoint = 2, .group = 1, .port = 8443}, {.endpoint = 3, .group = 2, .port = 80}};
	struct wire_ctl_error error = {0};
	struct lb_snapshot *next = NULL;
	struct lb_change *change;
	cr_assert(lb_change_begin(s, false, NULL, &change) == 0);
	for (int i = 0; i < 3; i++) {
		struct wire_ctl_endpoint row = base[i];
		row.address = addr(198, 51, 100, i < 2 ? 10 + (unsigned)i : 20);
		row.state = state[i];
		row.weight = weight[i];
		lb_change_upsert(change, WIRE_OBJ_ENDPOINT, &row, sizeof(row), &error);
	}
	cr_assert(lb_change_commit(change, 2, &next, &error) == 0, "%s", error.text);
	lb_change_free(change);
	return next;
}

enum { UP = WIRE_ENDPOINT_UP, DRAINED = WIRE_ENDPOINT_DRAINED, DOWN = WIRE_ENDPOINT_DOWN };

static const uint8_t weights[3] = {128, 128, 1};

static void count(const struct lb_snapshot *s, uint32_t listener, uint32_t ret[4])
{
	memset(ret, 0, 4 * sizeof(*ret));
	for (uint32_t n = 0; n < FLOWS; n++)
		ret[endpoint_of(s, listener, n)]++;
}

static bool about(uint32_t got, uint32_t expected)
{
	return got > expected - expected / 20 && got < expected + expected / 20;
}

Test(select, splits_by_the_shares_and_then_by_the_weights)
{
	struct lb_snapshot *s = cluster(NULL);
	uint32_t got[4];
	count(s, 1, got);
	cr_assert(about(got[1], FLOWS * 3 / 8) && about(got[2], FLOWS * 3 / 8) && about(got[3], FLOWS / 4));
	struct lb_snapshot *next = with_states(s, (const uint8_t[3]){UP, UP, UP}, (const uint8_t[3]){50, 150, 1});
	count(next, 1, got);
	cr_assert(about(got[1], FLOWS * 3 / 16) && about(got[2], FLOWS * 9 / 16) && about(got[3], FLOWS / 4));
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(select, moves_only_the_flows_of_an_endpoint_that_goes_down_and_gives_them_back)
{
	struct lb_snapshot *s = cluster(NULL);
	const uint8_t leaving[] = {DOWN, DRAINED};
	for (int i = 0; i < 2; i++) {
		struct lb_snapshot *next = with_states(s, (const uint8_t[3]){UP, leaving[i], UP}, weights);
		struct lb_snapshot *back = with_states(next, (const uint8_t[3]){UP, UP, UP}, weights);
		for (uint32_t n = 0; n < FLOWS; n++) {
			uint32_t before = endpoint_of(s, 1, n), after = endpoint_of(next, 1, n);
			cr_assert(before == 2 ? after == 1 : after == before);
			cr_assert(endpoint_of(back, 1, n) == before);
		}
		lb_snapshot_put(next);
		lb_snapshot_put(back);
	}
	lb_snapshot_put(s);
}

#define MANY 24u

/* The group 1 of MANY endpoints in these states, on top of `s`. */
static struct lb_snapshot *with_many(struct lb_snapshot *s, const uint8_t state[MANY], const uint8_t weight[MANY])
{
	struct wire_ctl_error error = {0};
	struct lb_snapshot *next = NULL;
	struct lb_change *change;
	cr_assert(lb_change_begin(s, false, NULL, &change) == 0);
	for (uint32_t i = 0; i < MANY; i++)
		UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 100 + i, .group = 1, .port = 80,
		    .address = addr(198, 51, 101, i), .state = state[i], .weight = weight[i]);
	cr_assert(lb_change_commit(change, 3, &next, &error) == 0, "%s", error.text);
	lb_change_free(change);
	return next;
}

/* That several are out at once is normal: whichever leaves next, flows at home with another stay there, and of those that
 * are guests, because their own is out, nearly all. */
Test(select, moves_only_the_flows_of_who_leaves_whoever_is_out_already)
{
	static const uint8_t all_up[MANY];
	struct lb_snapshot *empty = cluster(NULL);
	srand(12);
	for (int round = 0; round < 20; round++) {
		uint8_t state[MANY], weight[MANY];
		for (uint32_t i = 0; i < MANY; i++) {
			state[i] = (uint8_t)(rand() % 3 ? UP : DRAINED + rand() % 2);
			weight[i] = (uint8_t)(round % 2 ? 1 + rand() % 255 : 128);
		}
		uint32_t leaves = (uint32_t)rand() % MANY, guests_moved = 0;
		state[leaves] = UP;
		struct lb_snapshot *home = with_many(empty, all_up, weight), *before = with_many(empty, state, weight);
		state[leaves] = (uint8_t)(round % 3 ? DOWN : DRAINED);
		struct lb_snapshot *after = with_many(before, state, weight);
		for (uint32_t n = 0; n < FLOWS / 4; n++) {
			uint32_t at_home = endpoint_of(home, 2, n), was = endpoint_of(before, 2, n),
			         is = endpoint_of(after, 2, n);
			cr_assert(is != 100 + leaves);
			cr_assert(was != at_home || was == 100 + leaves || is == was, "flow %u moves from its own", n);
			guests_moved += was != 100 + leaves && is != was;
		}
		cr_assert_lt(guests_moved, FLOWS / 4 / 25, "%u guests", guests_moved);
		lb_snapshot_put(home);
		lb_snapshot_put(before);
		lb_snapshot_put(after);
	}
	lb_snapshot_put(empty);
}

Test(select, fails_open_when_nothing_is_up)
{
	static const struct {
		uint8_t state[3], weight[3];
		bool chosen[4];
	} cases[] = {
	    {{DOWN, DOWN, UP}, {1, 1, 1}, {0, 1, 1, 1}},       /* the shares are kuafud's to change */
	    {{DOWN, DRAINED, UP}, {1, 1, 1}, {0, 1, 0, 1}},    /* down before drained */
	    {{DRAINED, DRAINED, UP}, {1, 1, 1}, {0, 1, 1, 1}}, /* drained before nothing */
	    {{UP, DOWN, UP}, {0, 1, 1}, {0, 0, 1, 1}},         /* weight 0 is no endpoint */
	    {{UP, UP, UP}, {0, 0, 1}, {0, 0, 0, 1}},           /* a group without one leaves its share to the next */
	    {{UP, UP, UP}, {1, 1, 0}, {0, 1, 1, 0}},           /* going round */
	    {{UP, UP, UP}, {0, 0, 0}, {1, 0, 0, 0}},
	};
	struct lb_snapshot *s = cluster(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_snapshot *next = with_states(s, cases[i].state, cases[i].weight);
		uint32_t got[4];
		count(next, 1, got);
		for (int e = 0; e < 4; e++)
			cr_expect(
			    (got[e] != 0) == cases[i].chosen[e], "case %zu: endpoint %d got %u flows", i, e, got[e]);
		lb_snapshot_put(next);
	}
	lb_snapshot_put(s);
}

Test(select, with_affinity_keeps_a_client_on_one_endpoint_whatever_its_port)
{
	struct lb_snapshot *s = cluster(NULL);
	const struct lb_listener *listener = lb_snapshot_listener_by_id(s, 2);
	uint32_t got[4] = {0};
	for (uint32_t client = 0; client < 400; client++) {
		struct lb_flow_key key = key_of(client);
		struct lb_choice first, other;
		cr_assert(lb_select(s, listener, &key.client, lb_flow_hash(&key), &first) == 0);
		got[first.endpoint->row.endpoint]++;
		for (uint16_t port = 1; port < 50; port++) {
			key.client_port = port;
			cr_assert(lb_select(s, listener, &key.client, lb_flow_hash(&key), &other) == 0);
			cr_assert(other.endpoint == first.endpoint);
		}
	}
	cr_assert(got[1] > 140 && got[2] > 140);
	lb_snapshot_put(s);
}

Test(select, of_a_listener_without_groups_finds_nothing)
{
	struct lb_snapshot *s = cluster(NULL), *next = NULL;
	struct wire_ctl_error error = {0};
	struct lb_change *change;
	cr_assert(lb_change_begin(s, false, NULL, &change) == 0);
	UPSERT(change, &error, LISTENER, listener, .listener = 1, .accelerator = 0x010209, .vip = THE_VIP,
	    .protocol = WIRE_PROTO_TCP, .port_lo = 443, .port_hi = 443);
	UPSERT(change, &error, LISTENER, listener, .listener = 2, .accelerator = 0x010209, .vip = THE_VIP,
	    .protocol = WIRE_PROTO_TCP, .port_lo = 80, .port_hi = 80, .n_shares = 2, .share = {{2, 0}, {1, 0}});
	cr_assert(lb_change_commit(change, 2, &next, &error) == 0, "%s", error.text);
	lb_change_free(change);
	cr_assert(endpoint_of(next, 1, 5) == 0);
	cr_assert(endpoint_of(next, 2, 5) == 3, "shares of nothing: the first");
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}
