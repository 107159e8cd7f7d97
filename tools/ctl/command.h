/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafuctl's commands and options: two tables. Help, the parser, the man page's test and the completion's test read
 * them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* symbol, long name, letter or 0, argument or NULL, what it does */
#define CLI_OPTIONS(X)                                                                                                 \
	X(SOCKET, "socket", 0, "PATH", "kuafud's API socket; else $KUAFU_SOCKET, else the only /run/kuafu/*/api.sock") \
	X(JSON, "json", 0, NULL, "print the API's answer as it is")                                                    \
	X(HELP, "help", 'h', NULL, "explain the command")                                                              \
	X(VERSION, "version", 0, NULL, "print the version")                                                            \
	X(WATCH, "watch", 0, NULL, "show again every second, until interrupted")                                       \
	X(ALL, "all", 0, NULL, "also reasons that dropped nothing")                                                    \
	X(LIMIT, "limit", 0, "N", "at most N flows (1000)")                                                            \
	X(CLASS, "class", 0, "C", "the class of traffic; else the first")                                              \
	X(FILE, "file", 'f', "FILE", "YAML documents, - for standard input; may be given several times")               \
	X(NAME, "name", 0, "NAME", "the policy's name")                                                                \
	X(ACCELERATOR, "accelerator", 0, "NAME", "only traffic of this accelerator")                                   \
	X(FROM, "from", 0, "POP", "only traffic that enters here")                                                     \
	X(TO, "to", 0, "POP", "only traffic that leaves here")                                                         \
	X(PIN, "pin", 0, "POP,...", "take exactly this way, both ends included")                                       \
	X(AVOID, "avoid", 0, "POP,...", "relay through none of these")                                                 \
	X(AVOID_REGION, "avoid-region", 0, "NAME,...", "relay through no POP of these regions")                        \
	X(AVOID_PROVIDER, "avoid-provider", 0, "NAME,...", "use no link of these providers")                           \
	X(AVOID_LINK, "avoid-link", 0, "POP>POP,...", "use no link from the one to the other")                         \
	X(PREFER, "prefer", 0, "POP,...", "count paths by these relays as cheaper")                                    \
	X(PREFER_REGION, "prefer-region", 0, "NAME,...", "or by relays of these regions")                              \
	X(PREFER_PROVIDER, "prefer-provider", 0, "NAME,...", "or over links of these providers")                       \
	X(PREFER_LINK, "prefer-link", 0, "POP>POP,...", "or over links from the one to the other")                     \
	X(PREFER_BY, "prefer-by", 0, "DURATION", "by so much for each of them (20ms)")                                 \
	X(MAX_COST, "max-cost", 0, "N", "use no path whose links cost more in sum")                                    \
	X(MAX_RTT, "max-rtt", 0, "DURATION", "use no path of a longer round trip")                                     \
	X(FALLBACK, "fallback", 0, "direct", "while no path is left by the rule: the direct one")                      \
	X(EXPIRES, "expires", 0, "DURATION", "the rule ends by itself after so long: 30m, 2h")                         \
	X(SECONDS, "seconds", 0, "N", "measure for so many seconds (20)")                                              \
	X(BUSY, "busy", 0, "N", "let N processes compute meanwhile, as on a busy machine")                             \
	X(URGENT, "urgent", 0, NULL, "and let them have the highest usual priority")                                   \
	X(COUNT, "count", 0, "N", "end after N packets")                                                               \
	X(TIMEOUT, "timeout", 0, "SECONDS", "end after so many seconds")                                               \
	X(WRITE, "write", 'w', "FILE", "where the packets go, - for standard output")                                  \
	X(SNAP, "snap", 0, "BYTES", "of each packet at most (2024)")

#define CLI_OPTION_ENUM(symbol, name, letter, argument, text) CLI_OPT_##symbol,
enum cli_option_id { CLI_OPTIONS(CLI_OPTION_ENUM) CLI_OPTION_COUNT };
#undef CLI_OPTION_ENUM

_Static_assert(CLI_OPTION_COUNT <= 64, "one bit each");

struct cli_option {
	const char *name;
	char letter;
	const char *argument; /* NULL: a switch */
	const char *text;
};

extern const struct cli_option cli_options[CLI_OPTION_COUNT];

#define CLI_BIT(option)    (UINT64_C(1) << (CLI_OPT_##option))
#define CLI_COMMON_OPTIONS (CLI_BIT(SOCKET) | CLI_BIT(JSON) | CLI_BIT(HELP))

/* Exit codes; scripts rely on them. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1,    /* the API said no, or answered what makes no sense */
	CLI_USAGE = 2,      /* the command line, or a file named on it */
	CLI_NO_CONNECT = 3, /* no kuafud to talk to, or no answer: whether a change was made is not known */
};

struct cli_args;

struct cli_command {
	const char *words;     /* "show pops" */
	const char *arguments; /* "FROM TO"; a name with … repeats, in [] it may be left out */
	unsigned min_words;    /* arguments beyond the words */
	unsigned max_words;
	uint64_t options;       /* CLI_BIT() of those it takes besides CLI_COMMON_OPTIONS */
	const char *text;       /* one line */
	const char *example[4]; /* without the program's name; NULL ends */
	enum cli_exit (*run)(const struct cli_args *args);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_n_commands;
