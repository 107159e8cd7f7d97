/* SPDX-License-Identifier: BSD-2-Clause */
/* capture: the data plane's copies of packets, as a pcapng file. */
#include <errno.h>
#include <fcntl.h>
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

/* Where the capture goes. What was in the file stays until the daemon has agreed. */
struct output {
	FILE *file;
	bool is_new;
	bool begun;
};

static void begin(struct output *output)
{
	if (!output->begun && output->file != stdout && ftruncate(fileno(output->file), 0) != 0 && errno != EINVAL)
		fprintf(stderr, "kuafuctl: what the file had before stays behind the capture: %s\n", strerror(errno));
	output->begun = true;
}

static bool write_block(void *to, const void *block, size_t size)
{
	FILE *file = ((struct output *)to)->file;
	begin(to);
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

/* False: a mistake was printed. */
static bool open_output(const struct cli_args *args, struct output *ret_output)
{
	const char *name = args->value[CLI_OPT_WRITE];
	if (!name) {
		fprintf(stderr, "kuafuctl: where to write is missing; use: kuafuctl capture [FILTER...] -w FILE\n");
		return false;
	}
	bool standard_output = strcmp(name, "-") == 0;
	if (standard_output && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "kuafuctl: a capture is no text for a terminal; pipe it, or write it to a file\n");
		return false;
	}
	if (standard_output) {
		*ret_output = (struct output){.file = stdout};
		return true;
	}
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	bool is_new = fd >= 0;
	if (!is_new && errno == EEXIST)
		fd = open(name, O_WRONLY | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
	if (!file) {
		fprintf(stderr, "kuafuctl: %s: %s\n", name, strerror(errno));
		return false;
	}
	*ret_output = (struct output){.file = file, .is_new = is_new};
	return true;
}

static int close_output(struct output *output, const char *name)
{
	int error = fflush(output->file) != 0 || ferror(output->file) ? errno : 0;
	if (output->file != stdout)
		fclose(output->file);
	if (output->is_new && !output->begun)
		unlink(name);
	return error;
}

static enum cli_exit capture(const struct cli_args *args, const char *path, struct output *output)
{
	struct cli_blocks blocks = {.write = write_block, .to = output};
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
	begin(output);
	fprintf(stderr, "%" PRIu64 " packets captured, %" PRIu64 " missed\n", blocks.packets, blocks.missed);
	return CLI_OK;
}

enum cli_exit cli_run_capture(const struct cli_args *args)
{
	char path[512];
	if (!capture_path(args, path, sizeof(path)) || cli_number(args, CLI_OPT_TIMEOUT, MAX_TIMEOUT) < 0)
		return CLI_USAGE;
	struct output output;
	if (!open_output(args, &output))
		return CLI_USAGE;
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	enum cli_exit result = capture(args, path, &output);
	int error = close_output(&output, args->value[CLI_OPT_WRITE]);
	if (!error)
		return result;
	fprintf(stderr, "kuafuctl: %s: %s\n", args->value[CLI_OPT_WRITE], strerror(error));
	return CLI_REFUSED;
}
