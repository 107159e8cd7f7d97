/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/noun.h"

#include <string.h>

/* importance 0 columns stay on the narrowest terminal; the highest goes first */
#define L(heading, importance, min, path, format)                                                                      \
	{                                                                                                              \
		{heading, CLI_LEFT, importance, min}, path, CLI_##format                                               \
	}
#define R(heading, importance, path, format)                                                                           \
	{                                                                                                              \
		{heading, CLI_RIGHT, importance, 0}, path, CLI_##format                                                \
	}
#define END                                                                                                            \
	{                                                                                                              \
		{NULL, CLI_LEFT, 0, 0}, NULL, CLI_TEXT                                                                 \
	}

static const struct cli_field status[] = {
    L("POP", 0, 0, "pop", TEXT),
    L("id", 0, 0, "id", TEXT),
    L("region", 0, 0, "region", TEXT),
    L("version", 0, 0, "version", TEXT),
    L("kuafud pid", 0, 0, "pid", TEXT),
    L("running for", 0, 0, "started", SINCE),
    L("timestamps", 0, 0, "timestamps", STATE),
    L("  because", 0, 0, "timestamps_cause", TEXT),
    L("data plane", 0, 0, "dataplane.state", STATE),
    L("  pid", 0, 0, "dataplane.pid", TEXT),
    L("  workers", 0, 0, "dataplane.workers", TEXT),
    L("  generation", 0, 0, "dataplane.generation", TEXT),
    L("  since", 0, 0, "dataplane.since", SINCE),
    L("store", 0, 0, "store.state", STATE),
    L("  url", 0, 0, "store.url", TEXT),
    L("  because", 0, 0, "store.cause", TEXT),
    L("  answered", 0, 0, "store.age_ms", AGE),
    END,
};

static const struct cli_field pops[] = {
    L("NAME", 0, 0, "name", TEXT),
    R("ID", 3, "id", TEXT),
    L("REGION", 2, 6, "region", TEXT),
    R("LINKS", 1, "links", TEXT),
    R("UP", 0, "links_up", TEXT),
    L("SELF", 3, 0, "self", YES),
    L("DRAINED", 0, 0, "drained", YES),
    R("BUSY %", 2, "busy", PERCENT),
    R("HEARD", 1, "age_ms", AGE),
    END,
};

static const struct cli_field links[] = {
    L("FROM", 0, 0, "from", TEXT),
    L("TO", 0, 0, "to", TEXT),
    R("OURS", 0, "local_link", TEXT),
    R("THEIRS", 2, "remote_link", TEXT),
    L("STATE", 0, 0, "state", STATE),
    L("CAUSE", 2, 0, "cause", TEXT),
    R("RTT ms", 0, "rtt_ms", MS),
    R("P99 ms", 5, "rtt_p99_ms", MS),
    R("ONE-WAY ms", 3, "owd_ms", MS),
    R("JITTER ms", 3, "jitter_ms", MS),
    R("PROBES ms", 6, "probe_owd_ms", MS),
    R("PACKETS ms", 6, "traffic_owd_ms", MS),
    R("LOSS %", 0, "loss", PERCENT),
    R("FROM %", 6, "loss_low", PERCENT),
    R("TO %", 6, "loss_high", PERCENT),
    R("PROBES %", 5, "probe_loss", PERCENT),
    R("PACKETS %", 5, "traffic_loss", PERCENT),
    R("PACKETS", 6, "traffic_packets", TEXT),
    R("BACK %", 5, "loss_return", PERCENT),
    R("DOUBT ms", 6, "doubt_ms", MS),
    R("LOAD %", 3, "load", PERCENT),
    L("PROVIDER", 7, 6, "provider", TEXT),
    L("ADDRESS", 8, 7, "local_address", TEXT),
    L("REMOTE", 8, 7, "remote_address", TEXT),
    R("MTU", 7, "mtu", TEXT),
    L("SEARCH", 8, 0, "mtu_state", TEXT),
    L("STAMPS", 1, 0, "timestamps", STATE),
    R("SINCE", 4, "since", SINCE),
    R("AGE", 4, "age_ms", AGE),
    END,
};

static const struct cli_field routes[] = {
    L("FROM", 0, 0, "from", TEXT),
    L("TO", 0, 0, "to", TEXT),
    L("CLASS", 1, 5, "class", TEXT),
    L("ACTIVE", 0, 0, "active", STATE),
    L("PRIMARY", 0, 12, "primary.path", PATH),
    R("COST ms", 2, "primary.cost_ms", MS),
    L("BACKUP", 3, 12, "backup.path", PATH),
    R("COST ms", 4, "backup.cost_ms", MS),
    R("DIRECT ms", 3, "direct.cost_ms", MS),
    R("MTU", 6, "primary.mtu", TEXT),
    L("REASON", 5, 0, "reason", TEXT),
    R("SINCE", 4, "since", SINCE),
    END,
};

static const struct cli_field accelerators[] = {
    L("NAME", 0, 6, "name", TEXT),
    R("ID", 3, "id", TEXT),
    L("VIPS", 0, 12, "vips", LIST),
    R("LISTENERS", 2, "listeners", TEXT),
    R("ENDPOINTS", 2, "endpoints", TEXT),
    R("UP", 1, "endpoints_up", TEXT),
    L("STATE", 0, 0, "state", STATE),
    END,
};

static const struct cli_field listeners[] = {
    L("ACCELERATOR", 0, 6, "^accelerator", TEXT),
    L("LISTENER", 0, 6, "^name", TEXT),
    L("PROTOCOL", 1, 0, "^protocol", TEXT),
    L("PORTS", 0, 6, "^ports", LIST),
    L("CLASS", 2, 5, "^class", TEXT),
    L("AFFINITY", 5, 0, "^affinity", TEXT),
    L("CLIENT-IP", 5, 0, "^client_ip", TEXT),
    L("GROUP", 0, 6, "region", TEXT),
    L("EGRESS", 1, 0, "egress", TEXT),
    R("DIAL %", 3, "dial", TEXT),
    R("SHARE %", 2, "share", PERCENT),
    R("ENDPOINTS", 4, "endpoints", TEXT),
    R("UP", 1, "endpoints_up", TEXT),
    END,
};

static const struct cli_field endpoints[] = {
    L("ACCELERATOR", 2, 6, "accelerator", TEXT),
    L("LISTENER", 2, 6, "listener", TEXT),
    L("GROUP", 1, 6, "group", TEXT),
    L("ENDPOINT", 0, 0, "name", TEXT),
    R("WEIGHT", 3, "weight", TEXT),
    L("MODE", 4, 0, "mode", TEXT),
    L("STATE", 0, 0, "state", STATE),
    L("HEALTH", 1, 0, "health", STATE),
    L("CAUSE", 3, 8, "cause", TEXT),
    L("BY", 4, 0, "checked_by", TEXT),
    R("SINCE", 4, "since", SINCE),
    R("AGE", 5, "age_ms", AGE),
    END,
};

static const struct cli_field flows[] = {
    L("ROLE", 2, 0, "role", TEXT),
    L("PROTO", 0, 0, "protocol", TEXT),
    L("CLIENT", 0, 0, "client", TEXT),
    L("VIP", 1, 0, "vip", TEXT),
    L("ENDPOINT", 0, 0, "endpoint", TEXT),
    L("NAT", 3, 0, "nat", TEXT),
    L("STATE", 1, 0, "state", TEXT),
    L("CLASS", 4, 5, "class", TEXT),
    L("INGRESS", 3, 0, "ingress", TEXT),
    L("EGRESS", 3, 0, "egress", TEXT),
    R("IDLE", 2, "idle_ms", AGE),
    R("WORKER", 5, "worker", TEXT),
    END,
};

static const struct cli_field drops[] = {
    L("REASON", 0, 0, "reason", TEXT),
    R("PACKETS", 0, "packets", TEXT),
    L("WHAT IT MEANS", 1, 20, "text", TEXT),
    END,
};

static const struct cli_field policy_classes[] = {
    L("POLICY", 1, 6, "^name", TEXT),
    L("CLASS", 0, 6, "name", TEXT),
    L("OBJECTIVE", 0, 0, "objective", TEXT),
    R("LOSS ms/%", 2, "loss_penalty_ms", MS),
    R("JITTER x", 2, "jitter_penalty", TEXT),
    R("MAX RELAYS", 1, "max_relays", TEXT),
    R("BETTER BY %", 2, "better_by", PERCENT),
    R("AND BY ms", 2, "and_by_ms", MS),
    END,
};

static const struct cli_field policy_rules[] = {
    L("POLICY", 0, 6, "^name", TEXT),
    L("ACCELERATOR", 1, 6, "accelerator", TEXT),
    L("CLASS", 1, 5, "class", TEXT),
    L("FROM", 0, 0, "from", TEXT),
    L("TO", 0, 0, "to", TEXT),
    L("RULE", 0, 20, "text", TEXT),
    R("EXPIRES IN", 1, "expires", UNTIL),
    END,
};

static const struct cli_field workers[] = {
    R("WORKER", 0, "worker", TEXT),
    R("LAST PASS", 0, "heartbeat_age_ms", AGE),
    R("FLOWS", 0, "flows", TEXT),
    R("OF", 1, "flow_capacity", TEXT),
    R("NAT FLOWS", 0, "nat_flows", TEXT),
    R("OF", 1, "nat_capacity", TEXT),
    R("NEW", 2, "counters.flows-new", TEXT),
    R("EXPIRED", 2, "counters.flows-expired", TEXT),
    R("UNSTORED", 3, "counters.flows-unstored", TEXT),
    R("ON BACKUP", 2, "counters.on-backup", TEXT),
    R("HANDED OVER", 4, "counters.handed-over", TEXT),
    R("MSS CLAMPED", 5, "counters.mss-clamped", TEXT),
    R("CLIENT UNTOLD", 6, "counters.client-untold", TEXT),
    R("SLEEPS", 5, "counters.sleeps", TEXT),
    END,
};

static const struct cli_field journeys[] = {
    R("WORKER", 0, "^worker", TEXT),
    L("JOURNEY", 0, 0, "@key", TEXT),
    R("PACKETS", 0, "packets", TEXT),
    R("BYTES", 0, "bytes", BYTES),
    END,
};

static const struct cli_field link_counters[] = {
    L("FROM", 1, 0, "from", TEXT),
    L("TO", 0, 0, "to", TEXT),
    R("OURS", 0, "local_link", TEXT),
    R("THEIRS", 1, "remote_link", TEXT),
    R("SENT", 0, "tx_packets", TEXT),
    R("BYTES", 2, "tx_bytes", BYTES),
    R("RECEIVED", 0, "rx_packets", TEXT),
    R("BYTES", 2, "rx_bytes", BYTES),
    R("LOST", 0, "rx_lost", TEXT),
    R("KEEPALIVE ms", 2, "keepalive_rtt_ms", MS),
    END,
};

static const struct cli_field traffic[] = {
    L("VIP", 0, 0, "vip", TEXT),
    L("ACCELERATOR", 4, 6, "accelerator", TEXT),
    L("LISTENER", 1, 6, "listener", TEXT),
    L("GROUP", 5, 6, "group", TEXT),
    L("ENDPOINT", 0, 0, "endpoint", TEXT),
    L("EGRESS", 0, 0, "egress", TEXT),
    R("FLOWS", 1, "flows", TEXT),
    R("IN", 2, "packets_in", TEXT),
    R("BYTES", 0, "bytes_in", BYTES),
    R("OUT", 2, "packets_out", TEXT),
    R("BYTES", 0, "bytes_out", BYTES),
    END,
};

static const struct cli_field last_mile[] = {
    L("SIDE", 0, 0, "side", TEXT),
    L("PREFIX", 0, 0, "prefix", TEXT),
    R("RTT ms", 0, "rtt_ms", MS),
    R("P50 ms", 2, "rtt_p50_ms", MS),
    R("P95 ms", 1, "rtt_p95_ms", MS),
    R("HANDSHAKES", 0, "handshakes", TEXT),
    R("LAST", 1, "age_ms", AGE),
    END,
};

static const struct cli_field candidates[] = {
    L("PATH", 0, 12, "path", PATH),
    L("VERDICT", 0, 0, "verdict", STATE),
    R("COST ms", 0, "cost_ms", MS),
    R("DELAY", 1, "terms.delay_ms", MS),
    R("DRIFT", 4, "terms.drift_ms", MS),
    R("LOSS", 1, "terms.loss_ms", MS),
    R("JITTER", 2, "terms.jitter_ms", MS),
    R("MONEY", 4, "terms.money_ms", MS),
    R("LOAD", 3, "terms.load_ms", MS),
    R("RELAY", 3, "terms.relay_ms", MS),
    R("RULE", 4, "terms.rule_ms", MS),
    R("EVIDENCE", 4, "evidence_ms", MS),
    R("RTT ms", 3, "rtt_ms", MS),
    L("WHY", 2, 16, "why", TEXT),
    L("WHEN", 2, 16, "when", TEXT),
    L("LINK", 5, 0, "blame", TEXT),
    END,
};

static const struct cli_field accuracy[] = {
    L("FROM", 0, 0, "from", TEXT),
    L("TO", 0, 0, "to", TEXT),
    R("OURS", 3, "local_link", TEXT),
    R("THEIRS", 3, "remote_link", TEXT),
    R("PROBES", 0, "samples", TEXT),
    R("SHORTEST us", 1, "rtt_min_ms", US),
    R("EBPF P50 us", 2, "ebpf.p50_ms", US),
    R("P99 us", 0, "ebpf.p99_ms", US),
    R("MAX us", 4, "ebpf.max_ms", US),
    R("USER P50 us", 2, "user.p50_ms", US),
    R("P99 us", 0, "user.p99_ms", US),
    R("MAX us", 4, "user.max_ms", US),
    R("BETTER", 0, "times", TIMES),
    L("REACHED", 0, 0, "reached", YES),
    END,
};

const struct cli_noun cli_accuracy = {"accuracy", "/v1/accuracy", {{NULL, "accuracy", NULL, false, accuracy}}};

static const struct cli_field past[] = {
    L("AGO", 0, 0, "at", SINCE),
    L("CLASS", 1, 5, "class", TEXT),
    L("PATH", 0, 12, "primary.path", PATH),
    R("COST ms", 0, "primary.cost_ms", MS),
    L("REASON", 0, 0, "reason", TEXT),
    L("BACKUP", 1, 12, "backup.path", PATH),
    L("WHY", 2, 16, "why", TEXT),
    END,
};

const struct cli_noun cli_history = {"history", "/v1/routes/history", {{NULL, "history", NULL, false, past}}};

const struct cli_noun cli_explanation = {
    "candidates", "/v1/routes/explain", {{NULL, "candidates", NULL, false, candidates}}};

const struct cli_noun cli_nouns[] = {
    {"status", "/v1/status", {{NULL, NULL, NULL, true, status}}},
    {"pops", "/v1/pops", {{NULL, "pops", NULL, false, pops}}},
    {"links", "/v1/links", {{NULL, "links", NULL, false, links}}},
    {"routes", "/v1/routes", {{NULL, "routes", NULL, false, routes}}},
    {"accelerators", "/v1/accelerators", {{NULL, "accelerators", NULL, false, accelerators}}},
    {"listeners", "/v1/listeners", {{NULL, "listeners", "groups", false, listeners}}},
    {"endpoints", "/v1/endpoints", {{NULL, "endpoints", NULL, false, endpoints}}},
    {"flows", "/v1/flows", {{NULL, "flows", NULL, false, flows}}},
    {"drops", "/v1/drops", {{NULL, "drops", NULL, false, drops}}},
    {"policies", "/v1/policies",
        {{"classes", "policies", "classes", false, policy_classes},
            {"rules", "policies", "rules", false, policy_rules}}},
    {"traffic", "/v1/traffic", {{NULL, "traffic", NULL, false, traffic}}},
    {"last-mile", "/v1/last-mile", {{NULL, "last_mile", NULL, false, last_mile}}},
    {"counters", "/v1/counters",
        {{"workers", "workers", NULL, false, workers}, {"journeys", "workers", "journeys", false, journeys},
            {"links", "links", NULL, false, link_counters}}},
};

const size_t cli_n_nouns = sizeof(cli_nouns) / sizeof(cli_nouns[0]);

const struct cli_noun *cli_noun_find(const char *name)
{
	for (size_t i = 0; i < cli_n_nouns; i++) {
		if (strcmp(cli_nouns[i].name, name) == 0)
			return &cli_nouns[i];
	}
	return NULL;
}
