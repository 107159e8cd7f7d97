/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: records of packets as they come, grouped by packet. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/client.h"
#include "tools/ctl/filter.h"
#include "tools/ctl/run.h"
#include "tools/ctl/screen.h"
#include "tools/ctl/value.h"

#define LINE_MAX_BYTES 8192u
#define MAX_COUNT      1000000l /* of the API */
#define MAX_TIMEOUT    1000000l

struct trace {
	bool json;
	struct cli_screen screen;
	char line[LINE_MAX_BYTES];
	size_t used;
	char packet[24]; /* of the last record printed */
	unsigned long lost;
	bool failed; /* the stream ended with an error */
};

static void print_record(struct trace *t, const json_t *record)
{
	const char *packet = NULL, *at = NULL, *journey = NULL, *text = NULL;
	int worker = 0;
	if (json_unpack((json_t *)record, "{s:s, s:s, s:i, s:s, s:s}", "packet", &packet, "at", &at, "worker", &worker,
	        "journey", &journey, "text", &text) != 0)
		return;
	const char *drop = json_string_value(json_object_get(record, "drop"));
	if (strcmp(packet, t->packet) != 0)
		printf("%s packet %s, worker %d\n", at, packet, worker);
	snprintf(t->packet, sizeof(t->packet), "%s", packet);
	printf("  %-8s %s", journey, text);
	if (drop)
		printf("%s  dropped: %s%s", t->screen.colour ? "\33[31m" : "", drop, t->screen.colour ? "\33[0m" : "");
	putchar('\n');
}

static void take_line(struct trace *t)
{
	if (t->used == 0)
		return;
	t->line[t->used] = '\0';
	json_t *record = json_loads(t->line, 0, NULL);
	const char *error = json_string_value(json_object_get(record, "error"));
	t->lost += (unsigned long)json_integer_value(json_object_get(record, "lost"));
	if (error) {
		fprintf(stderr, "kuafuctl: the trace has ended: %s\n", error);
		t->failed = true;
	}
	if (t->json)
		puts(t->line);
	else if (record)
		print_record(t, record);
	json_decref(record);
}

static bool on_part(void *to, const char *data, size_t size)
{
	struct trace *t = to;
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n') {
			take_line(t);
			t->used = 0;
		} else if (t->used < sizeof(t->line) - 1) {
			t->line[t->used++] = data[i];
		}
	}
	return fflush(stdout) == 0;
}

enum cli_exit cli_run_trace(const struct cli_args *args)
{
	char query[256], error[CLI_ERROR_SIZE], path[512];
	long count = cli_number(args, CLI_OPT_COUNT, MAX_COUNT),
	     timeout = cli_number(args, CLI_OPT_TIMEOUT, MAX_TIMEOUT);
	if (count < 0 || timeout < 0)
		return CLI_USAGE;
	if (cli_filter_query(args->word, args->n_word, false, query, sizeof(query), error) != 0) {
		fprintf(stderr, "kuafuctl: %s\n", error);
		return CLI_USAGE;
	}
	int used = snprintf(path, sizeof(path), "/v1/trace?%s", query);
	if (count)
		snprintf(path + used, sizeof(path) - (size_t)used, "%slimit=%ld", *query ? "&" : "", count);
	struct trace trace = {.json = cli_has(args, CLI_OPT_JSON), .screen = cli_screen_of(STDOUT_FILENO)};
	struct cli_request request = {
	    .method = "GET", .path = path, .timeout_seconds = timeout, .part = on_part, .to = &trace};
	struct cli_reply reply;
	enum cli_exit result = cli_ask(args, &request, &reply);
	if (result != CLI_OK)
		return result;
	free(reply.text);
	if (trace.lost)
		fprintf(stderr, "kuafuctl: %lu records were lost; narrow the filter\n", trace.lost);
	return trace.failed ? CLI_REFUSED : CLI_OK;
}
