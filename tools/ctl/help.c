/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/run.h"

static void put_options(uint64_t options)
{
	for (unsigned i = 0; i < CLI_OPTION_COUNT; i++) {
		const struct cli_option *o = &cli_options[i];
		char name[64];
		if (!(options >> i & 1))
			continue;
		snprintf(
		    name, sizeof(name), "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
		printf("  %c%c%s %-26s %s\n", o->letter ? '-' : ' ', o->letter ? o->letter : ' ', o->letter ? "," : " ",
		    name, o->text);
	}
}

static void help_command(const struct cli_command *c)
{
	printf("usage: kuafuctl %s%s%s [OPTION...]\n\n%s\n\noptions:\n", c->words, *c->arguments ? " " : "",
	    c->arguments, c->text);
	put_options(c->options | CLI_COMMON_OPTIONS);
	if (strstr(c->arguments, "FILTER"))
		puts("\nFILTER: ADDRESS, ADDRESS:PORT or :PORT of either end, tcp, udp or icmp");
	if (strstr(c->arguments, "FLOW-FILTER"))
		puts("FLOW-FILTER: also client|vip|endpoint ADDRESS, ingress, egress, state new|established|closing, "
		     "pop POP");
	puts("\nexamples:");
	for (size_t i = 0; i < sizeof(c->example) / sizeof(c->example[0]) && c->example[i]; i++)
		printf("  kuafuctl %s\n", c->example[i]);
}

/* Those whose words begin with `start`. */
static void put_commands(const char *start)
{
	puts("\ncommands:");
	for (size_t i = 0; i < cli_n_commands; i++) {
		char synopsis[64];
		if (strncmp(cli_commands[i].words, start, strlen(start)) != 0)
			continue;
		snprintf(synopsis, sizeof(synopsis), "%s %s", cli_commands[i].words, cli_commands[i].arguments);
		printf("  %-26s %s\n", synopsis, cli_commands[i].text);
	}
}

static void help_group(const char *word)
{
	char start[64];
	snprintf(start, sizeof(start), "%s ", word);
	printf("usage: kuafuctl %sCOMMAND [OPTION...]\n", start);
	put_commands(start);
	printf("\nkuafuctl %sCOMMAND --help explains a command, with examples\n", start);
}

static void help_all(void)
{
	puts("usage: kuafuctl COMMAND [OPTION...]");
	put_commands("");
	puts("\noptions of every command:");
	put_options(CLI_COMMON_OPTIONS | CLI_BIT(VERSION));
	puts("\nkuafuctl COMMAND --help, or kuafuctl help COMMAND, explains a command, with examples; so does "
	     "kuafuctl(1).\n"
	     "exit status: 0 done, 1 refused by the API, 2 wrong usage, 3 no answer from kuafud");
}

void cli_help(const struct cli_args *args)
{
	if (args->command)
		help_command(args->command);
	else if (args->group)
		help_group(args->group);
	else
		help_all();
}
