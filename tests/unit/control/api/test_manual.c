/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/kuafu-api.7 against the route table, against the members of every answer, and against the metrics. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/router.h"
#include "control/metrics/prometheus.h"
#include "tests/unit/control/api/fixture.h"
#include "wire/bpf.h"

static char *page;

static void read_page(void)
{
	size_t size = 0;
	FILE *file = fopen(MANUAL, "r");
	cr_assert(file && getdelim(&page, &size, '\0', file) > 0, "%s", MANUAL);
	fclose(file);
}

static void free_page(void)
{
	free(page);
}

TestSuite(manual, .init = read_page, .fini = free_page);

/* The text from a heading's line to the next heading of the same or a higher level. */
static char *part(const char *heading)
{
	char line[128];
	snprintf(line, sizeof(line), "\n%s\n", heading);
	const char *start = strstr(page, line);
	cr_assert(start, "no heading %s", heading);
	start += strlen(line) - 1;
	const char *section = strstr(start, "\n.Sh "), *sub = strstr(start, "\n.Ss ");
	const char *end = sub && (!section || sub < section) ? sub : section;
	return strndup(start, (size_t)(end - start) + 1);
}

Test(manual, has_every_endpoint_and_no_other)
{
	const char *endpoints = strstr(page, "\n.Sh ENDPOINTS\n"), *end = strstr(page, "\n.Sh METRICS\n");
	unsigned headings = 0;
	for (const char *at = endpoints; (at = strstr(at + 1, "\n.Ss ")) && at < end;)
		headings++;
	cr_assert_eq(headings, ctl_api_n_routes);
	for (size_t i = 0; i < ctl_api_n_routes; i++) {
		char heading[128];
		snprintf(heading, sizeof(heading), ".Ss %s %s", ctl_api_routes[i].method, ctl_api_routes[i].path);
		free(part(heading));
	}
}

/* ---- the members of an answer, as the page writes them: routes[].primary.path ---- */

struct names {
	char name[128][96];
	unsigned n;
};

static void add_name(struct names *names, const char *name)
{
	for (unsigned i = 0; i < names->n; i++) {
		if (strcmp(names->name[i], name) == 0)
			return;
	}
	cr_assert(names->n < 128);
	snprintf(names->name[names->n++], sizeof(names->name[0]), "%s", name);
}

/* Members of these objects are named by data, not by the format. */
static const char *member_name(const char *where, const char *key)
{
	if (strcmp(where, "candidates[].terms") == 0)
		return "TERM_ms";
	if (strcmp(where, "workers[].counters") == 0 || strcmp(where, "workers[].journeys") == 0)
		return "NAME";
	return key;
}

static void collect(struct names *names, json_t *value, const char *where)
{
	char name[96];
	const char *key;
	json_t *item;
	size_t i;
	if (json_is_object(value)) {
		json_object_foreach(value, key, item)
		{
			snprintf(name, sizeof(name), "%s%s%s", where, *where ? "." : "", member_name(where, key));
			collect(names, item, name);
		}
		/* an object that may be null has an item of its own, besides its members' */
		if (strcmp(where, "routes[].primary") == 0 || strcmp(where, "routes[].backup") == 0 ||
		    strcmp(where, "routes[].direct") == 0)
			add_name(names, where);
	} else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
		snprintf(name, sizeof(name), "%s[]", where);
		json_array_foreach(value, i, item) collect(names, item, name);
	} else {
		add_name(names, where);
	}
}

static void expect_documented(const char *heading, const struct names *names)
{
	char *text = part(heading);
	for (unsigned i = 0; i < names->n; i++) {
		char item[128];
		snprintf(item, sizeof(item), "\n.It Li %s\n", names->name[i]);
		cr_assert(strstr(text, item), "%s does not explain %s", heading, names->name[i]);
	}
	unsigned items = 0;
	for (const char *at = text; (at = strstr(at, "\n.It Li ")); at++)
		items++;
	cr_assert_eq(items, names->n, "%s explains %u members, the answer has %u", heading, items, names->n);
	free(text);
}

static void give_rows(struct fixture *f, const char *path)
{
	if (!f->query.row)
		return;
	struct wire_ctl_flow flow = {.role = WIRE_FLOW_EGRESS};
	struct wire_ctl_trace trace = {.packet = 1};
	bool flows = strcmp(path, "/v1/flows") == 0;
	f->query.row(f->query.to, flows ? (const void *)&flow : (const void *)&trace);
	f->query.end(f->query.to, flows ? -EPIPE : 0);
}

Test(manual, explains_every_member_of_every_answer_and_no_other)
{
	static char text[1 << 18];
	for (size_t i = 0; i < ctl_api_n_routes; i++) {
		const struct ctl_api_route_entry *r = &ctl_api_routes[i];
		bool apply = strcmp(r->path, "/v1/apply") == 0;
		bool json = strcmp(r->path, "/metrics") != 0 && strcmp(r->path, "/v1/capture") != 0;
		if ((strcmp(r->method, "GET") != 0 && !apply) || !json)
			continue;
		struct fixture f;
		struct names names = {.n = 0};
		struct ctl_api_request request = {.method = r->method, .path = r->path, .body = "x", .size = apply};
		if (strncmp(r->path, "/v1/routes/", 11) == 0) {
			request.n_param = 2;
			request.param[0] = (struct ctl_api_param){"from", "sgp1"};
			request.param[1] = (struct ctl_api_param){"to", "fra1"};
		}
		fixture_init(&f);
		struct ctl_api_answer *answer = ctl_api_answer_new();
		ctl_api_dispatch(&f.view, &request, answer);
		if (f.done)
			fixture_done(&f, 0, NULL);
		give_rows(&f, r->path);
		text[ctl_api_answer_take(answer, text, sizeof(text) - 1)] = '\0';
		json_t *body = json_loads(text, 0, NULL);
		cr_assert(answer->status == 200 && body, "%s: %s", r->path, text);
		collect(&names, body, "");
		char heading[128];
		snprintf(heading, sizeof(heading), ".Ss %s %s", r->method, r->path);
		expect_documented(heading, &names);
		json_decref(body);
		ctl_api_answer_unref(answer);
	}
}

#define NAME(symbol, name) name,

Test(manual, explains_every_metric_and_no_other)
{
	const char *start = strstr(page, "\n.Sh METRICS\n");
	cr_assert(start);
	char *text = strndup(start + 1, (size_t)(strstr(start + 1, "\n.Sh ") - start));
	for (size_t i = 0; i < ctl_n_metrics; i++) {
		char item[256];
		snprintf(item, sizeof(item), "\n.It Li %s\n%s\n", ctl_metrics[i].name, ctl_metrics[i].help);
		cr_assert(strstr(text, item), "%s", item);
	}
	for (unsigned i = 0; i < WIRE_BPF_COUNTER_COUNT; i++) {
		static const char *const events[] = {WIRE_BPF_COUNTERS(NAME)};
		char item[64];
		snprintf(item, sizeof(item), "\n.It Cm %s\n", events[i]);
		cr_assert(strstr(text, item), "%s", item);
	}
	unsigned items = 0;
	for (const char *at = text; (at = strstr(at, "\n.It Li ")); at++)
		items++;
	cr_assert_eq(items, ctl_n_metrics);
	free(text);
}
