/* SPDX-License-Identifier: BSD-2-Clause */
/* What a snapshot holds beyond the rows: link indexes, senders, resolved paths, groups with tables, port tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/build.h"

static int no_memory(struct lb_change *change, enum wire_ctl_object object)
{
	return lb_fail(change, -ENOMEM, object, "out of memory");
}

/* A new hold of the part goes into the map. */
static int share(struct lb_change *change, enum lb_part where, struct lb_map_key key, void *part)
{
	lb_hold(part);
	if (!lb_map_set(&change->next->part[where], key, part))
		return 0;
	lb_drop(part);
	return no_memory(change, WIRE_OBJ_SETTINGS);
}

/* ---- links ---- */

static int twice(struct lb_change *change, const struct lb_link *link, enum lb_part where, struct lb_map_key key,
    const char *field, uint64_t value)
{
	if (!lb_map_get(change->next->part[where], key))
		return 0;
	return lb_refuse(change, WIRE_OBJ_LINK, &link->row,
	    &(struct lb_mistake){.field = field, .number = value, .why = "another link has the same ends"});
}

static int index_link(struct lb_change *change, struct lb_link *link)
{
	const struct wire_ctl_link *l = &link->row;
	struct lb_map_key ends = lb_key_ends(l->from_pop, l->local_link, l->to_pop, l->remote_link);
	if (twice(change, link, LB_PART_LINK_BY_ENDS, ends, "to_pop", l->to_pop) ||
	    share(change, LB_PART_LINK_BY_ENDS, ends, link))
		return change->error.code;
	if (l->from_pop != change->next->self)
		return 0;
	struct lb_map_key pair = lb_key_pair(&l->local, &l->remote);
	if (lb_map_get(change->next->part[LB_PART_LINK_BY_ADDRESS], pair))
		return lb_refuse(change, WIRE_OBJ_LINK, l,
		    &(struct lb_mistake){
		        .field = "remote", .address = &l->remote, .why = "another link has the same addresses"});
	return share(change, LB_PART_LINK_BY_ADDRESS, pair, link);
}

/* Links change seldom: both indexes are made anew when one has. */
int lb_derive_links(struct lb_change *change)
{
	struct lb_snapshot *s = change->next;
	if (!change->relink)
		return 0;
	lb_map_drop(s->part[LB_PART_LINK_BY_ENDS]);
	lb_map_drop(s->part[LB_PART_LINK_BY_ADDRESS]);
	s->part[LB_PART_LINK_BY_ENDS] = s->part[LB_PART_LINK_BY_ADDRESS] = NULL;
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(s->part[LB_PART_LINK], &cursor));)
		if (index_link(change, e->part))
			return change->error.code;
	return 0;
}

int lb_derive_senders(struct lb_change *change)
{
	struct lb_snapshot *s = change->next;
	if (!change->resend)
		return 0;
	lb_map_drop(s->part[LB_PART_SENDER]);
	s->part[LB_PART_SENDER] = NULL;
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(s->part[LB_PART_KEY], &cursor));) {
		struct lb_key *key = e->part;
		const struct lb_key *best = lb_snapshot_tx_key(s, key->row.pop);
		if (key->row.direction != WIRE_KEY_TX || (best && best->row.key_id > key->row.key_id))
			continue;
		if (share(change, LB_PART_SENDER, lb_key_id(key->row.pop), key))
			return change->error.code;
	}
	return 0;
}

/* ---- paths ---- */

static bool visits(const struct lb_leg *leg, uint16_t pop)
{
	uint8_t wire[2];
	wire_put_be16(wire, pop);
	for (unsigned i = 0; i < leg->count; i++)
		if (memcmp(&leg->hop[i].pop, wire, 2) == 0)
			return true;
	return false;
}

/* The links must lead from us to the path's end, without passing a POP twice. */
static int resolve(const struct lb_snapshot *s, const uint32_t links[], unsigned count, uint16_t to_pop, uint16_t mtu,
    const char *field, struct lb_leg *ret_leg, struct lb_mistake *m)
{
	struct lb_leg leg = {.mtu = mtu};
	uint16_t at = s->self;
	for (unsigned i = 0; i < count; i++) {
		const struct lb_link *link = lb_snapshot_link(s, links[i]);
		if (!link)
			return lb_wrong_number(m, field, links[i], "no such link");
		if (link->row.from_pop != at)
			return lb_wrong_number(m, field, links[i], "link does not start where the one before ends");
		at = link->row.to_pop;
		if (at == s->self || visits(&leg, at))
			return lb_wrong_number(m, field, links[i], "link leads to a pop already passed");
		wire_put_be16(&leg.hop[i].pop, at);
		leg.hop[i].local_link = link->row.local_link;
		leg.hop[i].remote_link = link->row.remote_link;
		leg.slot[i] = link->slot;
		leg.first = i ? leg.first : link;
		leg.count++;
	}
	if (count && at != to_pop)
		return lb_wrong_number(m, field, links[count - 1], "last link does not end at to_pop");
	*ret_leg = leg;
	return 0;
}

static bool leg_equal(const struct lb_leg *x, const struct lb_leg *y)
{
	return x->count == y->count && x->mtu == y->mtu && x->first == y->first &&
	       memcmp(x->hop, y->hop, sizeof(x->hop)) == 0 && memcmp(x->slot, y->slot, sizeof(x->slot)) == 0;
}

/* A path of this transaction has no legs yet and is ours alone; another one is replaced by a new part. */
static int put_legs(struct lb_change *change, struct lb_map_key key, struct lb_path *path, const struct lb_leg leg[2])
{
	struct lb_path *target = path;
	if (path->leg[0].count && leg_equal(&path->leg[0], &leg[0]) && leg_equal(&path->leg[1], &leg[1]))
		return 0;
	if (path->leg[0].count) {
		target = lb_object_new(LB_KIND_PATH, sizeof(*target));
		if (!target)
			return no_memory(change, WIRE_OBJ_PATH);
		target->slot = path->slot;
		target->row = path->row;
	}
	for (int i = 0; i < 2; i++) {
		target->leg[i] = leg[i];
		if (leg[i].first)
			lb_hold((void *)leg[i].first);
	}
	if (target == path)
		return 0;
	if (!lb_map_set(&change->next->part[LB_PART_PATH], key, target))
		return 0;
	lb_drop(target);
	return no_memory(change, WIRE_OBJ_PATH);
}

static int derive_path(struct lb_change *change, struct lb_map_key key, struct lb_path *path)
{
	const struct wire_ctl_path *row = &path->row;
	struct lb_leg leg[2];
	struct lb_mistake m;
	if (resolve(
	        change->next, row->primary, row->n_primary, row->to_pop, row->primary_mtu, "primary", &leg[0], &m) ||
	    resolve(change->next, row->backup, row->n_backup, row->to_pop, row->backup_mtu, "backup", &leg[1], &m))
		return lb_refuse(change, WIRE_OBJ_PATH, row, &m);
	return put_legs(change, key, path, leg);
}

int lb_derive_paths(struct lb_change *change)
{
	struct lb_map *const *paths = &change->next->part[LB_PART_PATH];
	for (uint32_t i = 0; i < change->n_touched && !change->relink; i++) {
		const struct lb_touched *t = &change->touched[i];
		struct lb_path *path = t->object == WIRE_OBJ_PATH ? lb_map_get(*paths, t->key) : NULL;
		if (path && derive_path(change, t->key, path))
			return change->error.code;
	}
	uint64_t cursor = 0; /* replacing a part does not move entries */
	for (const struct lb_map_entry *e; change->relink && (e = lb_map_next(*paths, &cursor));)
		if (derive_path(change, e->key, e->part))
			return change->error.code;
	return 0;
}

/* ---- groups and port tables: containers with members ---- */

/* Members of one container as they are to be: those it had and that are still in it, and the new ones. */
struct gathered {
	void **part;
	uint32_t count;
};

static uint32_t id_of(const struct lb_object *part)
{
	return part->kind == LB_KIND_LISTENER ? ((const struct lb_listener *)part)->row.listener
	                                      : ((const struct lb_endpoint *)part)->row.endpoint;
}

static struct lb_map_key container_of(const struct lb_object *part)
{
	if (part->kind == LB_KIND_ENDPOINT)
		return lb_key_id(((const struct lb_endpoint *)part)->row.group);
	const struct wire_ctl_listener *l = &((const struct lb_listener *)part)->row;
	return lb_key_address(&l->vip, l->protocol);
}

static int by_id(const void *x, const void *y)
{
	uint32_t a = id_of(*(struct lb_object *const *)x), b = id_of(*(struct lb_object *const *)y);
	return a != b ? (a < b ? -1 : 1) : 0;
}

static void gather_one(struct gathered *g, const struct lb_map *members, struct lb_map_key container, uint32_t id)
{
	struct lb_object *part = lb_map_get(members, lb_key_id(id));
	struct lb_map_key own = part ? container_of(part) : container;
	if (part && lb_map_key_equal(&own, &container))
		g->part[g->count++] = part;
}

static void sort_gathered(struct gathered *g)
{
	uint32_t kept = 0;
	if (g->count)
		qsort(g->part, g->count, sizeof(g->part[0]), by_id);
	for (uint32_t i = 0; i < g->count; i++)
		if (!kept || g->part[kept - 1] != g->part[i])
			g->part[kept++] = g->part[i];
	g->count = kept;
}

/* run: the container's entries in the transaction's list; had: ids of members before, or NULL. */
static int gather(const struct lb_map *members, const struct lb_member run[], uint32_t n, void *const had[],
    uint32_t n_had, struct gathered *ret)
{
	struct gathered g = {.part = calloc((size_t)n + n_had + 1, sizeof(void *))};
	if (!g.part)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_had; i++)
		gather_one(&g, members, run[0].container, id_of(had[i]));
	for (uint32_t i = 0; i < n; i++)
		if (!run[i].only_mark)
			gather_one(&g, members, run[0].container, run[i].id);
	sort_gathered(&g);
	*ret = g;
	return 0;
}

static bool same_group(const struct lb_group *group, const struct lb_group *row, const struct gathered *g)
{
	return group && group->count == g->count && memcmp(&group->row, &row->row, sizeof(row->row)) == 0 &&
	       (!g->count || memcmp(group->endpoint, g->part, g->count * sizeof(void *)) == 0);
}

static int make_group(struct lb_change *change, struct lb_map_key key, const struct lb_group *row, struct gathered *g)
{
	struct lb_group *old = change->previous ? lb_map_get(change->previous->part[LB_PART_GROUP], key) : NULL;
	const struct lb_endpoint *same = NULL;
	struct lb_group *group = NULL;
	if (g->count > LB_MAGLEV_CANDIDATES)
		return lb_refuse(change, WIRE_OBJ_GROUP, &row->row,
		    &(struct lb_mistake){.field = "endpoints", .number = g->count, .why = "must be at most 16384"});
	if (same_group(old, row, g))
		return share(change, LB_PART_GROUP, key, old);
	int error = lb_group_new(
	    change->next->tables, &row->row, (struct lb_endpoint *const *)g->part, g->count, &group, &same);
	if (error == -EEXIST)
		return lb_refuse(change, WIRE_OBJ_ENDPOINT, &same->row,
		    &(struct lb_mistake){.field = "address",
		        .address = &same->row.address,
		        .why = "another endpoint of the group has the same address and port, or server id"});
	if (error)
		return no_memory(change, WIRE_OBJ_GROUP);
	group->changed_ns = change->now_ns;
	if (!lb_map_set(&change->next->part[LB_PART_GROUP], key, group))
		return 0;
	lb_drop(group);
	return no_memory(change, WIRE_OBJ_GROUP);
}

int lb_derive_groups(struct lb_change *change)
{
	struct lb_snapshot *s = change->next;
	struct lb_members *list = &change->endpoints;
	lb_members_sort(list);
	for (uint32_t i = 0, end; i < list->count && !change->error.code; i = end) {
		end = lb_members_run(list, i);
		struct lb_map_key key = list->member[i].container;
		const struct lb_group *row = lb_map_get(s->part[LB_PART_GROUP], key);
		const struct lb_group *had = change->kept ? lb_map_get(change->kept->part[LB_PART_GROUP], key) : NULL;
		struct gathered g;
		if (!row)
			continue;
		if (gather(s->part[LB_PART_ENDPOINT], &list->member[i], end - i,
		        had ? (void *const *)had->endpoint : NULL, had ? had->count : 0, &g))
			return no_memory(change, WIRE_OBJ_GROUP);
		make_group(change, key, row, &g);
		free(g.part);
	}
	return change->error.code;
}

static int make_ports(struct lb_change *change, struct lb_map_key key, const struct gathered *g)
{
	const struct lb_listener *overlap = NULL;
	struct lb_ports *ports = NULL;
	if (!g->count)
		return lb_map_delete(&change->next->part[LB_PART_PORTS], key) ? no_memory(change, WIRE_OBJ_LISTENER)
		                                                              : 0;
	int error = lb_ports_new((struct lb_listener *const *)g->part, g->count, &ports, &overlap);
	if (error == -EEXIST)
		return lb_refuse(change, WIRE_OBJ_LISTENER, &overlap->row,
		    &(struct lb_mistake){.field = "port_lo",
		        .number = overlap->row.port_lo,
		        .why = "another listener of this vip and protocol has the port"});
	if (error)
		return no_memory(change, WIRE_OBJ_LISTENER);
	if (!lb_map_set(&change->next->part[LB_PART_PORTS], key, ports))
		return 0;
	lb_drop(ports);
	return no_memory(change, WIRE_OBJ_LISTENER);
}

/* The listeners of a port table, as gather() wants them. NULL without memory. */
static void **listeners_of(const struct lb_ports *ports)
{
	void **part = calloc((size_t)ports->count + 1, sizeof(*part));
	for (uint32_t i = 0; part && i < ports->count; i++)
		part[i] = (void *)ports->range[i].listener;
	return part;
}

int lb_derive_ports(struct lb_change *change)
{
	struct lb_snapshot *s = change->next;
	struct lb_members *list = &change->listeners;
	lb_members_sort(list);
	for (uint32_t i = 0, end; i < list->count && !change->error.code; i = end) {
		end = lb_members_run(list, i);
		struct lb_map_key key = list->member[i].container;
		const struct lb_ports *had = change->kept ? lb_map_get(change->kept->part[LB_PART_PORTS], key) : NULL;
		void **before = had ? listeners_of(had) : NULL;
		struct gathered g;
		if (had && !before)
			return no_memory(change, WIRE_OBJ_LISTENER);
		int error =
		    gather(s->part[LB_PART_LISTENER], &list->member[i], end - i, before, had ? had->count : 0, &g);
		free(before);
		if (error)
			return no_memory(change, WIRE_OBJ_LISTENER);
		make_ports(change, key, &g);
		free(g.part);
	}
	return change->error.code;
}
