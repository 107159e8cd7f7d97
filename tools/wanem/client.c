/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/wanem/command.h"
#include "tools/wanem/server.h"

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

#define ACCURACY_US 1000.0 /* what selftest demands of the 99th percentile */

static int ask(const char *socket, const char *request, char **ret_answer)
{
	int error = wanem_server_ask(socket, request, ret_answer);
	if (error)
		fprintf(stderr, "kuafu-wanem: %s: %s: is it running?\n", socket, strerror(-error));
	else if (strncmp(*ret_answer, "error: ", 7) == 0) {
		fprintf(stderr, "kuafu-wanem: %s\n", *ret_answer + 7);
		free(*ret_answer);
		return -EINVAL;
	}
	return error;
}

static json_t *ask_show(const char *socket)
{
	char *answer;
	if (ask(socket, "show", &answer) != 0)
		return NULL;
	json_t *root = json_loads(answer, 0, NULL);
	free(answer);
	if (!root)
		fputs("kuafu-wanem: the answer is not JSON\n", stderr);
	return root;
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static double packets(const json_t *line, const char *key)
{
	return number(json_object_get(line, "packets"), key);
}

static void print_line(const json_t *line)
{
	const json_t *late = json_object_get(line, "late_us");
	printf("%-10s %-10s %8.1f %8.1f %7.2f%% %4s %10.0f %8.0f %8.0f %8.0f %8.0f %8.0f\n", text(line, "from"),
	    text(line, "to"), number(line, "delay_ms"), number(line, "jitter_ms"), number(line, "loss") * 100,
	    json_is_true(json_object_get(line, "dark")) ? "dark" : "up", packets(line, "sent"), packets(line, "lost"),
	    packets(line, "dark_dropped") + packets(line, "queue_full"), number(late, "p50"), number(late, "p99"),
	    number(late, "max"));
}

/* One row of "name value" for each counter that is not zero. */
static void print_counters(const char *title, const json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)object, key, value) if (json_integer_value(value))
	    printf("%s %s: %lld\n", title, key, (long long)json_integer_value(value));
}

static int show(const char *socket, bool as_json)
{
	size_t i;
	json_t *line, *root;
	char *answer;
	if (as_json) {
		if (ask(socket, "show", &answer) != 0)
			return EXIT_REFUSED;
		puts(answer);
		free(answer);
		return EXIT_OK;
	}
	if (!(root = ask_show(socket)))
		return EXIT_REFUSED;
	printf("%-10s %-10s %8s %8s %8s %4s %10s %8s %8s %8s %8s %8s\n", "FROM", "TO", "DELAY ms", "JITTER", "LOSS", "",
	    "SENT", "LOST", "DROPPED", "LATE p50", "p99", "max us");
	json_array_foreach(json_object_get(root, "lines"), i, line) print_line(line);
	print_counters("router drop", json_object_get(root, "router_drops"));
	print_counters("loss", json_object_get(root, "losses"));
	json_array_foreach(json_object_get(root, "interfaces"), i, line) if (number(line, "ring_drops") > 0)
	    printf("loss ring of %s: %.0f\n", text(line, "name"), number(line, "ring_drops"));
	json_decref(root);
	return EXIT_OK;
}

/* Packets that the emulator itself lost, which no setting asked for. */
static double own_losses(const json_t *root)
{
	const json_t *losses = json_object_get(root, "losses");
	double sum =
	    number(losses, wanem_loss_name[WANEM_NO_MEMORY]) + number(losses, wanem_loss_name[WANEM_RING_FULL]);
	size_t i;
	json_t *port;
	json_array_foreach(json_object_get(root, "interfaces"), i, port) sum += number(port, "ring_drops");
	return sum;
}

static int selftest(const char *socket)
{
	size_t i;
	json_t *line, *root = ask_show(socket);
	unsigned measured = 0, late_lines = 0;
	if (!root)
		return EXIT_REFUSED;
	json_array_foreach(json_object_get(root, "lines"), i, line)
	{
		const json_t *late = json_object_get(line, "late_us");
		if (number(late, "count") == 0)
			continue;
		bool on_time = number(late, "p99") <= ACCURACY_US;
		printf("%s -> %s: %.0f packets, late by %.0f us (median), %.0f us (p99), %.0f us (max): %s\n",
		    text(line, "from"), text(line, "to"), number(late, "count"), number(late, "p50"),
		    number(late, "p99"), number(late, "max"), on_time ? "on time" : "LATE");
		measured++;
		late_lines += !on_time;
	}
	double lost = own_losses(root);
	json_decref(root);
	printf("%u lines measured, %u late, %.0f packets lost by the emulator itself\n", measured, late_lines, lost);
	return measured > 0 && late_lines == 0 && lost == 0 ? EXIT_OK : EXIT_REFUSED;
}

static int send_words(const char *socket, int argc, char **argv)
{
	char request[WANEM_MAX_REQUEST] = "", *answer;
	size_t used = 0;
	for (int i = 0; i < argc; i++) {
		int n = snprintf(request + used, sizeof(request) - used, "%s%s", i ? " " : "", argv[i]);
		used += (size_t)n;
		if (n < 0 || used >= sizeof(request)) {
			fputs("kuafu-wanem: the command is too long\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (ask(socket, request, &answer) != 0)
		return EXIT_REFUSED;
	free(answer);
	return EXIT_OK;
}

int wanem_client(const char *socket, int argc, char **argv)
{
	if (strcmp(argv[0], "show") == 0 && argc <= 2 && (argc == 1 || strcmp(argv[1], "--json") == 0))
		return show(socket, argc == 2);
	if (strcmp(argv[0], "selftest") == 0 && argc == 1)
		return selftest(socket);
	if (strcmp(argv[0], "set") == 0 || (strcmp(argv[0], "reset") == 0 && argc == 1))
		return send_words(socket, argc, argv);
	fprintf(stderr, "kuafu-wanem: '%s': write one of: set FROM TO KEY=VALUE..., show [--json], reset, selftest\n",
	    argv[0]);
	return EXIT_USAGE;
}
