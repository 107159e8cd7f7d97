/* SPDX-License-Identifier: BSD-2-Clause */
/* show NOUN, route explain and route history. */
#include "tools/ctl/show.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/client.h"
#include "tools/ctl/filter.h"
#include "tools/ctl/run.h"
#include "tools/ctl/screen.h"
#include "tools/ctl/value.h"

#define WATCH_SECONDS   1
#define MAX_LIMIT       50000l /* flows; of the API */
#define TIMEOUT_SECONDS 10     /* an answer takes milliseconds; a hung daemon is to be noticed */

/* Prints the reply: as it is, or by `show`. Frees its text. */
static enum cli_exit print_reply(const struct cli_args *args, struct cli_reply *reply,
    enum cli_exit (*show)(const void *what, const json_t *answer), const void *what)
{
	enum cli_exit result = CLI_OK;
	if (cli_has(args, CLI_OPT_JSON)) {
		puts(reply->text);
	} else {
		json_t *answer = json_loads(reply->text, 0, NULL);
		if (answer)
			result = show(what, answer);
		else
			fprintf(stderr, "kuafuctl: the answer is no JSON; is the socket kuafud's?\n");
		if (!answer)
			result = CLI_REFUSED;
		json_decref(answer);
	}
	free(reply->text);
	return result;
}

static enum cli_exit ask_and_print(const struct cli_args *args, const char *path,
    enum cli_exit (*show)(const void *what, const json_t *answer), const void *what)
{
	struct cli_request request = {.method = "GET", .path = path, .timeout_seconds = TIMEOUT_SECONDS};
	struct cli_reply reply;
	enum cli_exit result = cli_ask(args, &request, &reply);
	if (result != CLI_OK)
		return result;
	if (cli_has(args, CLI_OPT_WATCH) && !cli_has(args, CLI_OPT_JSON) && isatty(STDOUT_FILENO))
		fputs("\33[H\33[2J", stdout);
	return print_reply(args, &reply, show, what);
}

/* The noun's path, with what the options ask for. */
static enum cli_exit noun_path(const struct cli_args *args, const struct cli_noun *noun, char *ret_path, size_t size)
{
	char query[256] = "", error[CLI_ERROR_SIZE];
	if (cli_filter_query(args->word, args->n_word, true, query, sizeof(query), error) != 0) {
		fprintf(stderr, "kuafuctl: %s\n", error);
		return CLI_USAGE;
	}
	size_t used = strlen(query);
	long limit = cli_number(args, CLI_OPT_LIMIT, MAX_LIMIT);
	if (limit < 0)
		return CLI_USAGE;
	if (limit)
		snprintf(query + used, sizeof(query) - used, "%slimit=%ld", used ? "&" : "", limit);
	if (cli_has(args, CLI_OPT_ALL))
		strcpy(query, "all=1");
	snprintf(ret_path, size, "%s%s%s", noun->path, *query ? "?" : "", query);
	return CLI_OK;
}

static enum cli_exit show_noun(const void *what, const json_t *answer)
{
	const struct cli_noun *noun = what;
	enum cli_exit result = cli_show_answer(noun, answer);
	if (json_is_true(json_object_get(answer, "more")))
		fprintf(stderr, "kuafuctl: there may be more; narrow the filter or raise --limit\n");
	return result;
}

enum cli_exit cli_ask_and_show(const struct cli_args *args, const char *path, const struct cli_noun *noun)
{
	return ask_and_print(args, path, show_noun, noun);
}

enum cli_exit cli_run_show(const struct cli_args *args)
{
	const struct cli_noun *noun = cli_noun_find(args->command->words + strlen("show "));
	char path[512];
	enum cli_exit result = noun_path(args, noun, path, sizeof(path));
	if (result == CLI_OK)
		result = ask_and_print(args, path, show_noun, noun);
	while (result == CLI_OK && cli_has(args, CLI_OPT_WATCH)) {
		sleep(WATCH_SECONDS);
		if (!isatty(STDOUT_FILENO) && !cli_has(args, CLI_OPT_JSON))
			putchar('\n');
		result = ask_and_print(args, path, show_noun, noun);
	}
	return result;
}

/* ---- route explain ---- */

static const char *text_at(const json_t *answer, const char *name)
{
	const char *text = json_string_value(json_object_get(answer, name));
	return text ? text : "?";
}

static void print_since(const json_t *answer, const char *name, const char *text)
{
	if (!json_is_string(json_object_get(answer, name)))
		return;
	struct cli_cell since = cli_cell_of(json_object_get(answer, name), CLI_SINCE, cli_now_ms());
	printf("%s %s\n", text, since.text);
	free(since.text);
}

static void print_heading(const json_t *answer)
{
	printf("%s > %s, class %s\n", text_at(answer, "from"), text_at(answer, "to"), text_at(answer, "class"));
	if (json_is_string(json_object_get(answer, "rule")))
		printf("rule: %s\n", text_at(answer, "rule"));
	if (json_is_string(json_object_get(answer, "reason"))) {
		struct cli_cell since = cli_cell_of(json_object_get(answer, "since"), CLI_SINCE, cli_now_ms());
		printf("in use for %s: %s\n", since.text, text_at(answer, "reason"));
		free(since.text);
	}
	if (json_is_number(json_object_get(answer, "must_beat_ms")))
		printf("another path must cost less than %.1f ms\n",
		    json_number_value(json_object_get(answer, "must_beat_ms")));
	print_since(answer, "waiting_since", "a better one is being watched for");
	print_since(answer, "worse_since", "it has been worse than direct for");
	if (json_integer_value(json_object_get(answer, "returns")) > 0)
		printf("back to direct, for it was better: %lld times so far\n",
		    (long long)json_integer_value(json_object_get(answer, "returns")));
	putchar('\n');
}

static enum cli_exit show_explanation(const void *what, const json_t *answer)
{
	const struct cli_noun *noun = what;
	print_heading(answer);
	enum cli_exit result = cli_show_answer(noun, answer);
	json_int_t considered = json_integer_value(json_object_get(answer, "considered"));
	size_t shown = json_array_size(json_object_get(answer, "candidates"));
	if (considered > (json_int_t)shown)
		printf("%zu of %lld candidates\n", shown, (long long)considered);
	return result;
}

static enum cli_exit ask_about_two(const struct cli_args *args,
    enum cli_exit (*show)(const void *what, const json_t *answer), const struct cli_noun *noun)
{
	char from[128], to[128], class[128] = "", path[512];
	if (!cli_name_is_good("POP", args->word[0]) || !cli_name_is_good("POP", args->word[1]))
		return CLI_USAGE;
	cli_encode(args->word[0], from, sizeof(from));
	cli_encode(args->word[1], to, sizeof(to));
	if (cli_has(args, CLI_OPT_CLASS))
		cli_encode(args->value[CLI_OPT_CLASS], class, sizeof(class));
	snprintf(path, sizeof(path), "%s?from=%s&to=%s%s%s", noun->path, from, to, *class ? "&class=" : "", class);
	return ask_and_print(args, path, show, noun);
}

enum cli_exit cli_run_explain(const struct cli_args *args)
{
	return ask_about_two(args, show_explanation, &cli_explanation);
}

enum cli_exit cli_run_history(const struct cli_args *args)
{
	return ask_about_two(args, show_noun, &cli_history);
}
