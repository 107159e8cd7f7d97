/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/base/mistakes.h"

static int mistake(char *ret_error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int mistake(char *ret_error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(ret_error, CLI_ERROR_SIZE, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- options ---- */

/* The option that text names: --name, --name=value, -f, -fvalue. *ret_value is what stands in the same word, or NULL. */
static const struct cli_option *find_option(const char *text, const char **ret_value)
{
	bool is_long = text[1] == '-';
	const char *name = text + (is_long ? 2 : 1);
	size_t length = is_long ? strcspn(name, "=") : 1;
	for (size_t i = 0; i < CLI_OPTION_COUNT; i++) {
		const struct cli_option *o = &cli_options[i];
		bool hit =
		    is_long ? strlen(o->name) == length && strncmp(o->name, name, length) == 0 : o->letter == *name;
		if (!hit)
			continue;
		const char *rest = name + length;
		*ret_value = *rest ? rest + (is_long ? 1 : 0) : NULL;
		return o;
	}
	return NULL;
}

static int unknown_option(const char *text, char *ret_error)
{
	const char *names[CLI_OPTION_COUNT + 1] = {0};
	for (size_t i = 0; i < CLI_OPTION_COUNT; i++)
		names[i] = cli_options[i].name;
	const char *near = text[1] == '-' ? ctl_nearest_name(text + 2, names) : NULL;
	if (near)
		return mistake(ret_error, "unknown option %s; did you mean --%s?", text, near);
	return mistake(ret_error, "unknown option %s; see kuafuctl --help", text);
}

/* Takes the option at argv[*at], and its argument. */
static int take_option(int argc, char *const *argv, int *at, struct cli_args *args, char *ret_error)
{
	const char *value = NULL;
	const struct cli_option *o = find_option(argv[*at], &value);
	if (!o)
		return unknown_option(argv[*at], ret_error);
	if (!o->argument && value)
		return mistake(ret_error, "--%s takes no value", o->name);
	if (o->argument && !value && *at + 1 < argc)
		value = argv[++*at];
	if (o->argument && (!value || !*value))
		return mistake(ret_error, "--%s needs a value: --%s %s", o->name, o->name, o->argument);
	enum cli_option_id id = (enum cli_option_id)(o - cli_options);
	if (id == CLI_OPT_FILE && args->n_file == CLI_MAX_FILES)
		return mistake(ret_error, "more than %u files; apply them in parts", CLI_MAX_FILES);
	if (id == CLI_OPT_FILE)
		args->file[args->n_file++] = value;
	else if (args->value[id] && o->argument)
		return mistake(ret_error, "--%s is given twice", o->name);
	args->value[id] = value ? value : "";
	return 0;
}

/* ---- commands ---- */

/* How many of the words are the command's own, or 0 if they do not name it. */
static unsigned matching_words(const char *words, const char *const *word, unsigned n)
{
	unsigned count = 0;
	for (const char *at = words; *at; count++) {
		size_t length = strcspn(at, " ");
		if (count == n || strlen(word[count]) != length || strncmp(at, word[count], length) != 0)
			return 0;
		at += length + (at[length] == ' ');
	}
	return count;
}

static int unknown_command(const char *const *word, unsigned n, char *ret_error)
{
	char typed[CLI_ERROR_SIZE / 2];
	const char *names[64] = {0};
	snprintf(typed, sizeof(typed), "%s%s%s", word[0], n > 1 ? " " : "", n > 1 ? word[1] : "");
	for (size_t i = 0; i < cli_n_commands && i < 63; i++)
		names[i] = cli_commands[i].words;
	const char *near = ctl_nearest_name(typed, names);
	if (near)
		return mistake(ret_error, "unknown command '%s'; did you mean '%s'?", typed, near);
	return mistake(ret_error, "unknown command '%s'; see kuafuctl --help", typed);
}

static int find_command(struct cli_args *args, char *ret_error)
{
	unsigned own = 0;
	for (size_t i = 0; i < cli_n_commands && !own; i++) {
		own = matching_words(cli_commands[i].words, args->word, args->n_word);
		if (own)
			args->command = &cli_commands[i];
	}
	if (!own)
		return unknown_command(args->word, args->n_word, ret_error);
	args->n_word -= own;
	memmove(args->word, args->word + own, args->n_word * sizeof(args->word[0]));
	return 0;
}

/* Whether several words name a command, of which this is the first. */
static bool is_group(const char *word)
{
	size_t length = strlen(word);
	for (size_t i = 0; i < cli_n_commands; i++) {
		const char *words = cli_commands[i].words;
		if (strncmp(words, word, length) == 0 && words[length] == ' ')
			return true;
	}
	return false;
}

static void take_help(struct cli_args *args)
{
	if (args->n_word == 0 || strcmp(args->word[0], "help") != 0)
		return;
	args->value[CLI_OPT_HELP] = "";
	args->n_word--;
	memmove(args->word, args->word + 1, args->n_word * sizeof(args->word[0]));
}

static int check(const struct cli_args *args, char *ret_error)
{
	const struct cli_command *c = args->command;
	if (cli_has(args, CLI_OPT_HELP))
		return 0;
	for (unsigned i = 0; i < CLI_OPTION_COUNT; i++) {
		if (args->value[i] && !((c->options | CLI_COMMON_OPTIONS) >> i & 1))
			return mistake(ret_error, "'%s' takes no --%s; see kuafuctl %s --help", c->words,
			    cli_options[i].name, c->words);
	}
	if (args->n_word < c->min_words || args->n_word > c->max_words)
		return mistake(ret_error, "%s; use: kuafuctl %s%s%s",
		    args->n_word < c->min_words ? "an argument is missing" : "too many arguments", c->words,
		    *c->arguments ? " " : "", c->arguments);
	return 0;
}

int cli_args_parse(int argc, char *const *argv, struct cli_args *ret_args, char ret_error[static CLI_ERROR_SIZE])
{
	struct cli_args args = {0};
	bool only_words = false;
	for (int at = 1; at < argc; at++) {
		int err = 0;
		if (!only_words && strcmp(argv[at], "--") == 0)
			only_words = true;
		else if (!only_words && argv[at][0] == '-' && argv[at][1] != '\0')
			err = take_option(argc, argv, &at, &args, ret_error);
		else if (args.n_word == CLI_MAX_WORDS)
			err = mistake(ret_error, "too many arguments");
		else
			args.word[args.n_word++] = argv[at];
		if (err)
			return err;
	}
	take_help(&args);
	if (args.n_word == 0 && !cli_has(&args, CLI_OPT_HELP) && !cli_has(&args, CLI_OPT_VERSION))
		return mistake(ret_error, "a command is missing; see kuafuctl --help");
	if (args.n_word == 1 && cli_has(&args, CLI_OPT_HELP) && is_group(args.word[0])) {
		args.group = args.word[0];
	} else if (args.n_word > 0) {
		int err = find_command(&args, ret_error);
		if (!err)
			err = check(&args, ret_error);
		if (err)
			return err;
	}
	*ret_args = args;
	return 0;
}
