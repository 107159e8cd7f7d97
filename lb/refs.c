/* SPDX-License-Identifier: BSD-2-Clause */
/* What rows say about each other: every reference resolves, nothing is there twice, limits hold. */
#include <errno.h>

#include "lb/build.h"

static bool knows_pop(const struct lb_snapshot *s, uint16_t pop)
{
	return pop == s->self || lb_snapshot_pop(s, pop);
}

static int link_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	const struct wire_ctl_link *l = &((const struct lb_link *)part)->row;
	if (!knows_pop(s, l->from_pop))
		return lb_wrong_number(m, "from_pop", l->from_pop, "no such pop");
	if (!knows_pop(s, l->to_pop))
		return lb_wrong_number(m, "to_pop", l->to_pop, "no such pop");
	if (l->from_pop != s->self)
		return 0;
	if (wire_addr_is_unset(&l->local))
		return lb_wrong_address(m, "local", &l->local, "must be set for a link of ours");
	if (wire_addr_is_unset(&l->remote) || wire_addr_equal(&l->local, &l->remote))
		return lb_wrong_address(
		    m, "remote", &l->remote, "must be set, and another than local, for a link of ours");
	if (wire_addr_is_v4(&l->local) != wire_addr_is_v4(&l->remote))
		return lb_wrong_address(m, "remote", &l->remote, "must be of the family of local");
	if (l->mtu < LB_MIN_MTU)
		return lb_wrong_number(m, "mtu", l->mtu, "must be at least 576 for a link of ours");
	return 0;
}

static int key_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	uint16_t pop = ((const struct lb_key *)part)->row.pop;
	return lb_snapshot_pop(s, pop) ? 0 : lb_wrong_number(m, "pop", pop, "no such pop");
}

static int path_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	uint16_t pop = ((const struct lb_path *)part)->row.to_pop;
	if (pop == s->self)
		return lb_wrong_number(m, "to_pop", pop, "is this pop");
	return lb_snapshot_pop(s, pop) ? 0 : lb_wrong_number(m, "to_pop", pop, "no such pop");
}

static int vip_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	const struct wire_addr *address = &((const struct lb_vip *)part)->row.address;
	return lb_snapshot_nat(s, address) ? lb_wrong_address(m, "address", address, "is a nat address too") : 0;
}

static int listener_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	const struct wire_ctl_listener *l = &((const struct lb_listener *)part)->row;
	const struct lb_vip *vip = lb_snapshot_vip(s, &l->vip);
	if (!vip)
		return lb_wrong_address(m, "vip", &l->vip, "no such vip");
	if (vip->row.accelerator != l->accelerator)
		return lb_wrong_number(m, "accelerator", l->accelerator, "is not the accelerator of its vip");
	if (l->quic && !lb_snapshot_quic(s, l->quic))
		return lb_wrong_number(m, "quic", l->quic, "no such quic");
	for (uint32_t i = 0; i < l->n_shares; i++)
		if (!lb_snapshot_group(s, l->share[i].group))
			return lb_wrong_number(m, "share.group", l->share[i].group, "no such group");
	return 0;
}

static int group_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	const struct wire_ctl_group *g = &((const struct lb_group *)part)->row;
	if (!knows_pop(s, g->egress_pop))
		return lb_wrong_number(m, "egress_pop", g->egress_pop, "no such pop");
	for (unsigned i = 0; i < WIRE_STEER_MAX_CANDIDATES && g->candidate[i]; i++)
		if (!knows_pop(s, g->candidate[i]))
			return lb_wrong_number(m, "candidate", g->candidate[i], "no such pop");
	return 0;
}

static int endpoint_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	uint32_t group = ((const struct lb_endpoint *)part)->row.group;
	return lb_snapshot_group(s, group) ? 0 : lb_wrong_number(m, "group", group, "no such group");
}

static int nat_refs(const struct lb_snapshot *s, const void *part, struct lb_mistake *m)
{
	const struct wire_addr *address = &((const struct lb_nat_address *)part)->row.address;
	return lb_snapshot_vip(s, address) ? lb_wrong_address(m, "address", address, "is a vip too") : 0;
}

typedef int refs_fn(const struct lb_snapshot *s, const void *part, struct lb_mistake *ret_mistake);

static refs_fn *const refs[WIRE_OBJ_COUNT] = {
    [WIRE_OBJ_LINK] = link_refs,
    [WIRE_OBJ_KEY] = key_refs,
    [WIRE_OBJ_PATH] = path_refs,
    [WIRE_OBJ_VIP] = vip_refs,
    [WIRE_OBJ_LISTENER] = listener_refs,
    [WIRE_OBJ_GROUP] = group_refs,
    [WIRE_OBJ_ENDPOINT] = endpoint_refs,
    [WIRE_OBJ_NAT] = nat_refs,
};

static int check_one(struct lb_change *change, enum wire_ctl_object object, const void *part)
{
	struct lb_mistake mistake;
	if (!part || !refs[object] || !refs[object](change->next, part, &mistake))
		return 0;
	return lb_refuse(change, object, lb_row_of(&lb_rows[object], part), &mistake);
}

static int check_all(struct lb_change *change, enum wire_ctl_object object)
{
	uint64_t cursor = 0;
	const struct lb_map *map = change->next->part[lb_rows[object].part];
	for (const struct lb_map_entry *e; (e = lb_map_next(map, &cursor));)
		if (check_one(change, object, e->part))
			return change->error.code;
	return 0;
}

int lb_check_references(struct lb_change *change)
{
	for (uint32_t i = 0; i < change->n_touched; i++) {
		const struct lb_touched *t = &change->touched[i];
		const struct lb_map *map = change->next->part[lb_rows[t->object].part];
		if (!change->recheck[t->object] && check_one(change, t->object, lb_map_get(map, t->key)))
			return change->error.code;
	}
	for (enum wire_ctl_object object = WIRE_OBJ_POP; object < WIRE_OBJ_COUNT; object++)
		if (change->recheck[object] && check_all(change, object))
			return change->error.code;
	return 0;
}

int lb_check_limits(struct lb_change *change)
{
	const struct lb_snapshot *s = change->next;
	for (enum wire_ctl_object object = WIRE_OBJ_POP; object < WIRE_OBJ_COUNT; object++) {
		const struct lb_row *kind = &lb_rows[object];
		uint32_t count = kind->name ? lb_map_count(s->part[kind->part]) : 0;
		if (count && !s->configured)
			return lb_fail(change, -EINVAL, WIRE_OBJ_SETTINGS, "missing: nothing can be kept without them");
		if (count > kind->max)
			return lb_fail(change, -ENOSPC, object, "more than this version keeps");
	}
	return 0;
}
