/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/command.h"

#include "tools/ctl/run.h"

#define OPTION_ROW(symbol, name, letter, argument, text) {name, letter, argument, text},
const struct cli_option cli_options[CLI_OPTION_COUNT] = {CLI_OPTIONS(OPTION_ROW)};

#define MANY   CLI_MAX_WORDS
#define FILTER "[FILTER...]" /* of packets */
#define FLOWS  "[FLOW-FILTER...]"
#define RULE                                                                                                           \
	(CLI_BIT(CLASS) | CLI_BIT(NAME) | CLI_BIT(ACCELERATOR) | CLI_BIT(FROM) | CLI_BIT(TO) | CLI_BIT(PIN) |          \
	    CLI_BIT(AVOID) | CLI_BIT(AVOID_REGION) | CLI_BIT(AVOID_PROVIDER) | CLI_BIT(AVOID_LINK) | CLI_BIT(PREFER) | \
	    CLI_BIT(PREFER_REGION) | CLI_BIT(PREFER_PROVIDER) | CLI_BIT(PREFER_LINK) | CLI_BIT(PREFER_BY) |            \
	    CLI_BIT(MAX_COST) | CLI_BIT(MAX_RTT) | CLI_BIT(FALLBACK) | CLI_BIT(EXPIRES))

const struct cli_command cli_commands[] = {
    {"show status", "", 0, 0, CLI_BIT(WATCH), "this POP, its data plane and its store", {"show status"}, cli_run_show},
    {"show pops", "", 0, 0, CLI_BIT(WATCH), "the cluster's POPs", {"show pops"}, cli_run_show},
    {"show links", "", 0, 0, CLI_BIT(WATCH), "links with delay, jitter and loss as measured now",
        {"show links", "show links --watch"}, cli_run_show},
    {"show routes", "", 0, 0, CLI_BIT(WATCH), "the path in use to every POP, and its backup",
        {"show routes", "show routes --json"}, cli_run_show},
    {"show accelerators", "", 0, 0, CLI_BIT(WATCH), "accelerators and their VIPs", {"show accelerators"}, cli_run_show},
    {"show listeners", "", 0, 0, CLI_BIT(WATCH), "listeners, and how traffic is shared among endpoint groups",
        {"show listeners"}, cli_run_show},
    {"show endpoints", "", 0, 0, CLI_BIT(WATCH), "endpoints and their health", {"show endpoints"}, cli_run_show},
    {"show flows", FLOWS, 0, MANY, CLI_BIT(WATCH) | CLI_BIT(LIMIT), "live flows of this POP",
        {"show flows 192.0.2.7 tcp :443 --limit 20", "show flows vip 203.0.113.10 state established",
            "show flows egress endpoint 198.51.100.10 pop sgp1"},
        cli_run_show},
    {"show drops", "", 0, 0, CLI_BIT(WATCH) | CLI_BIT(ALL), "packets not forwarded, by reason",
        {"show drops", "show drops --all"}, cli_run_show},
    {"show policies", "", 0, 0, CLI_BIT(WATCH), "route policies: classes and rules", {"show policies"}, cli_run_show},
    {"show traffic", "", 0, 0, CLI_BIT(WATCH), "what enters here, by VIP, endpoint and egress POP", {"show traffic"},
        cli_run_show},
    {"show last-mile", "", 0, 0, CLI_BIT(WATCH), "round trips to clients and endpoints, by prefix", {"show last-mile"},
        cli_run_show},
    {"show counters", "", 0, 0, CLI_BIT(WATCH), "the data plane's workers, journeys and links", {"show counters"},
        cli_run_show},
    {"route explain", "FROM TO", 2, 2, CLI_BIT(CLASS), "every path from POP to POP, its cost, and why it lost",
        {"route explain sgp1 fra1", "route explain sgp1 fra1 --class loss"}, cli_run_explain},
    {"route history", "FROM TO", 2, 2, CLI_BIT(CLASS), "what this POP's route to another was changed to, and why",
        {"route history sgp1 fra1", "route history sgp1 fra1 --class loss"}, cli_run_history},
    {"probe accuracy", "", 0, 0, CLI_BIT(SECONDS) | CLI_BIT(BUSY) | CLI_BIT(URGENT),
        "errors of eBPF's stamps and of a process's",
        {"probe accuracy", "probe accuracy --seconds 30 --busy 4 --urgent", "probe accuracy --json"}, cli_run_accuracy},
    {"apply", "", 0, 0, CLI_BIT(FILE), "apply YAML documents: all of them, or none",
        {"apply -f game.yaml", "apply -f pops.yaml -f game.yaml", "apply -f -"}, cli_run_apply},
    {"policy set", "[FILE]", 0, 1, RULE, "set a route policy: from a file, or one rule from options",
        {"policy set default.yaml", "policy set --name around-lax --from sgp1 --to fra1 --avoid lax1 --expires 2h",
            "policy set --name syd-lhr --from syd1 --to lhr1 --pin syd1,sin1,lhr1",
            "policy set --name thrift --class cost --prefer-provider peer --max-rtt 300ms --fallback direct"},
        cli_run_policy_set},
    {"policy unset", "NAME", 1, 1, 0, "remove a route policy", {"policy unset around-lax"}, cli_run_policy_unset},
    {"delete accelerator", "NAME", 1, 1, 0, "remove an accelerator: its VIPs are no longer served",
        {"delete accelerator game"}, cli_run_delete},
    {"delete pop", "NAME", 1, 1, 0, "forget a POP that will not come back", {"delete pop lax1"}, cli_run_delete},
    {"drain endpoint", "NAME", 1, 1, 0, "no new flow to an endpoint; the old ones stay",
        {"drain endpoint 198.51.100.10:8443", "drain endpoint game/198.51.100.10:8443"}, cli_run_drain},
    {"drain pop", "NAME", 1, 1, 0, "nothing is relayed through a POP any more", {"drain pop dxb1"}, cli_run_drain},
    {"undrain endpoint", "NAME", 1, 1, 0, "end an endpoint's drain", {"undrain endpoint 198.51.100.10:8443"},
        cli_run_undrain},
    {"undrain pop", "NAME", 1, 1, 0, "end a POP's drain", {"undrain pop dxb1"}, cli_run_undrain},
    {"trace", FILTER, 0, MANY, CLI_BIT(COUNT) | CLI_BIT(TIMEOUT), "what happens to packets, step by step",
        {"trace 192.0.2.7 tcp", "trace 203.0.113.10:443 --count 5", "trace --timeout 10 --json"}, cli_run_trace},
    {"capture", FILTER, 0, MANY, CLI_BIT(WRITE) | CLI_BIT(COUNT) | CLI_BIT(TIMEOUT) | CLI_BIT(SNAP),
        "copies of packets, in and out, as a pcapng file",
        {"capture 192.0.2.7 tcp -w game.pcapng", "capture -w - --timeout 10",
            "capture :443 --count 1000 --snap 128 -w heads.pcapng"},
        cli_run_capture},
};

const size_t cli_n_commands = sizeof(cli_commands) / sizeof(cli_commands[0]);
