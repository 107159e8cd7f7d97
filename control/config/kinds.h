/* SPDX-License-Identifier: BSD-2-Clause */
/* What objects.c needs of each kind of object; nobody else includes this. */
#pragma once

#include "control/config/objects.h"

struct ctl_kind_functions {
	/* Fills the zeroed object of this kind from the document; mistakes go to the document's list. 0 or -ENOMEM. */
	int (*read)(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns);
	/* Adds the fields to the JSON object. 0 or -1. */
	int (*json)(const struct ctl_object *object, json_t *json);
	/* Frees what the object's own struct points to. May be NULL. */
	void (*free)(struct ctl_object *object);
};

int ctl_accelerator_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns);
int ctl_accelerator_json(const struct ctl_object *object, json_t *json);
void ctl_accelerator_free(struct ctl_object *object);

int ctl_policy_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns);
int ctl_policy_json(const struct ctl_object *object, json_t *json);
void ctl_policy_free(struct ctl_object *object);

int ctl_pop_object_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns);
int ctl_pop_object_json(const struct ctl_object *object, json_t *json);
