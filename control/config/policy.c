/* SPDX-License-Identifier: BSD-2-Clause */
/* Route policies: classes of traffic and rules, from YAML and to JSON. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
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
static const char *const rule_keys[] = {
    "match", "avoid", "prefer", "limit", "pin", "fallback", "expires", "expires-at", NULL};
static const char *const match_keys[] = {"accelerator", "class", "from", "to", NULL};
static const char *const avoid_keys[] = {"pops", "links", "providers", "regions", NULL};
static const char *const prefer_keys[] = {"pops", "links", "providers", "regions", "by", NULL};
static const char *const limit_keys[] = {"cost", "rtt", NULL};
static const char *const fallbacks[] = {"direct", NULL};

#define PREFER_MS 20.0f /* unless a rule says by how much */
#define MAX_MONEY 1e9

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

/* "sgp1>fra1" */
static bool read_ends(struct ctl_yaml_value value, char *ret_from, char *ret_to)
{
	const char *text = ctl_yaml_text(value, 2 * CTL_NAME_SIZE, "");
	const char *to = strchr(text, '>');
	char from[CTL_NAME_SIZE] = "";
	if (to && to - text < (long)sizeof(from))
		memcpy(from, text, (size_t)(to - text));
	if (!to || !ctl_name_is_good(from) || !ctl_name_is_good(to + 1) || strcmp(from, to + 1) == 0) {
		ctl_yaml_complain(value, "must name the two POPs of a link: sgp1>fra1");
		return false;
	}
	memcpy(ret_from, from, sizeof(from));
	strcpy(ret_to, to + 1);
	return true;
}

static void read_set(struct ctl_yaml_value map, struct ctl_rule_set *set)
{
	struct ctl_yaml_value links = ctl_yaml_get(map, "links");
	unsigned n = ctl_yaml_items(links, ROUTE_MAX_NAMED_ENDS);
	set->n_pops = read_names(ctl_yaml_get(map, "pops"), set->pops, ROUTE_MAX_NAMED);
	for (unsigned i = 0; i < n; i++)
		set->n_ends +=
		    read_ends(ctl_yaml_item(links, i), set->ends[set->n_ends].from, set->ends[set->n_ends].to);
	set->n_providers = read_names(ctl_yaml_get(map, "providers"), set->providers, ROUTE_MAX_PROVIDERS);
	set->n_regions = read_names(ctl_yaml_get(map, "regions"), set->regions, ROUTE_MAX_REGIONS);
}

static void read_pin(struct ctl_yaml_value pin, struct ctl_rule *rule)
{
	rule->action = ROUTE_PIN;
	rule->n_pops = read_names(pin, rule->pops, WIRE_PATH_MAX_HOPS + 1);
	if (rule->n_pops < 2)
		ctl_yaml_complain(pin, "must list the POPs in order of travel, both ends included");
	else if ((rule->from[0] && strcmp(rule->pops[0], rule->from) != 0) ||
	         (rule->to[0] && strcmp(rule->pops[rule->n_pops - 1], rule->to) != 0))
		ctl_yaml_complain(pin, "must begin with the POP of 'from' and end with that of 'to'");
}

static void read_limit(struct ctl_yaml_value map, struct ctl_rule *rule)
{
	struct ctl_yaml_value cost = ctl_yaml_get(map, "cost"), rtt = ctl_yaml_get(map, "rtt");
	if (!ctl_yaml_only(map, limit_keys))
		return;
	if (ctl_yaml_is_present(&cost))
		rule->limits |= ROUTE_LIMIT_MONEY;
	if (ctl_yaml_is_present(&rtt))
		rule->limits |= ROUTE_LIMIT_RTT;
	rule->max_money = (float)ctl_yaml_number(cost, 0, MAX_MONEY, 0);
	rule->max_rtt_ms = read_ms(map, "rtt", 0);
	if (!rule->limits)
		ctl_yaml_complain(map, "must say 'cost', 'rtt' or both");
}

static void read_action(struct ctl_yaml_value item, struct ctl_rule *rule)
{
	struct ctl_yaml_value pin = ctl_yaml_get(item, "pin"), avoid = ctl_yaml_get(item, "avoid");
	struct ctl_yaml_value prefer = ctl_yaml_get(item, "prefer"), limit = ctl_yaml_get(item, "limit");
	struct ctl_yaml_value fallback = ctl_yaml_get(item, "fallback");
	bool steers = ctl_yaml_is_present(&avoid) || ctl_yaml_is_present(&prefer) || ctl_yaml_is_present(&limit);
	if (ctl_yaml_is_present(&pin) == steers) {
		ctl_yaml_complain(item, "a rule has either 'pin: [POP, …]', or any of 'avoid: {pops: [POP, …]}', "
		                        "'prefer: {pops: [POP, …]}' and 'limit: {cost: N}'");
		return;
	}
	if (ctl_yaml_is_present(&fallback))
		rule->fallback_direct = ctl_yaml_choice(fallback, fallbacks, 0) == 0;
	if (ctl_yaml_is_present(&pin)) {
		read_pin(pin, rule);
		return;
	}
	rule->action = ROUTE_STEER;
	if (ctl_yaml_is_present(&avoid) && ctl_yaml_only(avoid, avoid_keys))
		read_set(avoid, &rule->avoid);
	if (ctl_yaml_is_present(&prefer) && ctl_yaml_only(prefer, prefer_keys)) {
		read_set(prefer, &rule->prefer);
		rule->prefer_ms = read_ms(prefer, "by", PREFER_MS);
	}
	if (ctl_yaml_is_present(&limit))
		read_limit(limit, rule);
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

static json_t *set_json(const struct ctl_rule_set *set)
{
	json_t *links = json_array();
	for (unsigned i = 0; i < set->n_ends; i++)
		json_array_append_new(links, json_sprintf("%s>%s", set->ends[i].from, set->ends[i].to));
	return json_pack("{so so so so}", "pops", names_json(set->pops, set->n_pops), "links", links, "providers",
	    names_json(set->providers, set->n_providers), "regions", names_json(set->regions, set->n_regions));
}

static bool is_empty(const struct ctl_rule_set *set)
{
	return !set->n_pops && !set->n_ends && !set->n_providers && !set->n_regions;
}

static json_t *limit_json(const struct ctl_rule *rule)
{
	json_t *json = json_object();
	if (rule->limits & ROUTE_LIMIT_MONEY)
		json_object_set_new(json, "cost", json_real((double)rule->max_money));
	if (rule->limits & ROUTE_LIMIT_RTT)
		json_object_set_new(json, "rtt", ms_json(rule->max_rtt_ms));
	return json;
}

static json_t *rule_json(const struct ctl_rule *rule)
{
	json_t *match = json_object(), *json = json_pack("{so}", "match", match);
	set_unless_empty(match, "accelerator", rule->accelerator);
	set_unless_empty(match, "class", rule->class);
	set_unless_empty(match, "from", rule->from);
	set_unless_empty(match, "to", rule->to);
	if (rule->action == ROUTE_PIN)
		json_object_set_new(json, "pin", names_json(rule->pops, rule->n_pops));
	if (!is_empty(&rule->avoid))
		json_object_set_new(json, "avoid", set_json(&rule->avoid));
	if (!is_empty(&rule->prefer)) {
		json_t *prefer = set_json(&rule->prefer);
		json_object_set_new(prefer, "by", ms_json(rule->prefer_ms));
		json_object_set_new(json, "prefer", prefer);
	}
	if (rule->limits)
		json_object_set_new(json, "limit", limit_json(rule));
	if (rule->fallback_direct)
		json_object_set_new(json, "fallback", json_string(fallbacks[0]));
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

/* ---- for people ---- */

struct words {
	char *text;
	size_t size;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(words->text + words->used, words->size - words->used, format, args);
	va_end(args);
	words->used += n > 0 ? (size_t)n : 0;
	if (words->used >= words->size)
		words->used = words->size - 1;
}

static void say_names(struct words *words, const char *what, const char (*names)[CTL_NAME_SIZE], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		say(words, "%s%s", i ? ", " : what, names[i]);
}

static void say_set(struct words *words, const char *verb, const struct ctl_rule_set *set)
{
	if (is_empty(set))
		return;
	say(words, "%s%s", words->used ? "; " : "", verb);
	say_names(words, " pops ", set->pops, set->n_pops);
	for (unsigned i = 0; i < set->n_ends; i++)
		say(words, "%s%s>%s", i ? ", " : " links ", set->ends[i].from, set->ends[i].to);
	say_names(words, " providers ", set->providers, set->n_providers);
	say_names(words, " regions ", set->regions, set->n_regions);
}

const char *ctl_rule_text(const struct ctl_rule *rule, char *text, size_t size)
{
	struct words words = {text, size, 0};
	text[0] = '\0';
	if (rule->action == ROUTE_PIN)
		say(&words, "pin");
	for (unsigned i = 0; i < rule->n_pops; i++)
		say(&words, "%s%s", i ? " > " : " ", rule->pops[i]);
	say_set(&words, "avoid", &rule->avoid);
	say_set(&words, "prefer", &rule->prefer);
	if (!is_empty(&rule->prefer))
		say(&words, " by %gms", (double)rule->prefer_ms);
	if (rule->limits & ROUTE_LIMIT_MONEY)
		say(&words, "%scost at most %g", words.used ? "; " : "", (double)rule->max_money);
	if (rule->limits & ROUTE_LIMIT_RTT)
		say(&words, "%srtt at most %gms", words.used ? "; " : "", (double)rule->max_rtt_ms);
	if (rule->fallback_direct)
		say(&words, "; else direct");
	return text;
}
