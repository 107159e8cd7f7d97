/* SPDX-License-Identifier: BSD-2-Clause */
/* capture: the data plane's copies of packets, as a pcapng file. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/blocks.h"
#include "tools/ctl/client.h"
#include "tools/ctl/filter.h"
#include "tools/ctl/run.h"
#include "tools/ctl/value.h"

#define MAX_COUNT   1000000l /* of the API */
#define MAX_SNAP    2024l
#define MAX_TIMEOUT 1000000l

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static bool go_on(void)
{
	return !interrupted;
}

static bool write_block(void *to, const void *block, size_t size)
{
	FILE *file = to;
	return fwrite(block, 1, size, file) == size && (file != stdout || fflush(file) == 0);
}

static bool on_part(void *to, const char *data, size_t size)
{
	return cli_blocks_take(to, data, size);
}

/* The API's path. False: a mistake was printed. */
static bool capture_path(const struct cli_args *args, char *ret_path, size_t size)
{
	char query[256], error[CLI_ERROR_SIZE];
	long count = cli_number(args, CLI_OPT_COUNT, MAX_COUNT), snap = cli_number(args, CLI_OPT_SNAP, MAX_SNAP);
	if (count < 0 || snap < 0)
		return false;
	if (cli_filter_query(args->word, args->n_word, false, query, sizeof(query), error) != 0) {
		fprintf(stderr, "kuafuctl: %s\n", error);
		return false;
	}
	int used = snprintf(ret_path, size, "/v1/capture?%s%s", query, *query && (count || snap) ? "&" : "");
	if (count)
		used += snprintf(ret_path + used, size - (size_t)used, "limit=%ld%s", count, snap ? "&" : "");
	if (snap)
		snprintf(ret_path + used, size - (size_t)used, "snap=%ld", snap);
	return true;
}

static FILE *open_file(const struct cli_args *args)
{
	const char *name = args->value[CLI_OPT_WRITE];
	if (!name) {
		fprintf(stderr, "kuafuctl: where to write is missing; use: kuafuctl capture [FILTER...] -w FILE\n");
		return NULL;
	}
	bool standard_output = strcmp(name, "-") == 0;
	if (standard_output && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "kuafuctl: a capture is no text for a terminal; pipe it, or write it to a file\n");
		return NULL;
	}
	FILE *file = standard_output ? stdout : fopen(name, "wb");
	if (!file)
		fprintf(stderr, "kuafuctl: %s: %s\n", name, strerror(errno));
	return file;
}

static enum cli_exit capture(const struct cli_args *args, const char *path, FILE *file)
{
	struct cli_blocks blocks = {.write = write_block, .to = file};
	struct cli_reply reply;
	struct cli_request request = {.method = "GET",
	    .path = path,
	    .timeout_seconds = cli_number(args, CLI_OPT_TIMEOUT, MAX_TIMEOUT),
	    .part = on_part,
	    .to = &blocks,
	    .go_on = go_on};
	enum cli_exit result = cli_ask(args, &request, &reply);
	if (result != CLI_OK)
		return result;
	free(reply.text);
	fprintf(stderr, "%" PRIu64 " packets captured, %" PRIu64 " missed\n", blocks.packets, blocks.missed);
	return CLI_OK;
}

enum cli_exit cli_run_capture(const struct cli_args *args)
{
	char path[512];
	if (!capture_path(args, path, sizeof(path)) || cli_number(args, CLI_OPT_TIMEOUT, MAX_TIMEOUT) < 0)
		return CLI_USAGE;
	FILE *file = open_file(args);
	if (!file)
		return CLI_USAGE;
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	enum cli_exit result = capture(args, path, file);
	int error = fflush(file) != 0 || ferror(file) ? errno : 0;
	if (file != stdout)
		fclose(file);
	if (!error)
		return result;
	fprintf(stderr, "kuafuctl: %s: %s\n", args->value[CLI_OPT_WRITE], strerror(error));
	return CLI_REFUSED;
}
