/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/build.h"

/* Any row, aligned. */
union body {
	struct wire_ctl_settings settings;
	struct wire_ctl_pop pop;
	struct wire_ctl_link link;
	struct wire_ctl_key key;
	struct wire_ctl_path path;
	struct wire_ctl_vip vip;
	struct wire_ctl_listener listener;
	struct wire_ctl_group group;
	struct wire_ctl_endpoint endpoint;
	struct wire_ctl_nat nat;
	struct wire_ctl_adjacency adjacency;
	struct wire_ctl_quic quic;
};

/* ---- errors ---- */

int lb_refuse(struct lb_change *change, enum wire_ctl_object object, const void *row, const struct lb_mistake *mistake)
{
	struct wire_ctl_error *e = &change->error;
	*e = (struct wire_ctl_error){.code = -EINVAL, .object = (uint16_t)object};
	struct lb_line line = lb_line_start(e->text, sizeof(e->text));
	lb_line_text(&line, lb_rows[object].name);
	lb_line_text(&line, object == WIRE_OBJ_SETTINGS ? "" : " ");
	lb_rows[object].print_key(&line, row);
	lb_line_text(&line, ": ");
	if (mistake->field) {
		lb_line_text(&line, mistake->field);
		lb_line_text(&line, " ");
		if (mistake->address)
			lb_line_address(&line, mistake->address);
		else
			lb_line_number(&line, mistake->number);
		lb_line_text(&line, ": ");
	}
	lb_line_text(&line, mistake->why);
	return -EINVAL;
}

int lb_fail(struct lb_change *change, int code, enum wire_ctl_object object, const char *why)
{
	struct wire_ctl_error *e = &change->error;
	*e = (struct wire_ctl_error){.code = code, .object = (uint16_t)object};
	struct lb_line line = lb_line_start(e->text, sizeof(e->text));
	lb_line_text(
	    &line, object && object < WIRE_OBJ_COUNT && lb_rows[object].name ? lb_rows[object].name : "object");
	lb_line_text(&line, ": ");
	lb_line_text(&line, why);
	return code;
}

static int no_memory(struct lb_change *change, enum wire_ctl_object object)
{
	return lb_fail(change, -ENOMEM, object, "out of memory");
}

/* Hands the transaction's error out. */
static int report(const struct lb_change *change, struct wire_ctl_error *ret_error)
{
	if (change->error.code)
		*ret_error = change->error;
	return change->error.code;
}

/* ---- begin ---- */

static struct lb_snapshot *next_of(const struct lb_snapshot *previous, bool full)
{
	struct lb_snapshot *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->refs = 1;
	s->tables = previous ? lb_table_pool_hold(previous->tables) : lb_table_pool_new();
	if (!s->tables) {
		free(s);
		return NULL;
	}
	if (!previous)
		return s;
	s->link_slots = previous->link_slots; /* in a FULL one too, so that what comes again keeps its slot */
	s->path_slots = previous->path_slots;
	if (full)
		return s;
	s->self = previous->self;
	s->configured = previous->configured;
	s->settings = previous->settings;
	s->timeouts = previous->timeouts;
	for (unsigned i = 0; i < LB_PARTS; i++)
		s->part[i] = lb_map_hold(previous->part[i]);
	return s;
}

int lb_change_begin(struct lb_snapshot *previous, bool full, lb_key_expand_fn *expand, struct lb_change **ret_change)
{
	struct lb_change *change = calloc(1, sizeof(*change));
	struct lb_snapshot *next = next_of(previous, full);
	if (!change || !next) {
		free(change);
		lb_snapshot_put(next);
		return -ENOMEM;
	}
	change->previous = previous ? lb_snapshot_hold(previous) : NULL;
	change->next = next;
	change->kept = full ? NULL : previous;
	change->expand = expand;
	change->relink = change->resend = full;
	*ret_change = change;
	return 0;
}

void lb_change_free(struct lb_change *change)
{
	if (!change)
		return;
	lb_snapshot_put(change->next);
	lb_snapshot_put(change->previous);
	free(change->touched);
	free(change->endpoints.member);
	free(change->listeners.member);
	free(change);
}

/* ---- upsert and delete ---- */

static int touch(struct lb_change *change, enum wire_ctl_object object, struct lb_map_key key)
{
	if (change->n_touched == change->touched_room) {
		uint32_t room = change->touched_room ? change->touched_room * 2 : 16;
		struct lb_touched *larger = realloc(change->touched, room * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		change->touched = larger;
		change->touched_room = room;
	}
	change->touched[change->n_touched++] = (struct lb_touched){.object = object, .key = key};
	return 0;
}

static uint32_t take_slot(struct lb_slots *slots)
{
	for (uint32_t i = 0; i < sizeof(slots->used) / sizeof(slots->used[0]); i++)
		if (~slots->used[i]) {
			uint32_t bit = (uint32_t)__builtin_ctzll(~slots->used[i]);
			slots->used[i] |= 1ull << bit;
			return i * 64 + bit;
		}
	return UINT32_MAX;
}

static void give_slot(struct lb_slots *slots, uint32_t slot)
{
	slots->used[slot / 64] &= ~(1ull << slot % 64);
}

void lb_change_at(struct lb_change *change, uint64_t now_ns)
{
	change->now_ns = now_ns;
}

/* What a new part holds besides its row. `old` is the part that it replaces, or NULL. */
static int complete(struct lb_change *change, enum wire_ctl_object object, void *part, const void *old)
{
	struct lb_snapshot *next = change->next;
	uint32_t *slot = NULL;
	if (object == WIRE_OBJ_LISTENER) {
		struct lb_listener *l = part;
		l->changed_ns = change->now_ns;
		for (uint32_t i = 0; i < l->row.n_shares; i++)
			l->weights += l->row.share[i].weight;
		for (int i = 0; i < 3; i++)
			l->vni[i] = (uint8_t)(l->row.accelerator >> (16 - 8 * i));
	} else if (object == WIRE_OBJ_KEY) {
		struct lb_key *k = part;
		if (change->expand)
			change->expand(k->row.secret, k->annex);
	} else if (object == WIRE_OBJ_QUIC) {
		lb_quic_expand(part);
	} else if (object == WIRE_OBJ_LINK) {
		slot = &((struct lb_link *)part)->slot;
		*slot = old ? ((const struct lb_link *)old)->slot : take_slot(&next->link_slots);
	} else if (object == WIRE_OBJ_PATH) {
		slot = &((struct lb_path *)part)->slot;
		*slot = old ? ((const struct lb_path *)old)->slot : take_slot(&next->path_slots);
	}
	return slot && *slot == UINT32_MAX ? -ENOSPC : 0;
}

static struct lb_map_key ports_key(const struct lb_listener *l)
{
	return lb_key_address(&l->row.vip, l->row.protocol);
}

/* Notes what has to be derived again because `old` gave way to `new` (either may be NULL). */
static int note(struct lb_change *change, enum wire_ctl_object object, const void *old, const void *new)
{
	int error = 0;
	change->relink |= object == WIRE_OBJ_LINK;
	change->resend |= object == WIRE_OBJ_KEY;
	if (object == WIRE_OBJ_POP && !new)
		change->recheck[WIRE_OBJ_LINK] = change->recheck[WIRE_OBJ_KEY] = change->recheck[WIRE_OBJ_PATH] =
		    change->recheck[WIRE_OBJ_GROUP] = true;
	if (object == WIRE_OBJ_VIP && old)
		change->recheck[WIRE_OBJ_LISTENER] = true;
	if (object == WIRE_OBJ_QUIC && !new)
		change->recheck[WIRE_OBJ_LISTENER] = true;
	if (object == WIRE_OBJ_GROUP && !new)
		change->recheck[WIRE_OBJ_LISTENER] = change->recheck[WIRE_OBJ_ENDPOINT] = true;
	if (object == WIRE_OBJ_GROUP && new)
		error = lb_members_add(&change->endpoints,
		    (struct lb_member){lb_key_id(((const struct lb_group *)new)->row.group), 0, true});
	if (object == WIRE_OBJ_ENDPOINT) {
		const struct lb_endpoint *was = old, *is = new;
		if (was)
			error =
			    lb_members_add(&change->endpoints, (struct lb_member){lb_key_id(was->row.group), 0, true});
		if (is && !error)
			error = lb_members_add(
			    &change->endpoints, (struct lb_member){lb_key_id(is->row.group), is->row.endpoint, false});
	}
	if (object == WIRE_OBJ_LISTENER) {
		const struct lb_listener *was = old, *is = new;
		if (was)
			error = lb_members_add(&change->listeners, (struct lb_member){ports_key(was), 0, true});
		if (is && !error)
			error = lb_members_add(
			    &change->listeners, (struct lb_member){ports_key(is), is->row.listener, false});
	}
	return error;
}

static void *new_part(struct lb_change *change, enum wire_ctl_object object, const void *row, const void *old)
{
	const struct lb_row *kind = &lb_rows[object];
	void *part = lb_object_new(kind->kind, kind->size);
	if (!part) {
		no_memory(change, object);
		return NULL;
	}
	memcpy((uint8_t *)part + kind->offset, row, kind->body);
	if (complete(change, object, part, old)) {
		lb_fail(change, -ENOSPC, object, "too many");
		lb_drop(part);
		return NULL;
	}
	return part;
}

static int set_part(struct lb_change *change, enum wire_ctl_object object, const void *row)
{
	const struct lb_row *kind = &lb_rows[object];
	struct lb_map_key key = kind->key(row);
	void *now = lb_map_get(change->next->part[kind->part], key);
	bool full = change->previous && !change->kept;
	void *old = full && !now ? lb_map_get(change->previous->part[kind->part], key) : now;
	bool same = old && memcmp(lb_row_of(kind, old), row, kind->body) == 0;
	if (same && now)
		return 0;
	void *part = same ? lb_hold(old) : new_part(change, object, row, old);
	if (!part)
		return change->error.code;
	if (note(change, object, now, part) || touch(change, object, key) ||
	    lb_map_set(&change->next->part[kind->part], key, part)) {
		lb_drop(part);
		return no_memory(change, object);
	}
	return 0;
}

static void set_settings(struct lb_change *change, const struct wire_ctl_settings *row)
{
	struct lb_snapshot *s = change->next;
	if (s->self != row->pop)
		change->relink = change->recheck[WIRE_OBJ_LINK] = change->recheck[WIRE_OBJ_PATH] =
		    change->recheck[WIRE_OBJ_GROUP] = change->recheck[WIRE_OBJ_KEY] = true;
	s->configured = true;
	s->self = row->pop;
	s->settings = *row;
	s->timeouts = (struct lb_timeouts){.tcp_new_ms = row->tcp_syn_ms,
	    .tcp_established_ms = row->tcp_established_ms,
	    .tcp_closing_ms = row->tcp_closing_ms,
	    .udp_ms = row->udp_ms};
}

static int take_body(
    struct lb_change *change, enum wire_ctl_object object, const void *body, size_t length, union body *ret_body)
{
	if (object >= WIRE_OBJ_COUNT || !lb_rows[object].name)
		return lb_fail(change, -EINVAL, object, "no object of this kind is kept here");
	if (length != lb_rows[object].body)
		return lb_fail(change, -EINVAL, object, "message has the wrong length");
	memcpy(ret_body, body, length);
	return 0;
}

int lb_change_upsert(struct lb_change *change, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error)
{
	union body row;
	struct lb_mistake mistake;
	if (change->error.code || take_body(change, object, body, length, &row))
		return report(change, ret_error);
	if (lb_rows[object].check(&row, &mistake))
		lb_refuse(change, object, &row, &mistake);
	else if (object == WIRE_OBJ_SETTINGS)
		set_settings(change, &row.settings);
	else
		set_part(change, object, &row);
	return report(change, ret_error);
}

static int delete_part(struct lb_change *change, enum wire_ctl_object object, const void *row)
{
	const struct lb_row *kind = &lb_rows[object];
	struct lb_map_key key = kind->key(row);
	void *old = lb_map_get(change->next->part[kind->part], key);
	if (!old)
		return lb_refuse(
		    change, object, row, &(struct lb_mistake){.why = "cannot be deleted: it is not there"});
	if (object == WIRE_OBJ_LINK)
		give_slot(&change->next->link_slots, ((struct lb_link *)old)->slot);
	if (object == WIRE_OBJ_PATH)
		give_slot(&change->next->path_slots, ((struct lb_path *)old)->slot);
	if (note(change, object, old, NULL) || lb_map_delete(&change->next->part[kind->part], key))
		return no_memory(change, object);
	return 0;
}

int lb_change_delete(struct lb_change *change, enum wire_ctl_object object, const void *body, size_t length,
    struct wire_ctl_error *ret_error)
{
	union body row;
	if (change->error.code || take_body(change, object, body, length, &row))
		return report(change, ret_error);
	if (object == WIRE_OBJ_SETTINGS)
		lb_fail(change, -EINVAL, object, "cannot be deleted");
	else
		delete_part(change, object, &row);
	return report(change, ret_error);
}

/* ---- commit ---- */

/* In a FULL transaction slots were taken beside those of the previous snapshot; now only what is there counts. */
static void recount_slots(struct lb_snapshot *s)
{
	s->link_slots = s->path_slots = (struct lb_slots){{0}};
	uint64_t cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(s->part[LB_PART_LINK], &cursor));) {
		uint32_t slot = ((const struct lb_link *)e->part)->slot;
		s->link_slots.used[slot / 64] |= 1ull << slot % 64;
	}
	cursor = 0;
	for (const struct lb_map_entry *e; (e = lb_map_next(s->part[LB_PART_PATH], &cursor));) {
		uint32_t slot = ((const struct lb_path *)e->part)->slot;
		s->path_slots.used[slot / 64] |= 1ull << slot % 64;
	}
}

static uint32_t slots_end(const struct lb_slots *slots)
{
	uint32_t i = sizeof(slots->used) / sizeof(slots->used[0]);
	while (i && !slots->used[i - 1])
		i--;
	return i * 64;
}

/* Which leg is in use: as before for paths that were there, the primary for new ones. */
static int carry_active(struct lb_change *change)
{
	struct lb_snapshot *next = change->next;
	const struct lb_snapshot *previous = change->previous;
	next->active_size = slots_end(&next->path_slots);
	next->active = calloc(next->active_size + 1, 1);
	if (!next->active)
		return no_memory(change, WIRE_OBJ_PATH);
	for (uint32_t i = 0; previous && i < previous->active_size && i < next->active_size; i++)
		next->active[i] = __atomic_load_n(&previous->active[i], __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < change->n_touched; i++) {
		struct lb_map_key key = change->touched[i].key;
		if (change->touched[i].object != WIRE_OBJ_PATH)
			continue;
		const struct lb_path *path = lb_map_get(next->part[LB_PART_PATH], key);
		if (path && !(previous && lb_map_get(previous->part[LB_PART_PATH], key)))
			next->active[path->slot] = LB_ACTIVE_PRIMARY;
	}
	return 0;
}

static int settle(struct lb_change *change)
{
	static int (*const steps[])(struct lb_change *) = {lb_check_limits, lb_derive_links, lb_derive_senders,
	    lb_check_references, lb_derive_paths, lb_derive_groups, lb_derive_ports, carry_active};
	if (!change->kept)
		recount_slots(change->next);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !change->error.code; i++)
		steps[i](change);
	return change->error.code;
}

int lb_change_commit(
    struct lb_change *change, uint64_t generation, struct lb_snapshot **ret_snapshot, struct wire_ctl_error *ret_error)
{
	if (change->committed)
		lb_fail(change, -EINVAL, WIRE_OBJ_SETTINGS, "transaction was committed already");
	if (change->error.code || settle(change))
		return report(change, ret_error);
	change->committed = true;
	change->next->generation = generation;
	*ret_snapshot = lb_snapshot_hold(change->next);
	return 0;
}
