/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "control/base/address.h"
#include "tools/wanem/config.h"
#include "tools/wanem/settings.h"

#define X(key) key,
static const char *const setting_keys[] = {WANEM_SETTINGS(X) NULL};
#undef X

static const char *const fate_name[WANEM_FATES] = {
    [WANEM_SENT] = "sent",
    [WANEM_LOST] = "lost",
    [WANEM_DARK] = "dark_dropped",
    [WANEM_QUEUE_FULL] = "queue_full",
    [WANEM_DUPLICATED] = "duplicated",
    [WANEM_REORDERED] = "reordered",
};

static char *failure(const char *reason)
{
	char *text;
	return asprintf(&text, "error: %s", reason) < 0 ? NULL : text;
}

/* The remaining words "key=value" as one YAML flow map, so that the file and the command line share a reader. */
static bool settings_as_yaml(char **words, char *yaml, size_t size)
{
	size_t used = (size_t)snprintf(yaml, size, "{");
	for (char *word; (word = strtok_r(NULL, " ", words));) {
		char *equals = strchr(word, '=');
		if (!equals || strpbrk(word, "{}[],:#&*!|>'\"%@`") == word)
			return false;
		*equals = '\0';
		int n = snprintf(yaml + used, size - used, "%s%s: %s", used > 1 ? ", " : "", word, equals + 1);
		used += (size_t)n;
		if (n < 0 || used + 2 > size)
			return false;
	}
	snprintf(yaml + used, size - used, "}");
	return used > 1;
}

/* Reads all before it changes anything: a mistake leaves the line as it was. */
static char *apply(struct wanem_emulator *e, int from, int to, bool both, const char *yaml_text)
{
	struct ctl_mistakes mistakes = {0};
	struct ctl_yaml *yaml;
	char text[512];
	struct wanem_impairment there = e->line[from][to].set, back = e->line[to][from].set;
	if (ctl_yaml_parse("set", yaml_text, strlen(yaml_text), &mistakes, &yaml) == 0) {
		struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
		if (ctl_yaml_only(map, setting_keys)) {
			wanem_settings_read(map, &there);
			if (both && mistakes.found == 0)
				wanem_settings_read(map, &back);
		}
		ctl_yaml_free(yaml);
	}
	bool wrong = mistakes.found > 0;
	ctl_mistakes_text(&mistakes, text, sizeof(text));
	ctl_mistakes_free(&mistakes);
	if (wrong)
		return failure(text);
	wanem_line_configure(&e->line[from][to], &there);
	if (both)
		wanem_line_configure(&e->line[to][from], &back);
	return strdup("ok");
}

static char *set(struct wanem_emulator *e, char **words)
{
	char yaml[WANEM_MAX_REQUEST];
	char *from_name = strtok_r(NULL, " ", words);
	bool both = from_name && strcmp(from_name, "--both") == 0;
	if (both)
		from_name = strtok_r(NULL, " ", words);
	char *to_name = strtok_r(NULL, " ", words);
	if (!from_name || !to_name)
		return failure("write: set [--both] FROM TO KEY=VALUE...");
	int from = wanem_port_find(e->router.port, e->router.n_ports, from_name);
	int to = wanem_port_find(e->router.port, e->router.n_ports, to_name);
	if (from < 0 || to < 0) {
		char text[64];
		snprintf(text, sizeof(text), "no interface named '%.16s'", from < 0 ? from_name : to_name);
		return failure(text);
	}
	if (!settings_as_yaml(words, yaml, sizeof(yaml)))
		return failure("write settings as KEY=VALUE, such as delay=40ms loss=1% dark=on");
	return apply(e, from, to, both, yaml);
}

static json_t *counters(const uint64_t *count, const char *const *name, size_t n)
{
	json_t *object = json_object();
	for (size_t i = 0; i < n; i++)
		json_object_set_new(object, name[i], json_integer((json_int_t)count[i]));
	return object;
}

static json_t *late(const struct wanem_lateness *h)
{
	return json_pack("{s:I, s:f, s:f, s:f}", "count", (json_int_t)h->count, "p50",
	    (double)wanem_lateness_quantile(h, 0.5) / 1e3, "p99", (double)wanem_lateness_quantile(h, 0.99) / 1e3, "max",
	    (double)h->max_ns / 1e3);
}

static json_t *show_line(const struct wanem_emulator *e, uint32_t from, uint32_t to)
{
	const struct wanem_line *line = &e->line[from][to];
	const struct wanem_impairment *set = &line->set;
	json_t *object = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:b}", "from",
	    e->router.port[from].name, "to", e->router.port[to].name, "delay_ms", (double)set->delay_ns / 1e6,
	    "jitter_ms", (double)set->jitter_ns / 1e6, "loss", set->loss, "duplicate", set->duplicate, "reorder",
	    set->reorder, "reorder_gap_ms", (double)set->reorder_gap_ns / 1e6, "rate_bps", (json_int_t)set->rate_bps,
	    "queue_bytes", (json_int_t)set->queue_bytes, "dark", (int)set->dark);
	json_object_set_new(object, "packets", counters(line->count, fate_name, WANEM_FATES));
	json_object_set_new(object, "late_us", late(&e->lateness[from][to]));
	return object;
}

/* Lines that do something or have carried something. */
static bool is_of_interest(const struct wanem_line *line)
{
	const struct wanem_impairment *set = &line->set;
	for (unsigned i = 0; i < WANEM_FATES; i++)
		if (line->count[i])
			return true;
	return set->delay_ns || set->jitter_ns || set->loss > 0 || set->duplicate > 0 || set->reorder > 0 ||
	       set->rate_bps || set->dark;
}

static json_t *show_interface(const struct wanem_port *p, const struct wanem_traffic *t)
{
	char text[CTL_PREFIX_TEXT];
	json_t *addresses = json_array();
	for (unsigned v = 0; v < WANEM_VERSIONS; v++)
		if (!wire_addr_is_unset(&p->gateway[v].address))
			json_array_append_new(addresses,
			    json_string(ctl_prefix_text(&p->gateway[v].address, p->gateway[v].length, text)));
	return json_pack("{s:s, s:o, s:i, s:b, s:I, s:I, s:I, s:I}", "name", p->name, "addresses", addresses, "mtu",
	    (int)p->mtu, "xdp", (int)t->xdp, "received", (json_int_t)t->received, "sent", (json_int_t)t->sent,
	    "retried", (json_int_t)t->retried, "ring_drops", (json_int_t)t->ring_drops);
}

static char *show(const struct wanem_emulator *e)
{
	json_t *lines = json_array(), *interfaces = json_array();
	for (uint32_t from = 0; from < e->router.n_ports; from++) {
		json_array_append_new(interfaces, show_interface(&e->router.port[from], &e->traffic[from]));
		for (uint32_t to = 0; to < e->router.n_ports; to++)
			if (is_of_interest(&e->line[from][to]))
				json_array_append_new(lines, show_line(e, from, to));
	}
	json_t *root = json_pack("{s:o, s:o, s:o, s:o, s:{s:i, s:i, s:i}}", "interfaces", interfaces, "lines", lines,
	    "router_drops", counters(e->router.drop, wanem_router_drop_name, WANEM_ROUTER_DROP_COUNT), "losses",
	    counters(e->loss, wanem_loss_name, WANEM_LOSSES), "packets", "capacity", (int)e->n_packets, "in_use",
	    (int)e->in_use, "max", (int)e->in_use_max);
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(root);
	return text;
}

char *wanem_command(struct wanem_emulator *e, char *request)
{
	char *words;
	const char *verb = strtok_r(request, " ", &words);
	if (verb && strcmp(verb, "set") == 0)
		return set(e, &words);
	if (verb && strcmp(verb, "show") == 0)
		return show(e);
	if (verb && strcmp(verb, "reset") == 0) {
		wanem_emulator_reset(e);
		return strdup("ok");
	}
	return failure("write one of: set, show, reset");
}
