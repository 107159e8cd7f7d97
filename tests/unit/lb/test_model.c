/* SPDX-License-Identifier: BSD-2-Clause */
/* Transactions against a model: rows in plain arrays. After each random transaction the snapshot that was changed step
 * by step must be what a fresh one made of the model's rows is, and be refused where that is refused. */
#include "lb/change.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "lb/select.h"
#include "tests/unit/lb/cluster.h"

enum { POPS = 5, LINKS = 14, PATHS = 8, VIPS = 4, LISTENERS = 12, GROUPS = 6, ENDPOINTS = 24, KEYS = 8 };

struct model {
	struct wire_ctl_settings settings;
	bool has_pop[POPS], has_link[LINKS], has_path[PATHS], has_vip[VIPS], has_listener[LISTENERS], has_group[GROUPS],
	    has_endpoint[ENDPOINTS], has_key[KEYS];
	struct wire_ctl_pop pop[POPS];
	struct wire_ctl_link link[LINKS];
	struct wire_ctl_path path[PATHS];
	struct wire_ctl_vip vip[VIPS];
	struct wire_ctl_listener listener[LISTENERS];
	struct wire_ctl_group group[GROUPS];
	struct wire_ctl_endpoint endpoint[ENDPOINTS];
	struct wire_ctl_key key[KEYS];
};

static unsigned below(unsigned n)
{
	return (unsigned)rand() % n;
}

static uint16_t some_pop(void)
{
	return (uint16_t)(1 + below(40) % POPS);
}

/* ---- random rows; the key is a function of the place, the rest is any ---- */

static struct wire_ctl_pop any_pop(unsigned i)
{
	struct wire_ctl_pop row = {.pop = (uint16_t)(i + 1), .name = "pop"};
	row.name[3] = (char)('a' + below(3));
	return row;
}

static struct wire_ctl_link any_link(unsigned i)
{
	uint16_t from = below(3) ? 1 : some_pop(), to = some_pop();
	return (struct wire_ctl_link){.link = i,
	    .from_pop = from,
	    .to_pop = to == from ? (uint16_t)(from % POPS + 1) : to,
	    .local_link = (uint8_t)(below(8) ? i : below(LINKS)),
	    .mtu = (uint16_t)(below(60) ? 1500 : 100),
	    .local = addr(10, 1, 0, below(20) ? i : below(LINKS)),
	    .remote = addr(10, 2, 0, 1)};
}

static struct wire_ctl_path any_path(unsigned i, const struct model *m)
{
	struct wire_ctl_path row = {.to_pop = (uint16_t)(2 + i % (POPS - 1)),
	    .class = (uint8_t)(i / (POPS - 1)),
	    .primary_mtu = 1500,
	    .backup_mtu = 1400};
	for (int tries = 0; tries < 60; tries++) {
		unsigned one = below(LINKS), two = below(LINKS);
		if (m->link[one].from_pop != 1)
			continue;
		if (m->link[one].to_pop == row.to_pop) {
			row.n_backup = row.n_primary ? 1 : 0;
			row.n_primary = row.n_primary ? row.n_primary : 1;
			(row.n_backup ? row.backup : row.primary)[0] = one;
		} else if (m->link[two].from_pop == m->link[one].to_pop && m->link[two].to_pop == row.to_pop) {
			row.n_primary = 2;
			row.primary[0] = one;
			row.primary[1] = two;
		}
	}
	return row;
}

static struct wire_ctl_vip any_vip(unsigned i)
{
	return (struct wire_ctl_vip){.address = addr(203, 0, 113, i), .accelerator = below(30) ? 7 : 8};
}

static struct wire_ctl_listener any_listener(unsigned i)
{
	struct wire_ctl_listener row = {.listener = i * 1000,
	    .accelerator = 7,
	    .vip = addr(203, 0, 113, below(VIPS)),
	    .protocol = below(2) ? WIRE_PROTO_TCP : WIRE_PROTO_UDP,
	    .class = (uint8_t)below(2),
	    .affinity = (uint8_t)below(2),
	    .port_lo = (uint16_t)(below(20) ? 100 * i + 1 : 1 + below(1200)),
	    .n_shares = below(4)};
	row.port_hi = (uint16_t)(row.port_lo + below(100));
	for (unsigned s = 0; s < row.n_shares; s++)
		row.share[s] = (struct wire_ctl_share){.group = below(GROUPS), .weight = below(1000)};
	return row;
}

static struct wire_ctl_group any_group(unsigned i)
{
	return (struct wire_ctl_group){.group = i, .egress_pop = some_pop(), .candidate = {some_pop()}};
}

static struct wire_ctl_endpoint any_endpoint(unsigned i)
{
	return (struct wire_ctl_endpoint){.endpoint = i + 1,
	    .group = below(GROUPS),
	    .address = addr(198, 51, 100, below(40) ? i : below(ENDPOINTS)),
	    .port = 80,
	    .weight = (uint16_t)(below(4) * 50),
	    .state = (uint8_t)below(3)};
}

static struct wire_ctl_key any_key(unsigned i)
{
	return (struct wire_ctl_key){.pop = (uint16_t)(2 + i % 2),
	    .direction = (uint8_t)(i / 2 % 2),
	    .key_id = (uint8_t)(i / 4),
	    .secret = {(uint8_t)below(3)}};
}

/* ---- the model's rows into a transaction ---- */

#define SEND(c, e, OBJECT, m, name, i) lb_change_upsert(c, WIRE_OBJ_##OBJECT, &(m)->name[i], sizeof((m)->name[i]), e)
#define SEND_ALL(c, e, OBJECT, m, name, n)                                                                             \
	for (unsigned i = 0; i < (n); i++)                                                                             \
		if ((m)->has_##name[i])                                                                                \
	SEND(c, e, OBJECT, m, name, i)

static void send_model(struct lb_change *c, const struct model *m, struct wire_ctl_error *e)
{
	lb_change_upsert(c, WIRE_OBJ_SETTINGS, &m->settings, sizeof(m->settings), e);
	SEND_ALL(c, e, LISTENER, m, listener, LISTENERS);
	SEND_ALL(c, e, POP, m, pop, POPS);
	SEND_ALL(c, e, PATH, m, path, PATHS);
	SEND_ALL(c, e, LINK, m, link, LINKS);
	SEND_ALL(c, e, VIP, m, vip, VIPS);
	SEND_ALL(c, e, ENDPOINT, m, endpoint, ENDPOINTS);
	SEND_ALL(c, e, GROUP, m, group, GROUPS);
	SEND_ALL(c, e, KEY, m, key, KEYS);
}

#define TOSS(c, e, OBJECT, m, name, n, ...)                                                                            \
	do {                                                                                                           \
		unsigned i = below(n);                                                                                 \
		if ((m)->has_##name[i] && below(5) == 0) {                                                             \
			(m)->has_##name[i] = false;                                                                    \
			lb_change_delete(c, WIRE_OBJ_##OBJECT, &(m)->name[i], sizeof((m)->name[i]), e);                \
		} else {                                                                                               \
			(m)->has_##name[i] = true;                                                                     \
			(m)->name[i] = any_##name(i, ##__VA_ARGS__);                                                   \
			SEND(c, e, OBJECT, m, name, i);                                                                \
		}                                                                                                      \
	} while (0)

static void change_one(struct lb_change *c, struct model *m, struct wire_ctl_error *e)
{
	switch (below(16)) {
	case 0:
		TOSS(c, e, POP, m, pop, POPS);
		break;
	case 1:
		TOSS(c, e, LINK, m, link, LINKS);
		break;
	case 2:
	case 3:
		TOSS(c, e, PATH, m, path, PATHS, m);
		break;
	case 4:
		TOSS(c, e, VIP, m, vip, VIPS);
		break;
	case 5:
	case 6:
	case 7:
		TOSS(c, e, LISTENER, m, listener, LISTENERS);
		break;
	case 8:
	case 9:
		TOSS(c, e, GROUP, m, group, GROUPS);
		break;
	case 10:
		TOSS(c, e, KEY, m, key, KEYS);
		break;
	default:
		TOSS(c, e, ENDPOINT, m, endpoint, ENDPOINTS);
	}
}

/* ---- two snapshots answer alike ---- */

static void same_rows(
    const struct lb_snapshot *x, const struct lb_snapshot *y, enum lb_part part, size_t offset, size_t size)
{
	uint64_t cursor = 0;
	cr_assert(lb_map_count(x->part[part]) == lb_map_count(y->part[part]), "part %d", part);
	for (const struct lb_map_entry *e; (e = lb_map_next(x->part[part], &cursor));) {
		const uint8_t *other = lb_map_get(y->part[part], e->key);
		cr_assert(
		    other && memcmp((const uint8_t *)e->part + offset, other + offset, size) == 0, "part %d", part);
	}
}

#define SAME_ROWS(x, y, PART, type)                                                                                    \
	same_rows(x, y, LB_PART_##PART, offsetof(struct type, row), sizeof(((struct type *)0)->row))

static void same_legs(const struct lb_snapshot *x, const struct lb_snapshot *y)
{
	uint64_t cursor = 0;
	bool slot_taken[LB_MAX_PATHS] = {false};
	for (const struct lb_map_entry *e; (e = lb_map_next(x->part[LB_PART_PATH], &cursor));) {
		const struct lb_path *a = e->part, *b = lb_map_get(y->part[LB_PART_PATH], e->key);
		cr_assert(a->slot < x->active_size && !slot_taken[a->slot]);
		slot_taken[a->slot] = true;
		for (int i = 0; i < 2; i++) {
			const struct lb_leg *l = &a->leg[i], *k = &b->leg[i];
			cr_assert(l->count == k->count && l->mtu == k->mtu && !memcmp(l->hop, k->hop, sizeof(l->hop)));
			cr_assert(!l->first || l->first == lb_snapshot_link(x, l->first->row.link));
			for (unsigned h = 0; h < l->count; h++) {
				uint32_t id = i ? a->row.backup[h] : a->row.primary[h];
				cr_assert(l->slot[h] == lb_snapshot_link(x, id)->slot);
			}
		}
	}
}

static void same_groups(const struct lb_snapshot *x, const struct lb_snapshot *y)
{
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(x->part[LB_PART_GROUP], &cursor));) {
		const struct lb_group *a = e->part, *b = lb_map_get(y->part[LB_PART_GROUP], e->key);
		cr_assert(a->count == b->count && a->healthy == b->healthy);
		for (uint32_t i = 0; i < a->count; i++) {
			cr_assert(a->endpoint[i] == lb_snapshot_endpoint(x, a->endpoint[i]->row.endpoint));
			cr_assert(a->endpoint[i]->row.endpoint == b->endpoint[i]->row.endpoint);
		}
		for (uint32_t bits = 0; bits < 300; bits++) {
			const struct lb_endpoint *p = lb_group_pick(a, bits * 14316557u),
			                         *q = lb_group_pick(b, bits * 14316557u);
			cr_assert(p == q || p->row.endpoint == q->row.endpoint);
		}
	}
}

static void same_lookups(const struct lb_snapshot *x, const struct lb_snapshot *y)
{
	for (int i = 0; i < 300; i++) {
		struct wire_addr vip = addr(203, 0, 113, below(VIPS)), local = addr(10, 1, 0, below(LINKS));
		struct wire_addr remote = addr(10, 2, 0, 1);
		uint8_t protocol = below(2) ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
		uint16_t port = (uint16_t)below(1400), pop = some_pop();
		const struct lb_listener *a = lb_snapshot_listener(x, &vip, protocol, port);
		const struct lb_listener *b = lb_snapshot_listener(y, &vip, protocol, port);
		cr_assert(!a == !b && (!a || a->row.listener == b->row.listener));
		cr_assert(!a || a == lb_snapshot_listener_by_id(x, a->row.listener));
		const struct lb_link *p = lb_snapshot_link_by_address(x, &local, &remote);
		const struct lb_link *q = lb_snapshot_link_by_address(y, &local, &remote);
		cr_assert(!p == !q && (!p || (p->row.link == q->row.link && p == lb_snapshot_link(x, p->row.link))));
		const struct lb_key *k = lb_snapshot_tx_key(x, pop), *l = lb_snapshot_tx_key(y, pop);
		cr_assert(!k == !l && (!k || k->row.key_id == l->row.key_id));
	}
}

static void compare(const struct lb_snapshot *x, const struct lb_snapshot *y)
{
	SAME_ROWS(x, y, POP, lb_pop);
	SAME_ROWS(x, y, LINK, lb_link);
	SAME_ROWS(x, y, KEY, lb_key);
	SAME_ROWS(x, y, PATH, lb_path);
	SAME_ROWS(x, y, VIP, lb_vip);
	SAME_ROWS(x, y, LISTENER, lb_listener);
	SAME_ROWS(x, y, GROUP, lb_group);
	SAME_ROWS(x, y, ENDPOINT, lb_endpoint);
	cr_assert(lb_map_count(x->part[LB_PART_PORTS]) == lb_map_count(y->part[LB_PART_PORTS]));
	cr_assert(lb_map_count(x->part[LB_PART_LINK_BY_ENDS]) == lb_map_count(y->part[LB_PART_LINK_BY_ENDS]));
	same_legs(x, y);
	same_groups(x, y);
	same_lookups(x, y);
}

/* The snapshot of the model from nothing, or by FULL on `previous`; NULL: refused. */
static struct lb_snapshot *whole(struct lb_snapshot *previous, const struct model *m)
{
	struct wire_ctl_error error = {0};
	struct lb_snapshot *s = NULL;
	struct lb_change *change;
	cr_assert(lb_change_begin(previous, true, NULL, &change) == 0);
	send_model(change, m, &error);
	lb_change_commit(change, 1, &s, &error);
	lb_change_free(change);
	return s;
}

Test(model, a_snapshot_changed_step_by_step_is_the_one_made_at_once)
{
	static struct model model, next_model;
	struct lb_snapshot *now = NULL;
	unsigned accepted = 0, refused = 0;
	srand(1);
	model.settings = cluster_settings(1);
	for (int round = 0; round < 4000; round++) {
		struct wire_ctl_error error = {0};
		struct lb_snapshot *next = NULL;
		struct lb_change *change;
		next_model = model;
		cr_assert(lb_change_begin(now, false, NULL, &change) == 0);
		lb_change_upsert(change, WIRE_OBJ_SETTINGS, &model.settings, sizeof(model.settings), &error);
		for (unsigned i = 1 + below(6); i; i--)
			change_one(change, &next_model, &error);
		lb_change_commit(change, (uint64_t)round, &next, &error);
		lb_change_free(change);
		struct lb_snapshot *fresh = whole(round % 2 ? now : NULL, &next_model);
		cr_assert(!next == !fresh, "round %d: '%s'", round, error.text);
		if (next) {
			compare(next, fresh);
			model = next_model;
			lb_snapshot_put(now);
			now = next;
			accepted++;
		} else {
			struct lb_snapshot *same = whole(NULL, &model);
			if (now && refused++ % 20 == 0)
				compare(now, same);
			lb_snapshot_put(same);
		}
		lb_snapshot_put(fresh);
	}
	cr_assert(accepted > 400 && refused > 400, "%u accepted, %u refused", accepted, refused);
	lb_snapshot_put(now);
}
