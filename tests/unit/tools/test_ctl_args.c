/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/args.h"
#include "tools/ctl/filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct cli_args args;
static char error[CLI_ERROR_SIZE];
static char line[512];
static char *words[32];

/* Parses a line of words with a space between them. */
static int parse(const char *text)
{
	int n = 0;
	snprintf(line, sizeof(line), "kuafuctl %s", text);
	for (char *rest = line, *word; (word = strsep(&rest, " "));) {
		if (*word)
			words[n++] = word;
	}
	args = (struct cli_args){0};
	*error = '\0';
	return cli_args_parse(n, words, &args, error);
}

static const char *filter_of(const char *text, bool of_flows)
{
	static char query[256];
	const char *word[32];
	unsigned n = 0;
	snprintf(line, sizeof(line), "%s", text);
	for (char *rest = line, *w; (w = strsep(&rest, " "));) {
		if (*w)
			word[n++] = w;
	}
	return cli_filter_query(word, n, of_flows, query, sizeof(query), error) == 0 ? query : NULL;
}

static const char *filter(const char *text)
{
	return filter_of(text, false);
}

static const char *flows(const char *text)
{
	return filter_of(text, true);
}

Test(args, every_example_of_every_command_is_understood)
{
	for (size_t i = 0; i < cli_n_commands; i++) {
		const struct cli_command *c = &cli_commands[i];
		cr_assert(c->example[0], "%s has no example", c->words);
		for (size_t e = 0; e < 3 && c->example[e]; e++) {
			cr_assert_eq(parse(c->example[e]), 0, "%s: %s", c->example[e], error);
			cr_assert_eq(args.command, c, "%s is %s", c->example[e], args.command->words);
		}
	}
}

Test(args, every_option_is_taken_by_a_command)
{
	for (unsigned o = 0; o < CLI_OPTION_COUNT; o++) {
		unsigned takers = (CLI_COMMON_OPTIONS | CLI_BIT(VERSION)) >> o & 1;
		for (size_t i = 0; i < cli_n_commands; i++)
			takers |= (cli_commands[i].options >> o) & 1;
		cr_assert(takers, "--%s", cli_options[o].name);
	}
}

Test(args, options_may_stand_anywhere)
{
	static const char *const same[] = {"--class loss route explain a b", "route --class loss explain a b",
	    "route explain a b --class=loss", "route explain --class loss a b", "route explain --class loss -- a b"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		cr_assert_eq(parse(same[i]), 0, "%s: %s", same[i], error);
		cr_assert_str_eq(args.command->words, "route explain");
		cr_assert_str_eq(args.value[CLI_OPT_CLASS], "loss");
		cr_assert_eq(args.n_word, 2);
		cr_assert_str_eq(args.word[1], "b");
	}
}

Test(args, files_keep_their_order)
{
	cr_assert_eq(parse("apply -f a.yaml -fb.yaml --file=- --file c.yaml"), 0, "%s", error);
	cr_assert_eq(args.n_file, 4);
	cr_assert_str_eq(args.file[1], "b.yaml");
	cr_assert_str_eq(args.file[2], "-");
	cr_assert_str_eq(args.file[3], "c.yaml");
}

Test(args, a_mistake_leaves_the_result_alone_and_says_what_to_do)
{
	static const struct {
		const char *typed, *says;
	} rows[] = {
	    {"", "a command is missing"},
	    {"show rutes", "did you mean 'show routes'"},
	    {"frobnicate", "kuafuctl --help"},
	    {"show routes --jsn", "did you mean --json"},
	    {"show routes -x", "unknown option -x"},
	    {"show routes --class loss", "takes no --class"},
	    {"route explain a", "route explain FROM TO"},
	    {"route explain a b c", "too many arguments"},
	    {"route explain a b --class", "--class needs a value"},
	    {"route explain a b --class=", "--class needs a value"},
	    {"show routes --json=yes", "takes no value"},
	    {"trace --count 1 --count 2", "given twice"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(parse(rows[i].typed), -EINVAL, "%s", rows[i].typed);
		cr_assert(strstr(error, rows[i].says), "%s: %s", rows[i].typed, error);
		cr_assert_null(args.command);
	}
}

Test(args, help_needs_no_arguments)
{
	cr_assert_eq(parse("route explain --help"), 0, "%s", error);
	cr_assert_eq(parse("-h"), 0, "%s", error);
	cr_assert_null(args.command);
}

Test(args, too_many_words_or_files_are_refused)
{
	cr_assert_eq(parse("trace a a a a a a a a a a a a a a a a"), -EINVAL);
	char *many[2 * CLI_MAX_FILES + 8] = {"kuafuctl", "apply"};
	for (unsigned i = 0; i <= CLI_MAX_FILES; i++) {
		many[2 + 2 * i] = "-f";
		many[3 + 2 * i] = "a";
	}
	cr_assert_eq(cli_args_parse(2 + 2 * (CLI_MAX_FILES + 1), many, &args, error), -EINVAL);
}

Test(filter, becomes_the_apis_query)
{
	cr_assert_str_eq(filter(""), "");
	cr_assert_str_eq(filter("192.0.2.7"), "address=192.0.2.7");
	cr_assert_str_eq(filter("tcp :443"), "protocol=tcp&port=443");
	cr_assert_str_eq(filter("192.0.2.7 203.0.113.10:8443 udp"),
	    "address=192.0.2.7&address2=203.0.113.10&protocol=udp&port=8443");
	cr_assert_str_eq(filter("2001:db8::1"), "address=2001:db8::1");
	cr_assert_str_eq(filter("[2001:db8::1]:443"), "address=2001:db8::1&port=443");
}

Test(filter, of_flows_names_ends_roles_states_and_pops)
{
	cr_assert_str_eq(flows("client 192.0.2.7 vip 203.0.113.10:443 tcp"),
	    "client=192.0.2.7&vip=203.0.113.10&protocol=tcp&port=443");
	cr_assert_str_eq(flows("192.0.2.7 endpoint 2001:db8::1"), "address=192.0.2.7&endpoint=2001:db8::1");
	cr_assert_str_eq(flows("endpoint :8080 192.0.2.7"), "address=192.0.2.7&port=8080");
	cr_assert_str_eq(flows("state established pop fra1 egress"), "role=egress&state=established&pop=fra1");
	static const char *const wrong[] = {"client", "state", "pop", "state new state new", "pop a/b",
	    "ingress egress", "client x", "client 192.0.2.1 vip 192.0.2.2 endpoint 192.0.2.3"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_null(flows(wrong[i]), "%s", wrong[i]);
	cr_assert_null(filter("state new"), "a packet has no state");
	cr_assert_null(filter("client 192.0.2.1"));
}

Test(filter, that_does_not_fit_names_the_word)
{
	static const char *const wrong[] = {"192.0.2", "sctp", ":0", ":65536", ":1-2", "tcp udp", ":1 :2",
	    "192.0.2.1 192.0.2.2 192.0.2.3", "192.0.2.1:x", "[2001:db8::1]", "[:443", "]:443", "a:443"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_null(filter(wrong[i]), "%s", wrong[i]);
	cr_assert_null(filter("192.0.2.7 sctp"));
	cr_assert(strstr(error, "'sctp'"), "%s", error);
}
