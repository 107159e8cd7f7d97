/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/config/ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"

#define VNI_MASK 0xffffffu

/* Ids in use, open addressing; 0 is a free slot. At most half full. */
struct id_set {
	uint32_t *slot;
	uint32_t mask;
};

/* FNV-1a, 32 bits. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return (hash ^ '/') * 16777619u;
}
#define HASH_START 2166136261u

static bool id_add(struct id_set *ids, uint32_t id)
{
	uint32_t i = id & ids->mask;
	for (; ids->slot[i]; i = (i + 1) & ids->mask)
		if (ids->slot[i] == id)
			return false;
	ids->slot[i] = id;
	return true;
}

static uint32_t choose(struct id_set *ids, uint32_t hash, uint32_t mask)
{
	uint32_t id = hash & mask;
	while (id == 0 || !id_add(ids, id))
		id = (id + 1) & mask;
	return id;
}

/* ---- the same thing in the old set ---- */

static const struct ctl_listener *old_listener(const struct ctl_accelerator *a, const char *name)
{
	for (unsigned i = 0; a && i < a->n_listeners; i++)
		if (strcmp(a->listeners[i].name, name) == 0)
			return &a->listeners[i];
	return NULL;
}

static const struct ctl_group *old_group(const struct ctl_listener *l, const char *name)
{
	for (unsigned i = 0; l && i < l->n_groups; i++)
		if (strcmp(l->groups[i].name, name) == 0)
			return &l->groups[i];
	return NULL;
}

static const struct ctl_endpoint *old_endpoint(const struct ctl_group *g, const struct ctl_endpoint *e)
{
	for (unsigned i = 0; g && i < g->n_endpoints; i++)
		if (g->endpoints[i].port == e->port && wire_addr_equal(&g->endpoints[i].address, &e->address))
			return &g->endpoints[i];
	return NULL;
}

/* ---- what is in use ---- */

static unsigned count_ids(const struct ctl_objects *set)
{
	unsigned n = 0;
	for (unsigned i = 0; i < set->n; i++) {
		const struct ctl_accelerator *a = &set->object[i]->accelerator;
		if (set->object[i]->kind != CTL_KIND_ACCELERATOR)
			continue;
		n++;
		for (unsigned j = 0; j < a->n_listeners; j++)
			for (unsigned k = 0; k < a->listeners[j].n_groups; k++)
				n += 1 + a->listeners[j].groups[k].n_endpoints;
	}
	return n;
}

/* Groups and endpoints share one space of ids, accelerators have their own. */
static void add_used(const struct ctl_objects *set, struct id_set *vnis, struct id_set *ids)
{
	for (unsigned i = 0; i < set->n; i++) {
		const struct ctl_accelerator *a = &set->object[i]->accelerator;
		if (set->object[i]->kind != CTL_KIND_ACCELERATOR)
			continue;
		id_add(vnis, a->id);
		for (unsigned j = 0; j < a->n_listeners; j++)
			for (unsigned k = 0; k < a->listeners[j].n_groups; k++) {
				const struct ctl_group *g = &a->listeners[j].groups[k];
				id_add(ids, g->id);
				for (unsigned l = 0; l < g->n_endpoints; l++)
					id_add(ids, g->endpoints[l].id);
			}
	}
}

/* ---- giving ---- */

static void give_endpoint(const struct ctl_group *old, struct ctl_endpoint *e, uint32_t hash, struct id_set *ids)
{
	char address[CTL_ADDRESS_TEXT], name[CTL_ADDRESS_TEXT + 8];
	const struct ctl_endpoint *was = old_endpoint(old, e);
	if (was && !e->drained_given)
		e->drained = was->drained;
	snprintf(name, sizeof(name), "%s:%u", ctl_address_text(&e->address, address), e->port);
	e->id = was ? was->id : choose(ids, hash_text(hash, name), UINT32_MAX);
}

static void give_accelerator(
    const struct ctl_objects *set, struct ctl_accelerator *a, struct id_set *vnis, struct id_set *ids)
{
	const struct ctl_object *object = ctl_objects_find(set, CTL_KIND_ACCELERATOR, a->name);
	const struct ctl_accelerator *was = object ? &object->accelerator : NULL;
	uint32_t hash = hash_text(HASH_START, a->name);
	a->id = was ? was->id : choose(vnis, hash, VNI_MASK);
	for (unsigned i = 0; i < a->n_listeners; i++) {
		struct ctl_listener *l = &a->listeners[i];
		const struct ctl_listener *l_was = old_listener(was, l->name);
		for (unsigned j = 0; j < l->n_groups; j++) {
			struct ctl_group *g = &l->groups[j];
			const struct ctl_group *g_was = old_group(l_was, g->name);
			uint32_t group_hash = hash_text(hash_text(hash, l->name), g->name);
			g->id = g_was ? g_was->id : choose(ids, group_hash, UINT32_MAX);
			for (unsigned k = 0; k < g->n_endpoints; k++)
				give_endpoint(g_was, &g->endpoints[k], group_hash, ids);
		}
	}
}

static void give_pop(const struct ctl_objects *set, struct ctl_pop_object *pop)
{
	const struct ctl_object *was = ctl_objects_find(set, CTL_KIND_POP, pop->name);
	if (was && !pop->drained_given)
		pop->drained = was->pop.drained;
}

int ctl_objects_inherit(const struct ctl_objects *set, struct ctl_objects *batch)
{
	uint32_t slots = 16;
	while (slots < 2 * (count_ids(set) + count_ids(batch)))
		slots *= 2;
	struct id_set vnis = {calloc(slots, sizeof(uint32_t)), slots - 1};
	struct id_set ids = {calloc(slots, sizeof(uint32_t)), slots - 1};
	int error = vnis.slot && ids.slot ? 0 : -ENOMEM;
	if (!error)
		add_used(set, &vnis, &ids);
	for (unsigned i = 0; !error && i < batch->n; i++) {
		if (batch->object[i]->kind == CTL_KIND_ACCELERATOR)
			give_accelerator(set, &batch->object[i]->accelerator, &vnis, &ids);
		if (batch->object[i]->kind == CTL_KIND_POP)
			give_pop(set, &batch->object[i]->pop);
	}
	free(vnis.slot);
	free(ids.slot);
	return error;
}
