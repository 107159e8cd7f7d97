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

/* `quic-lb` of a listener whose protocol is known, and `server-id` of an endpoint whose listener's quic-lb is. */
void ctl_quic_read(struct ctl_yaml_value list, struct ctl_listener *listener);
void ctl_server_id_read(
    struct ctl_yaml_value value, const struct ctl_listener *listener, struct ctl_endpoint *endpoint);
/* The same as JSON, owned by the caller. */
json_t *ctl_quic_json(const struct ctl_listener *listener);
json_t *ctl_server_id_json(const struct ctl_endpoint *endpoint);

int ctl_policy_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns);
int ctl_policy_json(const struct ctl_object *object, json_t *json);
void ctl_policy_free(struct ctl_object *object);

int ctl_pop_object_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns);
int ctl_pop_object_json(const struct ctl_object *object, json_t *json);
