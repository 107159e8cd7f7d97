/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/config/kinds.h"

static const char *const keys[] = {"kind", "name", "drained", NULL};

int ctl_pop_object_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns)
{
	(void)now_wall_ns;
	struct ctl_yaml_value drained = ctl_yaml_get(document, "drained");
	ctl_yaml_only(document, keys);
	ctl_yaml_name(ctl_yaml_need(document, "name"), object->pop.name);
	object->pop.drained_given = ctl_yaml_is_present(&drained);
	object->pop.drained = ctl_yaml_bool(drained, false);
	return 0;
}

int ctl_pop_object_json(const struct ctl_object *object, json_t *json)
{
	int bad = json_object_set_new(json, "name", json_string(object->pop.name));
	return bad | json_object_set_new(json, "drained", json_boolean(object->pop.drained));
}
