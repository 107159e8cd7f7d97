/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/object.h"

#include <stdlib.h>

#include "lb/group.h"
#include "lb/listener.h"
#include "lb/path.h"

void *lb_object_new(enum lb_kind kind, uint64_t size)
{
	struct lb_object *object = calloc(1, size);
	if (object) {
		object->refs = 1;
		object->kind = (uint32_t)kind;
	}
	return object;
}

static void drop_legs(struct lb_path *path)
{
	for (int i = 0; i < 2; i++)
		lb_drop((void *)path->leg[i].first);
}

static void drop_listeners(struct lb_ports *ports)
{
	for (uint32_t i = 0; i < ports->count; i++)
		lb_drop((void *)ports->range[i].listener);
}

void lb_drop(void *part)
{
	struct lb_object *object = part;
	if (!object || --object->refs)
		return;
	switch ((enum lb_kind)object->kind) {
	case LB_KIND_PATH:
		drop_legs(part);
		break;
	case LB_KIND_PORTS:
		drop_listeners(part);
		break;
	case LB_KIND_GROUP:
		lb_group_free(part);
		return;
	case LB_KIND_TABLE:
		lb_table_free(part);
		return;
	default:
		break;
	}
	free(part);
}
