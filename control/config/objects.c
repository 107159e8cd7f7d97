/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/config/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/kinds.h"

const char *const ctl_kind_names[] = {"accelerator", "policy", "pop", NULL};

/* One row per kind; index is enum ctl_kind. */
static const struct ctl_kind_functions kinds[CTL_KIND_COUNT] = {
    [CTL_KIND_ACCELERATOR] = {ctl_accelerator_read, ctl_accelerator_json, ctl_accelerator_free},
    [CTL_KIND_POLICY] = {ctl_policy_read, ctl_policy_json, ctl_policy_free},
    [CTL_KIND_POP] = {ctl_pop_object_read, ctl_pop_object_json, NULL},
};

const char *ctl_object_name(const struct ctl_object *object)
{
	switch (object->kind) {
	case CTL_KIND_ACCELERATOR:
		return object->accelerator.name;
	case CTL_KIND_POLICY:
		return object->policy.name;
	default:
		return object->pop.name;
	}
}

void ctl_object_free(struct ctl_object *object)
{
	if (!object)
		return;
	if (kinds[object->kind].free)
		kinds[object->kind].free(object);
	free(object->source);
	free(object);
}

void ctl_objects_free(struct ctl_objects *set)
{
	for (unsigned i = 0; i < set->n; i++)
		ctl_object_free(set->object[i]);
	free(set->object);
	*set = (struct ctl_objects){0};
}

json_t *ctl_object_json(const struct ctl_object *object)
{
	json_t *json = json_pack("{ss}", "kind", ctl_kind_names[object->kind]);
	if (json && kinds[object->kind].json(object, json) == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* ---- the set ---- */

static unsigned index_of(const struct ctl_objects *set, enum ctl_kind kind, const char *name)
{
	unsigned i = 0;
	while (i < set->n && (set->object[i]->kind != kind || strcmp(ctl_object_name(set->object[i]), name) != 0))
		i++;
	return i;
}

struct ctl_object *ctl_objects_find(const struct ctl_objects *set, enum ctl_kind kind, const char *name)
{
	unsigned i = index_of(set, kind, name);
	return i < set->n ? set->object[i] : NULL;
}

static int append(struct ctl_objects *set, struct ctl_object *object)
{
	struct ctl_object **grown = reallocarray(set->object, set->n + 1, sizeof(struct ctl_object *));
	if (!grown)
		return -ENOMEM;
	set->object = grown;
	set->object[set->n++] = object;
	return 0;
}

int ctl_objects_put(struct ctl_objects *set, struct ctl_object *object)
{
	unsigned i = index_of(set, object->kind, ctl_object_name(object));
	if (i == set->n)
		return append(set, object);
	ctl_object_free(set->object[i]);
	set->object[i] = object;
	return 0;
}

bool ctl_objects_remove(struct ctl_objects *set, enum ctl_kind kind, const char *name)
{
	unsigned i = index_of(set, kind, name);
	if (i == set->n)
		return false;
	ctl_object_free(set->object[i]);
	memmove(set->object + i, set->object + i + 1, (set->n - i - 1) * sizeof(struct ctl_object *));
	set->n--;
	return true;
}

/* ---- reading ---- */

static struct ctl_object *read_object(const char *source, struct ctl_yaml_value document, uint64_t now_wall_ns)
{
	struct ctl_object *object = calloc(1, sizeof(*object));
	if (!object || !(object->source = strdup(source))) {
		free(object);
		return NULL;
	}
	int kind = ctl_yaml_choice(ctl_yaml_need(document, "kind"), ctl_kind_names, CTL_KIND_POP);
	object->kind = (enum ctl_kind)kind;
	object->line = ctl_yaml_line(&document);
	if (kinds[kind].read(object, document, now_wall_ns)) {
		ctl_object_free(object);
		return NULL;
	}
	return object;
}

/* A document without a known kind cannot be read further. */
static bool has_kind(struct ctl_yaml_value document)
{
	if (ctl_yaml_entries(document, UINT16_MAX) == 0) {
		ctl_yaml_complain(document, "must be a map that starts with 'kind: accelerator', 'policy' or 'pop'");
		return false;
	}
	return ctl_yaml_choice(ctl_yaml_need(document, "kind"), ctl_kind_names, -1) >= 0;
}

static int read_all(const char *source, const struct ctl_yaml *yaml, uint64_t now_wall_ns, const struct ctl_mistakes *m,
    struct ctl_objects *batch)
{
	unsigned n = ctl_yaml_documents(yaml);
	for (unsigned i = 0; i < n && m->kept < CTL_MISTAKES_MAX; i++) { /* more would not be shown */
		struct ctl_yaml_value document = ctl_yaml_document(yaml, i);
		if (!has_kind(document))
			continue;
		struct ctl_object *object = read_object(source, document, now_wall_ns);
		if (!object || append(batch, object)) {
			ctl_object_free(object);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Moves all of batch to the end of set. */
static int move_all(struct ctl_objects *set, struct ctl_objects *batch)
{
	if (batch->n == 0)
		return 0;
	struct ctl_object **grown = reallocarray(set->object, set->n + batch->n, sizeof(struct ctl_object *));
	if (!grown)
		return -ENOMEM;
	memcpy(grown + set->n, batch->object, batch->n * sizeof(struct ctl_object *));
	set->object = grown;
	set->n += batch->n;
	batch->n = 0;
	return 0;
}

int ctl_objects_parse(const char *source, const char *text, size_t size, uint64_t now_wall_ns, struct ctl_mistakes *m,
    struct ctl_objects *set)
{
	struct ctl_yaml *yaml;
	unsigned found = m->found;
	int error = ctl_yaml_parse(source, text, size, m, &yaml);
	if (error)
		return error;
	struct ctl_objects batch = {0};
	error = read_all(source, yaml, now_wall_ns, m, &batch);
	if (!error && m->found != found)
		error = -EINVAL;
	if (!error)
		error = move_all(set, &batch);
	ctl_objects_free(&batch);
	ctl_yaml_free(yaml);
	return error;
}
