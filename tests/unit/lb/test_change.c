/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/change.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "tests/unit/lb/cluster.h"
#include "wire/bytes.h"

static struct lb_change *begin(struct lb_snapshot *previous)
{
	struct lb_change *change = NULL;
	cr_assert(lb_change_begin(previous, false, NULL, &change) == 0);
	return change;
}

static struct lb_snapshot *commit(struct lb_change *change)
{
	struct wire_ctl_error error = {0};
	struct lb_snapshot *s = NULL;
	cr_assert(lb_change_commit(change, 2, &s, &error) == 0, "%s", error.text);
	lb_change_free(change);
	return s;
}

/* ---- what a snapshot answers ---- */

Test(change, builds_a_snapshot_that_resolves_links_and_paths)
{
	struct lb_snapshot *s = cluster(NULL);
	cr_assert(s && s->self == 1 && s->generation == 1 && s->timeouts.tcp_closing_ms == 10000);
	const struct lb_pop *relay = lb_snapshot_pop(s, 2);
	cr_assert(relay && strcmp(relay->row.name, "dxb1") == 0 && !lb_snapshot_pop(s, 9));
	struct wire_addr ours = addr(10, 1, 0, 2), theirs = addr(10, 3, 0, 2);
	cr_assert(lb_snapshot_link_by_address(s, &ours, &theirs) == lb_snapshot_link(s, 12));
	cr_assert(!lb_snapshot_link_by_address(s, &theirs, &ours));
	cr_assert(lb_snapshot_link_by_ends(s, 2, 1, 3, 0) == lb_snapshot_link(s, 11));
	cr_assert(lb_snapshot_link_by_ends(s, 1, 1, 2, 0) == lb_snapshot_link(s, 13));
	cr_assert(lb_snapshot_tx_key(s, 2)->row.key_id == 2 && !lb_snapshot_tx_key(s, 3));
	cr_assert(lb_snapshot_rx_key(s, 2, 1)->row.secret[0] == 3 && !lb_snapshot_rx_key(s, 2, 2));
	const struct lb_path *path = lb_snapshot_path(s, 3, 0);
	cr_assert(path->leg[0].count == 2 && path->leg[0].mtu == 1500 && path->leg[0].first == lb_snapshot_link(s, 10));
	cr_assert(wire_be16(&path->leg[0].hop[0].pop) == 2 && wire_be16(&path->leg[0].hop[1].pop) == 3);
	cr_assert(path->leg[0].hop[1].local_link == 1 && path->leg[1].first == lb_snapshot_link(s, 12));
	cr_assert(lb_snapshot_path(s, 2, 0)->leg[1].count == 0 && !lb_snapshot_path(s, 3, 1));
	lb_snapshot_put(s);
}

Test(change, builds_a_snapshot_that_finds_listeners_groups_and_the_rest)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_addr vip = THE_VIP, nat = addr(10, 3, 1, 1);
	cr_assert(lb_snapshot_vip(s, &vip) && !lb_snapshot_vip(s, &nat));
	cr_assert(lb_snapshot_listener(s, &vip, WIRE_PROTO_TCP, 443) == lb_snapshot_listener_by_id(s, 1));
	cr_assert(lb_snapshot_listener(s, &vip, WIRE_PROTO_TCP, 8099)->row.listener == 2);
	cr_assert(!lb_snapshot_listener(s, &vip, WIRE_PROTO_TCP, 8100));
	cr_assert(!lb_snapshot_listener(s, &vip, WIRE_PROTO_TCP, 444));
	cr_assert(lb_snapshot_listener(s, &vip, WIRE_PROTO_UDP, 444)->row.class == 2);
	cr_assert(memcmp(lb_snapshot_listener_by_id(s, 1)->vni, "\x01\x02\x09", 3) == 0);
	const struct lb_group *group = lb_snapshot_group(s, 1);
	cr_assert(group->count == 2 && group->healthy && group->endpoint[1] == lb_snapshot_endpoint(s, 2));
	cr_assert(lb_snapshot_nat(s, &nat)->row.port_hi == 65535 && !lb_snapshot_nat(s, &vip));
	cr_assert(lb_snapshot_adjacency(s, 1)->row.mtu == 1500 && !lb_snapshot_adjacency(s, 0));
	lb_snapshot_put(s);
}

static void expand(const uint8_t secret[16], uint8_t ret_annex[LB_KEY_ANNEX])
{
	memset(ret_annex, secret[0] + 100, LB_KEY_ANNEX);
}

Test(change, expands_each_key_once)
{
	struct lb_snapshot *s = cluster(NULL), *next = NULL;
	struct wire_ctl_error error = {0};
	struct lb_change *change;
	cr_assert(lb_change_begin(s, false, expand, &change) == 0);
	UPSERT(change, &error, KEY, key, .pop = 2, .direction = WIRE_KEY_TX, .key_id = 9, .secret = {5});
	UPSERT(change, &error, KEY, key, .pop = 2, .direction = WIRE_KEY_TX, .key_id = 1, .secret = {1});
	next = commit(change);
	cr_assert(lb_snapshot_tx_key(next, 2)->row.key_id == 9 && lb_snapshot_tx_key(next, 2)->annex[255] == 105);
	cr_assert(lb_snapshot_tx_key(s, 2)->row.key_id == 2 && lb_snapshot_tx_key(s, 2)->annex[0] == 0);
	change = begin(next);
	DELETE(change, &error, KEY, key, .pop = 2, .direction = WIRE_KEY_TX, .key_id = 9);
	lb_snapshot_put(s);
	s = commit(change);
	cr_assert(lb_snapshot_tx_key(s, 2)->row.key_id == 2);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

/* ---- sharing ---- */

/* All parts but those listed are the very same. */
static void expect_shared(const struct lb_snapshot *x, const struct lb_snapshot *y, uint32_t except)
{
	for (unsigned i = 0; i < LB_PARTS; i++)
		cr_assert((x->part[i] == y->part[i]) == !(except >> i & 1), "part %u", i);
}

Test(change, of_one_endpoint_shares_everything_but_it_and_its_group)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(s);
	const struct lb_group *other = lb_snapshot_group(s, 2);
	uint32_t refs = lb_snapshot_endpoint(s, 2)->object.refs;
	UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 1, .group = 1, .address = addr(198, 51, 100, 10),
	    .port = 8443, .weight = 128, .state = WIRE_ENDPOINT_DOWN);
	struct lb_snapshot *next = commit(change);
	expect_shared(s, next, 1u << LB_PART_ENDPOINT | 1u << LB_PART_GROUP);
	cr_assert(lb_snapshot_endpoint(s, 1)->row.state == WIRE_ENDPOINT_UP);
	cr_assert(lb_snapshot_endpoint(next, 1)->row.state == WIRE_ENDPOINT_DOWN);
	cr_assert(lb_snapshot_endpoint(next, 2) == lb_snapshot_endpoint(s, 2));
	cr_assert(lb_snapshot_group(next, 2) == other && lb_snapshot_group(next, 1) != lb_snapshot_group(s, 1));
	cr_assert(lb_table_pool_count(s->tables) == 3);
	lb_snapshot_put(next);
	cr_assert(lb_table_pool_count(s->tables) == 2, "the table went with its last snapshot");
	cr_assert(lb_snapshot_endpoint(s, 2)->object.refs == refs);
	lb_snapshot_put(s);
}

Test(change, of_a_group_row_keeps_its_table)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(s);
	UPSERT(change, &error, GROUP, group, .group = 1, .egress_pop = 2, .candidate = {3});
	struct lb_snapshot *next = commit(change);
	cr_assert(lb_snapshot_group(next, 1)->row.egress_pop == 2 && lb_snapshot_group(next, 1)->count == 2);
	cr_assert(lb_snapshot_group(next, 1)->table == lb_snapshot_group(s, 1)->table);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, that_says_nothing_new_changes_nothing)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(s);
	cluster_rows(change, &error);
	struct lb_snapshot *next = commit(change);
	for (unsigned i = 0; i < LB_PARTS; i++)
		cr_assert(s->part[i] == next->part[i], "part %u", i);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, full_with_the_same_rows_shares_every_object_and_slot)
{
	struct lb_snapshot *s = cluster(NULL), *next = cluster(s);
	for (unsigned i = 0; i < LB_PARTS; i++) {
		uint64_t cursor = 0;
		cr_assert(lb_map_count(s->part[i]) == lb_map_count(next->part[i]));
		if (i == LB_PART_PORTS)
			continue; /* made anew, of the same listeners */
		for (const struct lb_map_entry *e; (e = lb_map_next(s->part[i], &cursor));)
			cr_assert(lb_map_get(next->part[i], e->key) == e->part, "part %u", i);
	}
	cr_assert(memcmp(&s->path_slots, &next->path_slots, sizeof(s->path_slots)) == 0);
	cr_assert(memcmp(&s->link_slots, &next->link_slots, sizeof(s->link_slots)) == 0);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, full_forgets_what_is_not_sent_again)
{
	struct lb_snapshot *s = cluster(NULL), *next = NULL;
	struct wire_ctl_error error = {0};
	struct wire_ctl_settings settings = cluster_settings(1);
	struct lb_change *change;
	cr_assert(lb_change_begin(s, true, NULL, &change) == 0);
	lb_change_upsert(change, WIRE_OBJ_SETTINGS, &settings, sizeof(settings), &error);
	UPSERT(change, &error, POP, pop, .pop = 2, .name = "dxb1");
	next = commit(change);
	for (unsigned i = 0; i < LB_PARTS; i++)
		cr_assert(lb_map_count(next->part[i]) == (i == LB_PART_POP));
	cr_assert(next->link_slots.used[0] == 0 && next->path_slots.used[0] == 0);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, equal_groups_share_one_table_whatever_their_ids)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(s);
	for (uint32_t g = 100; g < 200; g++) {
		UPSERT(change, &error, GROUP, group, .group = g, .egress_pop = 3);
		UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 2 * g, .group = g, .weight = 128, .port = 8443,
		    .address = addr(198, 51, 100, 11));
		UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 2 * g + 1, .group = g, .weight = 128,
		    .port = 8443, .address = addr(198, 51, 100, 10));
	}
	struct lb_snapshot *next = commit(change);
	cr_assert(lb_table_pool_count(next->tables) == 2);
	const struct lb_group *one = lb_snapshot_group(next, 1), *like = lb_snapshot_group(next, 150);
	for (uint32_t bits = 0; bits < 4000; bits++) {
		const struct lb_endpoint *x = lb_group_pick(one, bits << 20), *y = lb_group_pick(like, bits << 20);
		cr_assert(
		    x->row.group == 1 && y->row.group == 150 && wire_addr_equal(&x->row.address, &y->row.address));
	}
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

/* Zero where no leak checker is linked in. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void come_and_go(void)
{
	struct lb_snapshot *s = cluster(NULL), *next[20];
	for (unsigned i = 0; i < 20; i++) {
		struct wire_ctl_error error = {0};
		struct lb_change *change;
		next[i] = NULL;
		if (lb_change_begin(s, i % 3 == 0, NULL, &change))
			break;
		cluster_rows(change, &error);
		UPSERT(change, &error, ENDPOINT, endpoint, .endpoint = 1, .group = 1, .address = addr(198, 51, 100, 10),
		    .port = 8443, .weight = (uint16_t)i);
		UPSERT(
		    change, &error, LINK, link, .link = 11, .from_pop = 2, .to_pop = 3, .local_link = (uint8_t)(i % 5));
		if (i % 2)
			DELETE(change, &error, GROUP, group, .group = 2); /* refused: its endpoint is still there */
		lb_change_commit(change, 2, &next[i], &error);
		lb_change_free(change);
	}
	lb_snapshot_put(s);
	for (unsigned i = 0; i < 20; i++)
		lb_snapshot_put(next[i]);
}

Test(change, leaves_no_memory_behind_when_all_snapshots_are_put)
{
	for (int i = 0; i < 600; i++)
		come_and_go(); /* fills malloc's own caches, which count as in use */
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < 300; i++)
		come_and_go();
	struct mallinfo2 after = mallinfo2();
	/* The smallest part once per run would be 300 * 64 bytes. */
	cr_assert(
	    after.uordblks < before.uordblks + 16384, "%zu bytes before, %zu after", before.uordblks, after.uordblks);
	cr_assert(!__lsan_do_recoverable_leak_check || __lsan_do_recoverable_leak_check() == 0);
}

/* ---- slots of links and paths ---- */

Test(change, keeps_the_slot_of_a_path_and_what_is_in_use_of_it)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	const struct lb_path *path = lb_snapshot_path(s, 3, 0);
	s->active[path->slot] = LB_ACTIVE_BACKUP;
	struct lb_change *change = begin(s);
	UPSERT(change, &error, PATH, path, .to_pop = 3, .n_primary = 1, .primary = {12}, .primary_mtu = 1400,
	    .n_backup = 2, .backup = {13, 11}, .backup_mtu = 1500);
	UPSERT(
	    change, &error, PATH, path, .to_pop = 3, .class = 1, .n_primary = 1, .primary = {12}, .primary_mtu = 1400);
	struct lb_snapshot *next = commit(change);
	cr_assert(lb_snapshot_path(next, 3, 0)->slot == path->slot);
	cr_assert(leg_in_use(lb_snapshot_path(next, 3, 0), next->active)->count == 2);
	cr_assert(leg_in_use(lb_snapshot_path(next, 3, 1), next->active)->count == 1);
	cr_assert(leg_in_use(path, s->active) == &path->leg[1]);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, a_path_that_takes_a_freed_slot_starts_on_its_primary)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	uint32_t slot = lb_snapshot_path(s, 3, 0)->slot;
	s->active[slot] = LB_ACTIVE_NONE;
	struct lb_change *change = begin(s);
	DELETE(change, &error, PATH, path, .to_pop = 3);
	UPSERT(
	    change, &error, PATH, path, .to_pop = 3, .class = 1, .n_primary = 1, .primary = {12}, .primary_mtu = 1400);
	struct lb_snapshot *next = commit(change);
	cr_assert(lb_snapshot_path(next, 3, 1)->slot == slot);
	cr_assert(leg_in_use(lb_snapshot_path(next, 3, 1), next->active) == &lb_snapshot_path(next, 3, 1)->leg[0]);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, resolves_paths_again_when_a_link_has_changed)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(s);
	UPSERT(change, &error, LINK, link, .link = 11, .from_pop = 2, .to_pop = 3, .local_link = 7, .remote_link = 5);
	struct lb_snapshot *next = commit(change);
	cr_assert(lb_snapshot_path(next, 3, 0)->leg[0].hop[1].local_link == 7);
	cr_assert(lb_snapshot_path(s, 3, 0)->leg[0].hop[1].local_link == 1);
	cr_assert(lb_snapshot_path(next, 2, 0) == lb_snapshot_path(s, 2, 0), "does not use the link");
	cr_assert(lb_snapshot_link_by_ends(next, 2, 7, 3, 5) && !lb_snapshot_link_by_ends(next, 2, 1, 3, 0));
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

Test(change, a_link_that_takes_a_freed_slot_does_not_share_it)
{
	struct lb_snapshot *s = cluster(NULL);
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(s);
	DELETE(change, &error, LINK, link, .link = 13);
	UPSERT(change, &error, LINK, link, .link = 20, .from_pop = 3, .to_pop = 2);
	UPSERT(change, &error, LINK, link, .link = 13, .from_pop = 1, .to_pop = 2, .local_link = 1, .mtu = 1500,
	    .local = addr(10, 1, 1, 2), .remote = addr(10, 2, 0, 2));
	struct lb_snapshot *next = commit(change);
	cr_assert(lb_snapshot_link(next, 20)->slot != lb_snapshot_link(next, 13)->slot);
	lb_snapshot_put(s);
	lb_snapshot_put(next);
}

/* ---- mistakes ---- */

#define LISTENER_ROW                                                                                                   \
	.listener = 9, .accelerator = 0x010209, .vip = THE_VIP, .protocol = WIRE_PROTO_TCP, .port_lo = 80, .port_hi = 90
#define ENDPOINT_ROW .endpoint = 9, .group = 1, .address = addr(198, 51, 100, 99), .port = 80
#define PATH_ROW     .to_pop = 3, .class = 5, .primary_mtu = 1500

/* A transaction with one mistake, and the line that it is refused with. */
#define MISTAKES(X)                                                                                                    \
	X(pop_zero, POP, pop, "pop 0: pop 0: must be 1 .. 65535", .name = "x")                                         \
	X(pop_unnamed, POP, pop, "pop 7: name 0: must be 1 .. 31 bytes and end with a zero", .pop = 7)                 \
	X(link_nowhere, LINK, link, "link 9: to_pop 8: no such pop", .link = 9, .from_pop = 2, .to_pop = 8)            \
	X(link_to_itself, LINK, link, "link 9: to_pop 2: must be a POP other than from_pop", .link = 9, .from_pop = 2, \
	    .to_pop = 2)                                                                                               \
	X(link_without_address, LINK, link, "link 9: local 0:0:0:0:0:0:0:0: must be set for a link of ours",           \
	    .link = 9, .from_pop = 1, .to_pop = 2, .local_link = 9)                                                    \
	X(link_same_ends, LINK, link, "to_pop 3: another link has the same ends", .link = 9, .from_pop = 2,            \
	    .to_pop = 3, .local_link = 1)                                                                              \
	X(link_same_addresses, LINK, link, "another link has the same addresses", .link = 9, .from_pop = 1,            \
	    .to_pop = 3, .local_link = 9, .mtu = 1500, .local = addr(10, 1, 0, 2), .remote = addr(10, 2, 0, 2))        \
	X(link_small, LINK, link, "link 9: mtu 575: must be at least 576 for a link of ours", .link = 9,               \
	    .from_pop = 1, .to_pop = 3, .local_link = 9, .mtu = 575, .local = addr(10, 1, 0, 9),                       \
	    .remote = addr(10, 2, 0, 2))                                                                               \
	X(key_of_nobody, KEY, key, "key 4 from pop 6: pop 6: no such pop", .pop = 6, .direction = 1, .key_id = 4)      \
	X(key_direction, KEY, key, "direction 2: must be 0 (tx) or 1 (rx)", .pop = 2, .direction = 2)                  \
	X(path_empty, PATH, path, "path to pop 3 class 5: n_primary 0: must be 1 .. 4", PATH_ROW)                      \
	X(path_class, PATH, path, "class 8: must be 0 .. 7", .to_pop = 3, .class = 8, .n_primary = 1)                  \
	X(path_to_us, PATH, path, "to_pop 1: is this pop", .to_pop = 1, .primary_mtu = 1500, .n_primary = 1)           \
	X(path_to_nobody, PATH, path, "to_pop 6: no such pop", .to_pop = 6, .primary_mtu = 1500, .n_primary = 1)       \
	X(path_unknown_link, PATH, path, "path to pop 3 class 5: primary 99: no such link", PATH_ROW, .n_primary = 1,  \
	    .primary = {99})                                                                                           \
	X(path_gap, PATH, path, "primary 11: link does not start where the one before ends", PATH_ROW, .n_primary = 1, \
	    .primary = {11})                                                                                           \
	X(path_short, PATH, path, "primary 10: last link does not end at to_pop", PATH_ROW, .n_primary = 1,            \
	    .primary = {10})                                                                                           \
	X(path_backup, PATH, path, "backup 13: last link does not end at to_pop", PATH_ROW, .n_primary = 1,            \
	    .primary = {12}, .n_backup = 1, .backup = {13}, .backup_mtu = 600)                                         \
	X(path_narrow, PATH, path, "primary_mtu 100: must be at least 576", .to_pop = 3, .n_primary = 1,               \
	    .primary_mtu = 100)                                                                                        \
	X(vip_unset, VIP, vip, "address 0:0:0:0:0:0:0:0: must be set", .accelerator = 1)                               \
	X(vip_accelerator, VIP, vip, "accelerator 16777216: must fit 24 bits", .address = THE_VIP,                     \
	    .accelerator = 1u << 24)                                                                                   \
	X(vip_is_nat, VIP, vip, "vip 10.3.1.1: address 10.3.1.1: is a nat address too", .address = addr(10, 3, 1, 1))  \
	X(vip_other, VIP, vip, "accelerator 66057: is not the accelerator of its vip", .address = THE_VIP)             \
	X(listener_vip, LISTENER, listener, "listener 9: vip 203.0.113.99: no such vip", .listener = 9,                \
	    .vip = addr(203, 0, 113, 99), .protocol = WIRE_PROTO_TCP, .port_lo = 1, .port_hi = 1)                      \
	X(listener_protocol, LISTENER, listener, "protocol 1: must be 6 (tcp) or 17 (udp)", .protocol = 1)             \
	X(listener_ports, LISTENER, listener, "port_lo 90: must be 1 .. port_hi", .protocol = 6, .port_lo = 90,        \
	    .port_hi = 80)                                                                                             \
	X(listener_overlap, LISTENER, listener, "another listener of this vip and protocol has the port",              \
	    .listener = 9, .accelerator = 0x010209, .vip = THE_VIP, .protocol = 6, .port_lo = 8099, .port_hi = 9000)   \
	X(listener_shares, LISTENER, listener, "n_shares 9: must be 0 .. 8", LISTENER_ROW, .n_shares = 9)              \
	X(listener_weight, LISTENER, listener, "share.weight 65537: must be 0 .. 65536", LISTENER_ROW, .n_shares = 1,  \
	    .share = {{1, 65537}})                                                                                     \
	X(listener_group, LISTENER, listener, "listener 9: share.group 77: no such group", LISTENER_ROW,               \
	    .n_shares = 2, .share = {{1, 1}, {77, 1}})                                                                 \
	X(listener_affinity, LISTENER, listener, "affinity 2: must be 0 or 1", LISTENER_ROW, .affinity = 2)            \
	X(listener_client_ip, LISTENER, listener, "client_ip 3: must be 0 .. 2", LISTENER_ROW, .client_ip = 3)         \
	X(listener_client_ip_udp, LISTENER, listener, "client_ip 1: must be 0 (none) unless protocol is 6 (tcp)",      \
	    .listener = 9, .vip = THE_VIP, .protocol = WIRE_PROTO_UDP, .port_lo = 9, .port_hi = 9, .client_ip = 1)     \
	X(group_egress, GROUP, group, "group 5: egress_pop 6: no such pop", .group = 5, .egress_pop = 6)               \
	X(group_candidate, GROUP, group, "candidate 6: no such pop", .group = 5, .egress_pop = 2, .candidate = {3, 6}) \
	X(group_candidate_gap, GROUP, group, "candidate 3: must not follow a 0", .group = 5, .egress_pop = 2,          \
	    .candidate = {0, 3})                                                                                       \
	X(endpoint_group, ENDPOINT, endpoint, "endpoint 9: group 77: no such group", .endpoint = 9, .group = 77,       \
	    .address = addr(1, 2, 3, 4), .port = 80)                                                                   \
	X(endpoint_port, ENDPOINT, endpoint, "port 0: must be 1 .. 65535", .endpoint = 9, .address = addr(1, 2, 3, 4)) \
	X(endpoint_weight, ENDPOINT, endpoint, "weight 256: must be 0 .. 255", ENDPOINT_ROW, .weight = 256)            \
	X(endpoint_mode, ENDPOINT, endpoint, "mode 2: must be 0 (nat) or 1 (tunnel)", ENDPOINT_ROW, .mode = 2)         \
	X(endpoint_encap, ENDPOINT, endpoint, "encap 2: must be 0 (ipip) or 1 (geneve)", ENDPOINT_ROW, .encap = 2)     \
	X(endpoint_state, ENDPOINT, endpoint, "state 3: must be 0 .. 2", ENDPOINT_ROW, .state = 3)                     \
	X(endpoint_twice, ENDPOINT, endpoint, "another endpoint of the group has the same address and port",           \
	    .endpoint = 9, .group = 1, .address = addr(198, 51, 100, 10), .port = 8443)                                \
	X(nat_is_vip, NAT, nat, "address 203.0.113.10: is a vip too", .address = THE_VIP, .port_lo = 1, .port_hi = 2)  \
	X(nat_ports, NAT, nat, "port_lo 0: must be 1 .. port_hi", .address = addr(10, 3, 1, 9), .port_hi = 2)          \
	X(adjacency_zero, ADJACENCY, adjacency, "adjacency 0: adjacency 0: is reserved", .mtu = 1500)                  \
	X(adjacency_port, ADJACENCY, adjacency, "port 16: must be 0 .. 15", .adjacency = 2, .port = 16)                \
	X(settings_pop, SETTINGS, settings, "settings: pop 0: must be 1 .. 65535", .udp_ms = 1)                        \
	X(route, ROUTE, route, "object: no object of this kind is kept here", .length = 1)

#define DANGLING(X)                                                                                                    \
	X(pop_in_use, POP, pop, "pop 3: no such pop", .pop = 3)                                                        \
	X(link_in_use, LINK, link, "primary 11: no such link", .link = 11)                                             \
	X(vip_in_use, VIP, vip, "vip 203.0.113.10: no such vip", .address = THE_VIP)                                   \
	X(group_in_use, GROUP, group, "group 2: no such group", .group = 2)                                            \
	X(nothing_there, ENDPOINT, endpoint, "endpoint 55: cannot be deleted: it is not there", .endpoint = 55)

struct wrong {
	const char *name;
	const char *text;
	void (*make)(struct lb_change *change, struct wire_ctl_error *error);
};

#define MAKE_UPSERT(name, OBJECT, type, text, ...)                                                                     \
	static void upsert_##name(struct lb_change *c, struct wire_ctl_error *e)                                       \
	{                                                                                                              \
		UPSERT(c, e, OBJECT, type, __VA_ARGS__);                                                               \
	}
#define MAKE_DELETE(name, OBJECT, type, text, ...)                                                                     \
	static void delete_##name(struct lb_change *c, struct wire_ctl_error *e)                                       \
	{                                                                                                              \
		DELETE(c, e, OBJECT, type, __VA_ARGS__);                                                               \
	}
MISTAKES(MAKE_UPSERT)
DANGLING(MAKE_DELETE)

#define ROW_UPSERT(name, OBJECT, type, text, ...) {#name, text, upsert_##name},
#define ROW_DELETE(name, OBJECT, type, text, ...) {#name, text, delete_##name},
static const struct wrong wrongs[] = {MISTAKES(ROW_UPSERT) DANGLING(ROW_DELETE)};

Test(change, with_a_mistake_is_refused_with_a_line_that_names_it_and_changes_nothing)
{
	struct lb_snapshot *s = cluster(NULL), before = *s;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct wire_ctl_error error = {0}, again = {0};
		struct lb_snapshot *next = NULL;
		struct lb_change *change = begin(s);
		UPSERT(change, &error, ADJACENCY, adjacency, .adjacency = 2, .mtu = 1500);
		wrongs[i].make(change, &error);
		cr_expect(lb_change_commit(change, 2, &next, &error) == -EINVAL && !next, "%s", wrongs[i].name);
		cr_expect(strstr(error.text, wrongs[i].text), "%s: '%s'", wrongs[i].name, error.text);
		cr_expect(lb_change_commit(change, 2, &next, &again) == error.code && !strcmp(error.text, again.text));
		lb_change_free(change);
		cr_assert(memcmp(&before, s, sizeof(before)) == 0, "%s", wrongs[i].name);
		cr_assert(!lb_snapshot_adjacency(s, 2));
	}
	lb_snapshot_put(s);
}

Test(change, with_a_message_of_the_wrong_length_is_refused)
{
	struct wire_ctl_error error = {0};
	struct lb_change *change = begin(NULL);
	struct wire_ctl_pop pop = {.pop = 1, .name = "x"};
	cr_assert(lb_change_upsert(change, WIRE_OBJ_POP, &pop, sizeof(pop) - 1, &error) == -EINVAL);
	cr_assert(strstr(error.text, "pop: message has the wrong length"));
	cr_assert(
	    lb_change_upsert(change, WIRE_OBJ_POP, &pop, sizeof(pop), &error) == -EINVAL, "the first one decides");
	lb_change_free(change);
}

Test(change, without_settings_is_refused)
{
	struct wire_ctl_error error = {0};
	struct lb_snapshot *s = NULL;
	struct lb_change *change = begin(NULL);
	UPSERT(change, &error, POP, pop, .pop = 1, .name = "x");
	cr_assert(lb_change_commit(change, 1, &s, &error) == -EINVAL && strstr(error.text, "settings: missing"));
	lb_change_free(change);
}

Test(change, of_nothing_at_all_is_an_empty_snapshot)
{
	struct lb_snapshot *s = commit(begin(NULL));
	struct wire_addr vip = THE_VIP;
	cr_assert(!lb_snapshot_vip(s, &vip) && !lb_snapshot_listener(s, &vip, WIRE_PROTO_TCP, 443));
	cr_assert(!lb_snapshot_path(s, 3, 0) && !lb_snapshot_link_by_address(s, &vip, &vip));
	lb_snapshot_put(s);
}
