/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafuctl's man page and shell completion, against its tables. MANUAL and COMPLETION are paths. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/command.h"
#include "tools/ctl/noun.h"

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");
	cr_assert(file, "%s", path);
	ssize_t n = getdelim(&text, &size, '\0', file);
	cr_assert(n > 0, "%s", path);
	fclose(file);
	return text;
}

/* The lines from one heading to the next. */
static char *section(const char *text, const char *heading)
{
	char line[64];
	snprintf(line, sizeof(line), "\n.Sh %s\n", heading);
	const char *start = strstr(text, line);
	cr_assert(start, "no section %s", heading);
	start += strlen(line);
	const char *end = strstr(start, "\n.Sh ");
	return end ? strndup(start, (size_t)(end - start) + 1) : strdup(start);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

Test(manual, documents_every_command_with_its_arguments_and_no_other)
{
	char *page = read_file(MANUAL), *commands = section(page, "COMMANDS");
	for (size_t i = 0; i < cli_n_commands; i++) {
		char line[256];
		const struct cli_command *c = &cli_commands[i];
		snprintf(line, sizeof(line), ".It Cm %s%s%s\n", c->words, *c->arguments ? " Ar " : "", c->arguments);
		cr_assert(strstr(commands, line), "no line %s", line);
	}
	cr_assert_eq(count(commands, ".It Cm "), cli_n_commands);
	free(commands);
	free(page);
}

Test(manual, documents_every_option_of_a_command_there_and_no_other)
{
	char *page = read_file(MANUAL), *commands = section(page, "COMMANDS");
	for (size_t i = 0; i < cli_n_commands; i++) {
		char line[256];
		const struct cli_command *c = &cli_commands[i];
		snprintf(line, sizeof(line), ".It Cm %s%s%s\n", c->words, *c->arguments ? " Ar " : "", c->arguments);
		const char *start = strstr(commands, line);
		cr_assert(start, "%s", line);
		const char *end = strstr(start + 1, "\n.It ");
		char *item = strndup(start, end ? (size_t)(end - start) + 1 : strlen(start));
		unsigned wanted = 0;
		for (unsigned o = 0; o < CLI_OPTION_COUNT; o++) {
			char with_space[64], at_end[64];
			snprintf(with_space, sizeof(with_space), ".Fl -%s ", cli_options[o].name);
			snprintf(at_end, sizeof(at_end), ".Fl -%s\n", cli_options[o].name);
			bool there = strstr(item, with_space) || strstr(item, at_end);
			cr_assert_eq(there, (c->options >> o) & 1, "%s --%s", c->words, cli_options[o].name);
			wanted += (c->options >> o) & 1;
		}
		cr_assert_eq(count(item, "\n.Fl "), wanted, "%s", c->words);
		free(item);
	}
	free(commands);
	free(page);
}

Test(manual, documents_every_option_and_every_example)
{
	char *page = read_file(MANUAL), *options = section(page, "OPTIONS"), *examples = section(page, "EXAMPLES");
	for (unsigned o = 0; o < CLI_OPTION_COUNT; o++) {
		char item[128];
		const struct cli_option *option = &cli_options[o];
		snprintf(item, sizeof(item), "Fl -%s%s%s\n", option->name, option->argument ? " Ar " : "",
		    option->argument ? option->argument : "");
		cr_assert(strstr(options, item), "no item %s", item);
	}
	cr_assert_eq(count(options, "\n.It ") + (strncmp(options, ".It", 3) == 0), CLI_OPTION_COUNT);
	for (size_t i = 0; i < cli_n_commands; i++) {
		for (size_t e = 0; e < 4 && cli_commands[i].example[e]; e++) {
			char line[256] = "kuafuctl ";
			size_t used = strlen(line);
			for (const char *c = cli_commands[i].example[e]; *c; c++) {
				if (*c == '-')
					line[used++] = '\\';
				line[used++] = *c;
			}
			strcpy(line + used, "\n");
			cr_assert(strstr(examples, line), "no example %s", line);
		}
	}
	free(examples);
	free(options);
	free(page);
}

Test(manual, documents_the_exit_status)
{
	char *page = read_file(MANUAL), *status = section(page, "EXIT STATUS");
	for (int code = CLI_OK; code <= CLI_NO_CONNECT; code++) {
		char item[16];
		snprintf(item, sizeof(item), ".It %d\n", code);
		cr_assert(strstr(status, item), "%d", code);
	}
	cr_assert_eq(count(status, ".It "), CLI_NO_CONNECT + 1);
	free(status);
	free(page);
}

Test(completion, knows_every_command_with_its_options_and_no_other)
{
	char *script = read_file(COMPLETION);
	const char *start = strstr(script, "_kuafuctl_commands=\"\n");
	cr_assert(start);
	const char *end = strstr(start + strlen("_kuafuctl_commands=\"\n"), "\n\"\n");
	cr_assert(end);
	char *table = strndup(start, (size_t)(end - start) + 1);
	for (size_t i = 0; i < cli_n_commands; i++) {
		char line[512];
		const struct cli_command *c = &cli_commands[i];
		int used = snprintf(line, sizeof(line), "\n%s |", c->words);
		for (unsigned o = 0; o < CLI_OPTION_COUNT; o++) {
			if ((c->options >> o) & 1)
				used +=
				    snprintf(line + used, sizeof(line) - (size_t)used, " --%s", cli_options[o].name);
		}
		snprintf(line + used, sizeof(line) - (size_t)used, "\n");
		cr_assert(strstr(table, line), "no line %s", line);
	}
	cr_assert_eq(count(table, " |"), cli_n_commands);
	cr_assert(strstr(script, "_kuafuctl_common=\"--socket --json --help\"\n"));
	free(table);
	free(script);
}

Test(nouns, are_those_of_show)
{
	unsigned shows = 0;
	for (size_t i = 0; i < cli_n_commands; i++) {
		if (strncmp(cli_commands[i].words, "show ", 5) != 0)
			continue;
		shows++;
		cr_assert(cli_noun_find(cli_commands[i].words + 5), "%s", cli_commands[i].words);
	}
	cr_assert_eq(shows, cli_n_nouns);
}
