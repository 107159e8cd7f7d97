/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/config/objects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"

#define NOW (1000 * CTL_NS_PER_S)

/* The example of kuafu.yaml.5. */
static const char example[] =
    "kind: accelerator\n"
    "name: game\n"
    "vips: [203.0.113.10, 203.0.113.11]\n"
    "listeners:\n"
    "  - name: play\n"
    "    protocol: tcp\n"
    "    ports: [443, 8000-8099]\n"
    "    affinity: none\n"
    "    class: latency\n"
    "    client-ip: none\n"
    "    groups:\n"
    "      - region: eu-central\n"
    "        pops: [fra1, ams1]\n"
    "        dial: 100\n"
    "        health: {type: http, path: /healthz, port: 8080, interval: 1s, timeout: 500ms, rise: 2, fall: 3}\n"
    "        endpoints:\n"
    "          - {address: 198.51.100.10, port: 8443, weight: 128, mode: nat}\n"
    "          - {address: 198.51.100.11, port: 8443}\n"
    "---\n"
    "kind: policy\n"
    "name: default\n"
    "classes:\n"
    "  latency: {objective: latency, loss-penalty: 20ms, jitter-penalty: 1.0, max-relays: 2,\n"
    "            switch: {better-by: 10%, and-by: 5ms}}\n"
    "rules:\n"
    "  - {match: {accelerator: game, from: sgp1, to: fra1}, avoid: {pops: [lax1]}, expires: 2h}\n"
    "  - {match: {from: syd1, to: fra1}, pin: [syd1, sgp1, fra1]}\n"
    "  - {match: {from: ams1}, avoid: {links: [ams1>lax1], regions: [us-west]}, prefer: {providers: [isp-a], by: "
    "5ms},\n"
    "     limit: {cost: 2.5, rtt: 150ms}, fallback: direct}\n";

static const char *const known_pops[] = {"sgp1", "fra1", "ams1", "lax1", "syd1", NULL};
static struct ctl_mistakes mistakes;
static struct ctl_objects set, batch;
static char text[8192];

static int parse(const char *yaml, struct ctl_objects *into)
{
	return ctl_objects_parse("f.yaml", yaml, strlen(yaml), NOW, &mistakes, into);
}

/* Parses, checks and moves into the set, as an apply does. */
static int apply(const char *yaml)
{
	ctl_mistakes_free(&mistakes);
	ctl_objects_free(&batch);
	int error = parse(yaml, &batch);
	if (!error)
		error = ctl_objects_check(&set, &batch, known_pops, &mistakes);
	for (unsigned i = 0; !error && i < batch.n; i++)
		cr_assert(ctl_objects_put(&set, batch.object[i]) == 0);
	if (!error)
		batch.n = 0;
	ctl_mistakes_text(&mistakes, text, sizeof(text));
	return error;
}

/* The example with one piece of text replaced. */
static const char *changed(const char *from, const char *to)
{
	static char yaml[2 * sizeof(example)];
	const char *at = strstr(example, from);
	cr_assert(at, "%s", from);
	snprintf(yaml, sizeof(yaml), "%.*s%s%s", (int)(at - example), example, to, at + strlen(from));
	return yaml;
}

static void forget(void)
{
	ctl_objects_free(&set);
	ctl_objects_free(&batch);
	ctl_mistakes_free(&mistakes);
}

TestSuite(objects, .fini = forget);

static struct ctl_accelerator *game(void)
{
	struct ctl_object *object = ctl_objects_find(&set, CTL_KIND_ACCELERATOR, "game");
	cr_assert(object);
	return &object->accelerator;
}

Test(objects, the_documented_example_is_read)
{
	cr_assert(apply(example) == 0, "%s", text);
	const struct ctl_accelerator *a = game();
	cr_assert(a->n_vips == 2 && a->n_listeners == 1 && a->id > 0 && a->id < 1u << 24);
	const struct ctl_listener *l = &a->listeners[0];
	cr_assert(l->n_ports == 2 && l->ports[1].lo == 8000 && l->ports[1].hi == 8099);
	cr_assert_str_eq(l->class, "latency");
	const struct ctl_group *g = &l->groups[0];
	cr_assert_str_eq(g->name, "eu-central");
	cr_assert(g->n_pops == 2 && g->dial == 100 && g->n_endpoints == 2);
	cr_assert(g->check.type == CTL_HEALTH_HTTP && g->check.port == 8080 && g->check.timeout_ms == 500);
	cr_assert(g->endpoints[0].id != g->endpoints[1].id && g->endpoints[1].weight == 128);
	const struct ctl_policy *p = &ctl_objects_find(&set, CTL_KIND_POLICY, "default")->policy;
	cr_assert(p->n_classes == 1 && p->classes[0].loss_penalty_ms == 20 && p->classes[0].max_relays == 2);
	cr_assert(p->n_rules == 3 && p->rules[0].action == ROUTE_STEER && p->rules[1].n_pops == 3);
	cr_assert(p->rules[0].expires_wall_ns == NOW + 7200 * CTL_NS_PER_S && p->rules[1].expires_wall_ns == 0);
	char words[400];
	cr_assert_str_eq(ctl_rule_text(&p->rules[0], words, sizeof(words)), "avoid pops lax1");
	cr_assert_str_eq(ctl_rule_text(&p->rules[1], words, sizeof(words)), "pin syd1 > sgp1 > fra1");
	cr_assert_str_eq(ctl_rule_text(&p->rules[2], words, sizeof(words)),
	    "avoid links ams1>lax1 regions us-west; prefer providers isp-a by 5ms; cost at most 2.5; rtt at most "
	    "150ms; "
	    "else direct");
	cr_assert(strlen(ctl_rule_text(&p->rules[2], words, 10)) == 9, "cut where the room ends");
}

Test(objects, what_is_written_is_read_back_the_same)
{
	cr_assert(apply(example) == 0, "%s", text);
	cr_assert(apply("{kind: pop, name: lax1, drained: true}") == 0, "%s", text);
	for (unsigned i = 0; i < set.n; i++) {
		struct ctl_objects again = {0};
		json_t *json = ctl_object_json(set.object[i]);
		char *first = json_dumps(json, JSON_COMPACT);
		json_decref(json);
		cr_assert(first && parse(first, &again) == 0, "%s: %s", first,
		    ctl_mistakes_text(&mistakes, text, sizeof(text)));
		json = ctl_object_json(again.object[0]);
		char *second = json_dumps(json, JSON_COMPACT);
		json_decref(json);
		cr_assert(strcmp(first, second) == 0, "%s\n%s", first, second);
		free(first);
		free(second);
		ctl_objects_free(&again);
	}
}

/* A listener of QUIC, with one piece of text replaced. */
static const char *quic(const char *from, const char *to)
{
	static const char yaml[] = "kind: accelerator\n"
	                           "name: video\n"
	                           "vips: [203.0.113.12]\n"
	                           "listeners:\n"
	                           "  - name: h3\n"
	                           "    protocol: udp\n"
	                           "    ports: [443]\n"
	                           "    quic-lb:\n"
	                           "      - {rotation: 0, server-id-length: 3, nonce-length: 6}\n"
	                           "      - {rotation: 1, server-id-length: 2, nonce-length: 14,\n"
	                           "         key: 8f95f09245765f80256934e50c66207f}\n"
	                           "    groups:\n"
	                           "      - region: eu-central\n"
	                           "        pops: [fra1]\n"
	                           "        endpoints:\n"
	                           "          - {address: 198.51.100.10, port: 443, server-id: c4605e}\n"
	                           "          - {address: 198.51.100.11, port: 443, server-id: \"0102\"}\n";
	static char other[2 * sizeof(yaml)];
	const char *at = strstr(yaml, from);
	cr_assert(at, "%s", from);
	snprintf(other, sizeof(other), "%.*s%s%s", (int)(at - yaml), yaml, to, at + strlen(from));
	return other;
}

Test(objects, server_ids_and_how_they_are_encrypted_are_read_and_written_back)
{
	cr_assert(apply(quic("443", "443")) == 0, "%s", text);
	const struct ctl_object *object = ctl_objects_find(&set, CTL_KIND_ACCELERATOR, "video");
	const struct ctl_listener *l = &object->accelerator.listeners[0];
	cr_assert(l->has_quic && l->quic[0].server_id_length == 3 && l->quic[0].nonce_length == 6 && !l->quic[0].keyed);
	cr_assert(l->quic[1].keyed && l->quic[1].key[0] == 0x8f && l->quic[1].key[15] == 0x7f);
	const struct ctl_endpoint *e = l->groups[0].endpoints;
	cr_assert(e[0].server_id_length == 3 && memcmp(e[0].server_id, "\xc4\x60\x5e", 3) == 0);
	cr_assert(e[1].server_id_length == 2 && memcmp(e[1].server_id, "\x01\x02", 2) == 0);
	struct ctl_objects again = {0};
	json_t *json = ctl_object_json(object);
	char *stored = json_dumps(json, JSON_COMPACT);
	cr_assert(parse(stored, &again) == 0);
	json_t *second = ctl_object_json(again.object[0]);
	cr_assert(json_equal(json, second), "%s", stored);
	json_decref(json);
	json_decref(second);
	free(stored);
	ctl_objects_free(&again);
}

Test(objects, a_mistake_in_server_ids_is_one_line_with_its_remedy)
{
	static const struct {
		const char *from, *to, *line;
	} rows[] = {
	    {"protocol: udp", "protocol: tcp", "is for QUIC; set 'protocol: udp'"},
	    {"rotation: 1", "rotation: 0", "stands in the list twice"},
	    {"rotation: 1", "rotation: 7", "rotation"},
	    {"nonce-length: 6", "nonce-length: 3", "nonce-length"},
	    {"nonce-length: 14", "nonce-length: 18", "nonce-length"},
	    {"8f95", "8f9", "must be 32 hexadecimal digits"},
	    {"c4605e", "c4605g", "must be 1 to 15 bytes in hexadecimal"},
	    {"c4605e", "c4605e99", "is 4 bytes long, and no 'quic-lb'"},
	    {"c4605e", "\"0102\"", "is another endpoint's of this listener"},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert(apply(quic(rows[i].from, rows[i].to)) == -EINVAL, "%s", rows[i].to);
		cr_assert(strstr(text, rows[i].line), "'%s' in %s", rows[i].line, text);
	}
}

Test(objects, client_ip_is_for_tcp_and_endpoints_of_mode_nat)
{
	cr_assert(apply(changed("client-ip: none", "client-ip: toa")) == 0, "%s", text);
	cr_assert(game()->listeners[0].client_ip == WIRE_CLIENT_IP_TOA);
	cr_assert(apply(changed("client-ip: none", "client-ip: proxy-v2")) == 0, "%s", text);
	cr_assert(game()->listeners[0].client_ip == WIRE_CLIENT_IP_PROXY_V2);
	cr_assert(apply(quic("quic-lb:", "client-ip: toa\n    quic-lb:")) == -EINVAL);
	cr_assert(
	    strstr(text, "f.yaml:8: listeners[0].client-ip: 'toa': is for listeners of protocol tcp; write 'none' or "
	                 "remove it"),
	    "%s", text);
	const char *tunnel = "client-ip: toa\n"
	                     "    groups:\n"
	                     "      - region: us-east\n"
	                     "        pops: [fra1]\n"
	                     "        endpoints:\n"
	                     "          - {address: 198.51.100.12, port: 8443, mode: tunnel}\n"
	                     "  - name: other\n"
	                     "    protocol: tcp\n"
	                     "    ports: [444]";
	cr_assert(apply(changed("client-ip: none", tunnel)) == -EINVAL);
	cr_assert(
	    strstr(text, "f.yaml:15: listeners[0].groups[0].endpoints[0].mode: 'tunnel': keeps the client's address "
	                 "without the listener's 'client-ip'; remove that, or write 'mode: nat'"),
	    "%s", text);
}

Test(objects, each_mistake_is_one_line_with_its_remedy)
{
	static const struct {
		const char *from, *to, *line;
	} rows[] = {
	    {"dial: 100", "dial: 101",
	        "f.yaml:14: listeners[0].groups[0].dial: '101': must be a whole number from 0 to 100"},
	    {"weight: 128", "weight: 256",
	        "f.yaml:17: listeners[0].groups[0].endpoints[0].weight: '256': must be a whole number from 0 to 255"},
	    {"[443, 8000-8099]", "[443, 400-500]",
	        "f.yaml:7: listeners[0].ports[1]: '400-500': overlaps 443-443 of listener 'play'; a port belongs to "
	        "one listener"},
	    {"203.0.113.11", "fe80::10",
	        "f.yaml:3: vips[1]: 'fe80::10': must be an address that clients can connect to"},
	    {"203.0.113.11", "ff02::1", "f.yaml:3: vips[1]: 'ff02::1': must be an address that clients can connect to"},
	    {"198.51.100.11", "2001:db8::g",
	        "f.yaml:18: listeners[0].groups[0].endpoints[1].address: '2001:db8::g': must be an IPv4 or IPv6 "
	        "address, such as 192.0.2.1 or 2001:db8::1"},
	    {"fra1, ams1", "fra1, ams2", "f.yaml:12: pops: 'ams2': no such POP; did you mean 'ams1'?"},
	    {"fra1, ams1", "fra1, zzzzzzz",
	        "f.yaml:12: pops: 'zzzzzzz': no such POP; start its kuafud first, or declare it with 'kind: pop'"},
	    {"class: latency", "class: gaming",
	        "f.yaml:5: class: 'gaming': no such class; use latency, loss or cost, or define it in a policy's "
	        "'classes'"},
	    {"accelerator: game,", "accelerator: gane,",
	        "f.yaml:26: accelerator: 'gane': no such accelerator; apply it first or together"},
	    {"pin: [syd1, ", "pin: [lax1, ",
	        "f.yaml:27: rules[1].pin: must begin with the POP of 'from' and end with that of 'to'"},
	    {"avoid: {pops: [lax1]}", "avoid: {pops: []}",
	        "f.yaml:26: avoid: must name a POP, link, provider or region; remove the rule otherwise"},
	    {"timeout: 500ms", "timeout: 2s",
	        "f.yaml:15: listeners[0].groups[0].health.timeout: '2s': is longer than the interval; choose one of at "
	        "most the "
	        "interval"},
	    {"kind: policy", "kind: polcy", "f.yaml:20: kind: 'polcy': must be one of: accelerator, policy, pop"},
	    {"198.51.100.11", "198.51.100.10",
	        "f.yaml:18: listeners[0].groups[0].endpoints[1].address: '198.51.100.10': port 8443 stands in this "
	        "group twice; "
	        "give it more weight instead"},
	    {"better-by: 10%", "better-by: 10",
	        "f.yaml:24: classes.latency.switch.better-by: '10': must be a percentage from 0% to 100%, with its "
	        "sign"},
	    {"endpoints:", "endpoint:",
	        "f.yaml:16: listeners[0].groups[0]: 'endpoint': unknown field; did you mean 'endpoints'?"},
	    {"name: default", "name: De fault",
	        "f.yaml:21: name: 'De fault': must be a name of 1 to 31 lower-case letters, digits, '-', '.' and '_', "
	        "starting with "
	        "a letter or digit"},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert(apply(changed(rows[i].from, rows[i].to)) == -EINVAL, "%s", rows[i].to);
		cr_assert(strstr(text, rows[i].line), "expected: %s\ngot: %s", rows[i].line, text);
		cr_assert(set.n == 0, "nothing is applied");
	}
}

Test(objects, a_pin_visits_each_pop_once)
{
	static const char *const wrong[] = {
	    "syd1, sgp1, syd1, fra1", "syd1, fra1, sgp1, fra1", "syd1, sgp1, sgp1, fra1"};
	static const char *const twice[] = {"syd1", "fra1", "sgp1"};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[160];
		cr_assert(apply(changed("syd1, sgp1, fra1", wrong[i])) == -EINVAL, "%s", wrong[i]);
		snprintf(line, sizeof(line),
		    "f.yaml:27: policy 'default': rules[1].pin: '%s': stands in the path twice; a path visits each POP "
		    "once",
		    twice[i]);
		cr_assert_str_eq(text, line);
	}
	cr_assert(parse(changed("syd1, sgp1, fra1", wrong[0]), &set) == 0, "an older store may hold it");
}

Test(objects, a_vip_is_an_address_of_hosts_and_none_of_a_pop)
{
	static const char *const wrong[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"};
	char yaml[256];
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(yaml, sizeof(yaml), "{kind: accelerator, name: web, vips: ['%s'], listeners: []}", wrong[i]);
		cr_assert(apply(yaml) == -EINVAL, "%s", wrong[i]);
		cr_assert(strstr(text, "must be an address that clients can connect to"), "%s", text);
	}
	ctl_mistakes_free(&mistakes);
	cr_assert(apply(example) == 0, "%s", text);
	struct ctl_objects all = {0};
	cr_assert(parse(example, &all) == 0);
	struct ctl_taken_address taken[2] = {{all.object[0]->accelerator.vips[0], "fra1"}};
	taken[1] = (struct ctl_taken_address){.pop = "ams1"};
	ctl_objects_check_taken(&all, taken + 1, 1, &mistakes);
	cr_assert(mistakes.found == 0);
	ctl_objects_check_taken(&all, taken, 2, &mistakes);
	ctl_mistakes_text(&mistakes, text, sizeof(text));
	cr_assert_str_eq(text, "f.yaml:1: vips: '203.0.113.10': is an address of POP 'fra1' itself; choose another");
	ctl_mistakes_free(&mistakes);
	ctl_objects_free(&all);
}

Test(objects, an_endpoint_is_a_host_and_no_vip)
{
	static const char *const wrong[] = {
	    "0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "'::1'", "'fe80::1'"};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert(apply(changed("198.51.100.11", wrong[i])) == -EINVAL, "%s", wrong[i]);
		cr_assert(strstr(text, "f.yaml:18: endpoints: '") && strstr(text, "is no host's address"), "%s", text);
	}
	cr_assert(apply(changed("198.51.100.11", "203.0.113.11")) == -EINVAL);
	cr_assert_str_eq(text,
	    "f.yaml:18: endpoints: '203.0.113.11': is a VIP of accelerator 'game'; name the server's own address");
	cr_assert(apply(example) == 0, "%s", text);
	static const char other[] =
	    "{kind: accelerator, name: web, vips: [%s], listeners: [{name: a, protocol: tcp, ports: [80], "
	    "groups: [{region: eu, pops: [fra1], endpoints: [{address: %s, port: 80}]}]}]}";
	char yaml[256];
	snprintf(yaml, sizeof(yaml), other, "198.51.100.10", "198.51.100.20");
	cr_assert(apply(yaml) == -EINVAL);
	cr_assert_str_eq(text, "f.yaml:1: vips: '198.51.100.10': is an endpoint of accelerator 'game'; choose another");
	snprintf(yaml, sizeof(yaml), other, "198.51.100.99", "203.0.113.10");
	cr_assert(apply(yaml) == -EINVAL);
	cr_assert(strstr(text, "endpoints: '203.0.113.10': is a VIP of accelerator 'game'"), "%s", text);
	ctl_mistakes_free(&mistakes);
	cr_assert(parse(changed("198.51.100.11", "127.0.0.1"), &batch) == 0, "an older store may hold it");
}

Test(objects, a_vip_belongs_to_one_accelerator)
{
	cr_assert(apply(example) == 0, "%s", text);
	static const char other[] =
	    "{kind: accelerator, name: web, vips: [203.0.113.10], listeners: [{name: a, protocol: tcp, "
	    "ports: [80], groups: [{region: eu, pops: [fra1], endpoints: []}]}]}";
	cr_assert(apply(other) == -EINVAL);
	cr_assert_str_eq(
	    text, "f.yaml:1: vips: '203.0.113.10': accelerator 'game' has this address; a VIP belongs to one");
	cr_assert(apply(changed("203.0.113.10", "203.0.113.12")) == 0, "the old object gives its VIP up: %s", text);
	cr_assert(apply(other) == 0, "%s", text);
}

Test(objects, a_pop_that_is_declared_may_be_named)
{
	cr_assert(apply(changed("pops: [fra1, ams1]", "pops: [fra1, new1]")) == -EINVAL);
	cr_assert(apply("{kind: pop, name: new1}") == 0, "%s", text);
	cr_assert(apply(changed("pops: [fra1, ams1]", "pops: [fra1, new1]")) == 0, "%s", text);
}

Test(objects, the_same_name_twice_in_a_file_is_a_mistake)
{
	cr_assert(apply("{kind: pop, name: a}\n---\n{kind: pop, name: a}\n") == -EINVAL);
	cr_assert_str_eq(text, "f.yaml:3: name: 'a': the pop of this name stands in line 1 already; remove one");
}

Test(objects, a_class_is_defined_once)
{
	cr_assert(apply(example) == 0, "%s", text);
	cr_assert(apply("{kind: policy, name: other, classes: {latency: {objective: latency}}}") == -EINVAL);
	cr_assert_str_eq(text, "f.yaml:1: classes: 'latency': another policy defines this class; change it there");
}

Test(objects, the_policy_that_is_applied_is_named_when_all_have_too_many_rules)
{
	static char yaml[64 * CTL_MAX_RULES];
	for (char name = 'a'; name < 'e'; name++) {
		int used = snprintf(yaml, sizeof(yaml), "{kind: policy, name: %c, rules: [", name);
		for (unsigned i = 0; i < CTL_MAX_RULES; i++)
			used += snprintf(yaml + used, sizeof(yaml) - (size_t)used, "{avoid: {pops: [lax1]}},");
		snprintf(yaml + used, sizeof(yaml) - (size_t)used, "]}");
		cr_assert(apply(yaml) == 0, "%s", text);
	}
	cr_assert(apply("\n\n{kind: policy, name: one-more, rules: [{avoid: {pops: [lax1]}}]}") == -EINVAL);
	cr_assert_str_eq(text, "f.yaml:3: rules: 257 in all policies together; at most 256 are possible");
}

Test(objects, ids_and_drained_states_survive_another_apply)
{
	cr_assert(apply(example) == 0, "%s", text);
	uint32_t accelerator = game()->id, group = game()->listeners[0].groups[0].id;
	uint32_t endpoint = game()->listeners[0].groups[0].endpoints[1].id;
	game()->listeners[0].groups[0].endpoints[1].drained = true;
	cr_assert(
	    apply(changed("          - {address: 198.51.100.10, port: 8443, weight: 128, mode: nat}\n", "")) == 0);
	const struct ctl_group *g = &game()->listeners[0].groups[0];
	cr_assert(game()->id == accelerator && g->id == group);
	cr_assert(g->n_endpoints == 1 && g->endpoints[0].id == endpoint && g->endpoints[0].drained);
	cr_assert(
	    apply(changed("{address: 198.51.100.11, ", "{address: 198.51.100.11, drained: false, ")) == 0, "%s", text);
	cr_assert(!game()->listeners[0].groups[0].endpoints[1].drained);
}

Test(objects, a_tunnel_is_ip_in_ip_unless_it_is_said_to_be_geneve)
{
	const char *row = "port: 8443, weight: 128, mode: nat";
	const struct ctl_endpoint *e;
	cr_assert(apply(changed(row, "port: 8443, mode: tunnel")) == 0, "%s", text);
	e = &game()->listeners[0].groups[0].endpoints[0];
	cr_assert(e->mode == WIRE_MODE_TUNNEL && e->encap == WIRE_ENCAP_IPIP);
	cr_assert(apply(changed(row, "port: 8443, mode: tunnel, encap: geneve")) == 0, "%s", text);
	e = &game()->listeners[0].groups[0].endpoints[0];
	cr_assert(e->mode == WIRE_MODE_TUNNEL && e->encap == WIRE_ENCAP_GENEVE);
	cr_assert(apply(changed(row, "port: 8443, mode: nat, encap: geneve")) == -EINVAL);
	cr_assert(strstr(text, "encap: 'geneve': is for mode tunnel"), "%s", text);
}

/* Aliases make much of little: 64 listeners of 8 groups of 256 endpoints, and all of them wrong, in document after
 * document. */
static void parse_multiplied(unsigned documents)
{
	static char yaml[1 << 20];
	size_t used = 0;
	for (unsigned document = 0; document < documents; document++) {
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used,
		    "---\nkind: accelerator\nname: a%u\nvips: [192.0.2.1]\nlisteners:\n"
		    "- &l {name: l, protocol: tcp, ports: [80], groups: [&g {region: r, pops: [fra1], endpoints: [\n"
		    "&e {address: 10.0.0.1, port: 80}",
		    document);
		for (unsigned i = 1; i < CTL_MAX_ENDPOINTS; i++)
			used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, ", *e");
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, "]}");
		for (unsigned i = 1; i < CTL_MAX_GROUPS; i++)
			used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, ", *g");
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, "]}\n");
		for (unsigned i = 1; i < CTL_MAX_LISTENERS; i++)
			used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, "- *l\n");
	}
	cr_assert(used < sizeof(yaml));
	cr_assert(parse(yaml, &batch) == -EINVAL && batch.n == 0);
}

/* What nobody is shown is not sought either, and what is too much is not looked at. */
Test(objects, mistakes_that_aliases_multiply_take_no_time, .timeout = 30)
{
	parse_multiplied(1);
	cr_assert(mistakes.kept == CTL_MISTAKES_MAX);
	cr_assert(mistakes.found < 2u * CTL_MAX_LISTENERS * CTL_MAX_GROUPS * CTL_MAX_ENDPOINTS, "%u", mistakes.found);
	ctl_mistakes_free(&mistakes);
	parse_multiplied(200);
	cr_assert(mistakes.kept == 1 && strstr(mistakes.line[0], "more than 1048576 values"), "%s", mistakes.line[0]);
}

/* Many endpoints, so that hashes meet. */
Test(objects, ids_are_unique_in_a_large_set)
{
	static char yaml[1 << 20];
	static uint32_t seen[40000];
	unsigned n_seen = 0;
	for (unsigned a = 0; a < 40; a++) {
		int used = snprintf(yaml, sizeof(yaml),
		    "{kind: accelerator, name: a%u, vips: [192.0.2.%u], listeners: [{name: x, "
		    "protocol: tcp, ports: [80], groups: [{region: r, pops: [fra1], endpoints: [",
		    a, a + 1);
		for (unsigned e = 0; e < CTL_MAX_ENDPOINTS; e++)
			used += snprintf(
			    yaml + used, sizeof(yaml) - (size_t)used, "{address: 10.%u.%u.1, port: 80},", a, e);
		snprintf(yaml + used, sizeof(yaml) - (size_t)used, "]}]}]}");
		cr_assert(apply(yaml) == 0, "%s", text);
	}
	for (unsigned i = 0; i < set.n; i++) {
		const struct ctl_group *g = &set.object[i]->accelerator.listeners[0].groups[0];
		seen[n_seen++] = g->id;
		for (unsigned e = 0; e < g->n_endpoints; e++)
			seen[n_seen++] = g->endpoints[e].id;
	}
	for (unsigned i = 0; i < n_seen; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert(seen[i] != seen[j] && seen[i] != 0);
}

Test(objects, documents_that_are_no_objects_are_refused)
{
	static const char *const bad[] = {
	    "[]", "text", "{}", "kind: [a]", "{kind: pop}", "kind: accelerator", "{a: b}"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(apply(bad[i]) == -EINVAL && mistakes.found > 0, "%s", bad[i]);
}
