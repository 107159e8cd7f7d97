/* SPDX-License-Identifier: BSD-2-Clause */
/* Route policies: classes of traffic and rules, from YAML and to JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/config/kinds.h"
#include "control/route/engine.h"

#define MAX_PENALTY_NS (60 * (int64_t)CTL_NS_PER_S)
#define MAX_PENALTY_MS 60000.0
#define MAX_EXPIRY_NS  (3650 * 86400 * (int64_t)CTL_NS_PER_S)

const char *const ctl_objective_names[] = {"latency", "loss", "cost", NULL};

static const char *const policy_keys[] = {"kind", "name", "classes", "rules", NULL};
static const char *const class_keys[] = {"objective", "loss-penalty", "jitter-penalty", "money-penalty", "load-penalty",
    "relay-penalty", "max-relays", "switch", NULL};
static const char *const switch_keys[] = {"better-by", "and-by", NULL};
static const char *const rule_keys[] = {"match", "avoid", "pin", "expires", "expires-at", NULL};
static const char *const match_keys[] = {"accelerator", "class", "from", "to", NULL};
static const char *const avoid_keys[] = {"pops", "providers", NULL};

/* ---- classes ---- */

static float read_ms(struct ctl_yaml_value map, const char *key, float otherwise_ms)
{
	struct ctl_yaml_value value = ctl_yaml_get(map, key);
	if (!ctl_yaml_is_present(&value))
		return otherwise_ms;
	return (float)ctl_yaml_duration(value, 0, MAX_PENALTY_NS, 0) / (float)CTL_NS_PER_MS;
}

static void read_switch(struct ctl_yaml_value map, struct route_class *class)
{
	ctl_yaml_only(map, switch_keys);
	class->better_by = (float)ctl_yaml_percent(ctl_yaml_get(map, "better-by"), 0, 1, class->better_by);
	class->and_by_ms = read_ms(map, "and-by", class->and_by_ms);
}

static void read_class(const char *name, struct ctl_yaml_value map, struct ctl_policy *policy)
{
	struct route_class *class = &policy->classes[policy->n_classes];
	if (!ctl_yaml_only(map, class_keys)) {
		ctl_yaml_complain(map, "must say at least its objective: latency, loss or cost");
		return;
	}
	int objective = ctl_yaml_choice(ctl_yaml_need(map, "objective"), ctl_objective_names, 0);
	route_class_default(name, (enum route_objective)objective, class);
	class->loss_penalty_ms = read_ms(map, "loss-penalty", class->loss_penalty_ms);
	class->jitter_penalty =
	    (float)ctl_yaml_number(ctl_yaml_get(map, "jitter-penalty"), 0, 1000, class->jitter_penalty);
	class->money_penalty_ms = read_ms(map, "money-penalty", class->money_penalty_ms);
	class->load_penalty_ms = read_ms(map, "load-penalty", class->load_penalty_ms);
	class->relay_penalty_ms = read_ms(map, "relay-penalty", class->relay_penalty_ms);
	class->max_relays =
	    (uint8_t)ctl_yaml_uint(ctl_yaml_get(map, "max-relays"), 0, ROUTE_MAX_RELAYS, class->max_relays);
	read_switch(ctl_yaml_get(map, "switch"), class);
	policy->n_classes++;
}

static void read_classes(struct ctl_yaml_value map, struct ctl_policy *policy)
{
	unsigned n = ctl_yaml_entries(map, ROUTE_MAX_CLASSES);
	for (unsigned i = 0; i < n; i++) {
		const char *name;
		struct ctl_yaml_value value = ctl_yaml_entry(map, i, &name);
		if (!ctl_name_is_good(name)) {
			ctl_yaml_complain(value,
			    "the class's name must be 1 to %u lower-case letters, digits, '-', '.' "
			    "and '_'",
			    CTL_NAME_SIZE - 1);
			continue;
		}
		for (unsigned j = 0; j < policy->n_classes; j++)
			if (strcmp(policy->classes[j].name, name) == 0)
				ctl_yaml_complain(value, "another class of this policy is called so; remove one");
		read_class(name, value, policy);
	}
}

/* ---- rules ---- */

static void read_match(struct ctl_yaml_value map, struct ctl_rule *rule)
{
	ctl_yaml_only(map, match_keys);
	ctl_yaml_name(ctl_yaml_get(map, "accelerator"), rule->accelerator);
	ctl_yaml_name(ctl_yaml_get(map, "class"), rule->class);
	ctl_yaml_name(ctl_yaml_get(map, "from"), rule->from);
	ctl_yaml_name(ctl_yaml_get(map, "to"), rule->to);
}

static unsigned read_names(struct ctl_yaml_value list, char (*ret_names)[CTL_NAME_SIZE], unsigned max)
{
	unsigned n = ctl_yaml_items(list, max), read = 0;
	for (unsigned i = 0; i < n; i++)
		read += ctl_yaml_name(ctl_yaml_item(list, i), ret_names[read]);
	return read;
}

static void read_action(struct ctl_yaml_value item, struct ctl_rule *rule)
{
	struct ctl_yaml_value pin = ctl_yaml_get(item, "pin"), avoid = ctl_yaml_get(item, "avoid");
	if (ctl_yaml_is_present(&pin) == ctl_yaml_is_present(&avoid)) {
		ctl_yaml_complain(item, "a rule has either 'pin: [POP, …]' or 'avoid: {pops: [POP, …]}'");
		return;
	}
	if (ctl_yaml_is_present(&avoid)) {
		rule->action = ROUTE_AVOID;
		ctl_yaml_only(avoid, avoid_keys);
		rule->n_pops = read_names(ctl_yaml_get(avoid, "pops"), rule->pops, ROUTE_MAX_AVOID);
		rule->n_providers = read_names(ctl_yaml_get(avoid, "providers"), rule->providers, 4);
		return;
	}
	rule->action = ROUTE_PIN;
	rule->n_pops = read_names(pin, rule->pops, WIRE_PATH_MAX_HOPS + 1);
	if (rule->n_pops < 2)
		ctl_yaml_complain(pin, "must list the POPs in order of travel, both ends included");
	else if ((rule->from[0] && strcmp(rule->pops[0], rule->from) != 0) ||
	         (rule->to[0] && strcmp(rule->pops[rule->n_pops - 1], rule->to) != 0))
		ctl_yaml_complain(pin, "must begin with the POP of 'from' and end with that of 'to'");
}

static void read_rule(struct ctl_yaml_value item, uint64_t now_wall_ns, struct ctl_policy *policy)
{
	struct ctl_rule *rule = &policy->rules[policy->n_rules++];
	rule->line = ctl_yaml_line(&item);
	if (!ctl_yaml_only(item, rule_keys))
		return;
	read_match(ctl_yaml_get(item, "match"), rule);
	read_action(item, rule);
	struct ctl_yaml_value expires = ctl_yaml_get(item, "expires");
	if (ctl_yaml_is_present(&expires))
		rule->expires_wall_ns =
		    now_wall_ns + (uint64_t)ctl_yaml_duration(expires, (int64_t)CTL_NS_PER_S, MAX_EXPIRY_NS, 0);
	rule->expires_wall_ns = CTL_NS_PER_S * ctl_yaml_uint(ctl_yaml_get(item, "expires-at"), 0, UINT32_MAX,
	                                           rule->expires_wall_ns / CTL_NS_PER_S);
}

int ctl_policy_read(struct ctl_object *object, struct ctl_yaml_value document, uint64_t now_wall_ns)
{
	struct ctl_policy *policy = &object->policy;
	ctl_yaml_only(document, policy_keys);
	ctl_yaml_name(ctl_yaml_need(document, "name"), policy->name);
	read_classes(ctl_yaml_get(document, "classes"), policy);
	struct ctl_yaml_value rules = ctl_yaml_get(document, "rules");
	unsigned n = ctl_yaml_items(rules, CTL_MAX_RULES);
	policy->rules = calloc(n ? n : 1, sizeof(*policy->rules));
	if (!policy->rules)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		read_rule(ctl_yaml_item(rules, i), now_wall_ns, policy);
	return 0;
}

void ctl_policy_free(struct ctl_object *object)
{
	free(object->policy.rules);
}

/* ---- to JSON ---- */

static json_t *ms_json(float ms)
{
	return json_sprintf("%.6fms", (double)ms < MAX_PENALTY_MS ? (double)ms : MAX_PENALTY_MS);
}

static json_t *class_json(const struct route_class *class)
{
	return json_pack("{ss so sf so so so si s{so so}}", "objective", ctl_objective_names[class->objective],
	    "loss-penalty", ms_json(class->loss_penalty_ms), "jitter-penalty", (double)class->jitter_penalty,
	    "money-penalty", ms_json(class->money_penalty_ms), "load-penalty", ms_json(class->load_penalty_ms),
	    "relay-penalty", ms_json(class->relay_penalty_ms), "max-relays", (int)class->max_relays, "switch",
	    "better-by", json_sprintf("%.4f%%", (double)class->better_by * 100), "and-by", ms_json(class->and_by_ms));
}

static void set_unless_empty(json_t *json, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(json, key, json_string(text));
}

static json_t *names_json(const char (*names)[CTL_NAME_SIZE], unsigned n)
{
	json_t *json = json_array();
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(json, json_string(names[i]));
	return json;
}

static json_t *rule_json(const struct ctl_rule *rule)
{
	json_t *match = json_object(), *json = json_pack("{so}", "match", match);
	set_unless_empty(match, "accelerator", rule->accelerator);
	set_unless_empty(match, "class", rule->class);
	set_unless_empty(match, "from", rule->from);
	set_unless_empty(match, "to", rule->to);
	json_t *pops = names_json(rule->pops, rule->n_pops);
	if (rule->action == ROUTE_PIN)
		json_object_set_new(json, "pin", pops);
	else
		json_object_set_new(json, "avoid",
		    json_pack("{so so}", "pops", pops, "providers", names_json(rule->providers, rule->n_providers)));
	if (rule->expires_wall_ns)
		json_object_set_new(
		    json, "expires-at", json_integer((json_int_t)(rule->expires_wall_ns / CTL_NS_PER_S)));
	return json;
}

int ctl_policy_json(const struct ctl_object *object, json_t *json)
{
	const struct ctl_policy *policy = &object->policy;
	json_t *classes = json_object(), *rules = json_array();
	for (unsigned i = 0; i < policy->n_classes; i++)
		json_object_set_new(classes, policy->classes[i].name, class_json(&policy->classes[i]));
	for (unsigned i = 0; i < policy->n_rules; i++)
		json_array_append_new(rules, rule_json(&policy->rules[i]));
	int bad = json_object_set_new(json, "name", json_string(policy->name));
	bad |= json_object_set_new(json, "classes", classes);
	return bad | json_object_set_new(json, "rules", rules);
}
