/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON of every row in view.h, one table each. docs/kuafu-api.7 explains each field, and a test compares. */
#include "control/api/fields.h"

#include "control/api/view.h"

#define FIELD(TYPE, name, row, member)                                                                                 \
	{                                                                                                              \
		name, CTL_API_##TYPE, offsetof(struct row, member), 0, 0, NULL                                         \
	}
#define STRINGS(name, row, member, count)                                                                              \
	{                                                                                                              \
		name, CTL_API_STRINGS, offsetof(struct row, member), offsetof(struct row, count), 0, NULL              \
	}
#define INSIDE(name, row, member, table)                                                                               \
	{                                                                                                              \
		name, CTL_API_INSIDE, offsetof(struct row, member), 0, 0, table                                        \
	}
#define POINTER(name, row, member, table)                                                                              \
	{                                                                                                              \
		name, CTL_API_POINTER, offsetof(struct row, member), 0, 0, table                                       \
	}
#define ARRAY(name, row, member, count, table)                                                                         \
	{                                                                                                              \
		name, CTL_API_ARRAY, offsetof(struct row, member), offsetof(struct row, count),                        \
		    sizeof(*((struct row *)NULL)->member), table                                                       \
	}
#define END                                                                                                            \
	{                                                                                                              \
		NULL, CTL_API_STRING, 0, 0, 0, NULL                                                                    \
	}

static const struct ctl_api_field dataplane_fields[] = {
    FIELD(STRING, "state", ctl_api_dataplane, state),
    FIELD(U32, "pid", ctl_api_dataplane, pid),
    FIELD(U32, "workers", ctl_api_dataplane, workers),
    FIELD(U64, "generation", ctl_api_dataplane, generation),
    FIELD(TIME, "since", ctl_api_dataplane, since_ns),
    END,
};

static const struct ctl_api_field store_fields[] = {
    FIELD(STRING, "url", ctl_api_store, url),
    FIELD(STRING, "state", ctl_api_store, state),
    FIELD(STRING, "cause", ctl_api_store, cause),
    FIELD(MS, "age_ms", ctl_api_store, age_ns),
    END,
};

static const struct ctl_api_field strangers_fields[] = {
    FIELD(U64, "answered", ctl_api_strangers, answered),
    FIELD(U64, "refused", ctl_api_strangers, refused),
    END,
};

const struct ctl_api_field ctl_api_status_fields[] = {
    FIELD(STRING, "pop", ctl_api_status, pop),
    FIELD(U16, "id", ctl_api_status, id),
    FIELD(STRING, "region", ctl_api_status, region),
    FIELD(STRING, "version", ctl_api_status, version),
    FIELD(U32, "pid", ctl_api_status, pid),
    FIELD(TIME, "started", ctl_api_status, started_ns),
    FIELD(STRING, "timestamps", ctl_api_status, timestamps),
    FIELD(STRING, "timestamps_cause", ctl_api_status, timestamps_cause),
    INSIDE("dataplane", ctl_api_status, dataplane, dataplane_fields),
    INSIDE("store", ctl_api_status, store, store_fields),
    INSIDE("strangers", ctl_api_status, strangers, strangers_fields),
    END,
};

const struct ctl_api_field ctl_api_pop_fields[] = {
    FIELD(STRING, "name", ctl_api_pop, name),
    FIELD(U16, "id", ctl_api_pop, id),
    FIELD(STRING, "region", ctl_api_pop, region),
    FIELD(BOOL, "self", ctl_api_pop, self),
    FIELD(BOOL, "drained", ctl_api_pop, drained),
    FIELD(U32, "links", ctl_api_pop, links),
    FIELD(U32, "links_up", ctl_api_pop, links_up),
    FIELD(REAL, "busy", ctl_api_pop, busy),
    FIELD(MS, "age_ms", ctl_api_pop, age_ns),
    END,
};

static const struct ctl_api_field refused_fields[] = {
    FIELD(U64, "short", ctl_api_refused, too_short),
    FIELD(U64, "forged", ctl_api_refused, forged),
    FIELD(U64, "unauthenticated", ctl_api_refused, unauthenticated),
    FIELD(U64, "replayed", ctl_api_refused, replayed),
    FIELD(U64, "crowded", ctl_api_refused, crowded),
    END,
};

static const struct ctl_api_field stamp_error_fields[] = {
    FIELD(MS, "p50_ms", ctl_api_stamp_error, p50_ns),
    FIELD(MS, "p99_ms", ctl_api_stamp_error, p99_ns),
    FIELD(MS, "max_ms", ctl_api_stamp_error, max_ns),
    END,
};

const struct ctl_api_field ctl_api_accuracy_fields[] = {
    FIELD(STRING, "from", ctl_api_accuracy, from),
    FIELD(STRING, "to", ctl_api_accuracy, to),
    FIELD(U8, "local_link", ctl_api_accuracy, local_link),
    FIELD(U8, "remote_link", ctl_api_accuracy, remote_link),
    FIELD(U32, "samples", ctl_api_accuracy, samples),
    FIELD(MS, "rtt_min_ms", ctl_api_accuracy, rtt_min_ns),
    INSIDE("ebpf", ctl_api_accuracy, ebpf, stamp_error_fields),
    INSIDE("user", ctl_api_accuracy, user, stamp_error_fields),
    FIELD(REAL, "times", ctl_api_accuracy, times),
    FIELD(BOOL, "reached", ctl_api_accuracy, reached),
    END,
};

const struct ctl_api_field ctl_api_link_fields[] = {
    FIELD(STRING, "from", ctl_api_link, from),
    FIELD(STRING, "to", ctl_api_link, to),
    FIELD(U8, "local_link", ctl_api_link, local_link),
    FIELD(U8, "remote_link", ctl_api_link, remote_link),
    FIELD(STRING, "local_address", ctl_api_link, local_address),
    FIELD(STRING, "remote_address", ctl_api_link, remote_address),
    FIELD(STRING, "provider", ctl_api_link, provider),
    FIELD(BOOL, "own", ctl_api_link, own),
    FIELD(U32, "id", ctl_api_link, id),
    FIELD(U16, "mtu", ctl_api_link, mtu),
    FIELD(STRING, "mtu_state", ctl_api_link, mtu_state),
    FIELD(STRING, "state", ctl_api_link, state),
    FIELD(STRING, "cause", ctl_api_link, cause),
    FIELD(TIME, "since", ctl_api_link, since_ns),
    FIELD(MS, "rtt_ms", ctl_api_link, rtt_ns),
    FIELD(MS, "rtt_p99_ms", ctl_api_link, rtt_p99_ns),
    FIELD(MS, "owd_ms", ctl_api_link, owd_ns),
    FIELD(MS, "probe_owd_ms", ctl_api_link, probe_owd_ns),
    FIELD(MS, "traffic_owd_ms", ctl_api_link, traffic_owd_ns),
    FIELD(MS, "jitter_ms", ctl_api_link, jitter_ns),
    FIELD(REAL, "loss", ctl_api_link, loss),
    FIELD(REAL, "loss_low", ctl_api_link, loss_low),
    FIELD(REAL, "loss_high", ctl_api_link, loss_high),
    FIELD(REAL, "probe_loss", ctl_api_link, probe_loss),
    FIELD(REAL, "traffic_loss", ctl_api_link, traffic_loss),
    FIELD(U64, "traffic_packets", ctl_api_link, traffic_packets),
    FIELD(REAL, "loss_return", ctl_api_link, loss_return),
    FIELD(MS, "doubt_ms", ctl_api_link, doubt_ns),
    FIELD(REAL, "load", ctl_api_link, load),
    FIELD(STRING, "timestamps", ctl_api_link, timestamps),
    FIELD(MS, "age_ms", ctl_api_link, age_ns),
    FIELD(BOOL, "authenticated", ctl_api_link, authenticated),
    FIELD(U64, "ignored", ctl_api_link, ignored),
    INSIDE("refused", ctl_api_link, refused, refused_fields),
    END,
};

static const struct ctl_api_field path_fields[] = {
    STRINGS("path", ctl_api_path, pop, n_pop),
    FIELD(MS, "cost_ms", ctl_api_path, cost_ns),
    FIELD(U32, "mtu", ctl_api_path, mtu),
    END,
};

const struct ctl_api_field ctl_api_route_fields[] = {
    FIELD(STRING, "from", ctl_api_route, from),
    FIELD(STRING, "to", ctl_api_route, to),
    FIELD(STRING, "class", ctl_api_route, class),
    POINTER("primary", ctl_api_route, primary, path_fields),
    POINTER("backup", ctl_api_route, backup, path_fields),
    POINTER("direct", ctl_api_route, direct, path_fields),
    FIELD(STRING, "active", ctl_api_route, active),
    FIELD(STRING, "reason", ctl_api_route, reason),
    FIELD(TIME, "since", ctl_api_route, since_ns),
    END,
};

static const struct ctl_api_field candidate_fields[] = {
    STRINGS("path", ctl_api_candidate, pop, n_pop),
    FIELD(MS, "cost_ms", ctl_api_candidate, cost_ns),
    FIELD(MS, "rtt_ms", ctl_api_candidate, rtt_ns),
    {"terms", CTL_API_COST_MAP, offsetof(struct ctl_api_candidate, term), offsetof(struct ctl_api_candidate, n_term), 0,
        NULL},
    FIELD(STRING, "verdict", ctl_api_candidate, verdict),
    FIELD(STRING, "why", ctl_api_candidate, why),
    FIELD(STRING, "blame", ctl_api_candidate, blame),
    FIELD(MS, "evidence_ms", ctl_api_candidate, evidence_ns),
    FIELD(STRING, "when", ctl_api_candidate, when),
    END,
};

const struct ctl_api_field ctl_api_explanation_fields[] = {
    FIELD(STRING, "from", ctl_api_explanation, from),
    FIELD(STRING, "to", ctl_api_explanation, to),
    FIELD(STRING, "class", ctl_api_explanation, class),
    FIELD(STRING, "rule", ctl_api_explanation, rule),
    FIELD(STRING, "reason", ctl_api_explanation, reason),
    FIELD(TIME, "since", ctl_api_explanation, since_ns),
    FIELD(MS, "must_beat_ms", ctl_api_explanation, must_beat_ns),
    FIELD(TIME, "waiting_since", ctl_api_explanation, waiting_since_ns),
    FIELD(MS, "settle_ms", ctl_api_explanation, settle_ns),
    FIELD(TIME, "worse_since", ctl_api_explanation, worse_since_ns),
    FIELD(TIME, "distrusts_until", ctl_api_explanation, distrusts_until_ns),
    FIELD(U32, "returns", ctl_api_explanation, returns),
    FIELD(U32, "considered", ctl_api_explanation, considered),
    ARRAY("candidates", ctl_api_explanation, candidate, n_candidate, candidate_fields),
    END,
};

const struct ctl_api_field ctl_api_past_fields[] = {
    FIELD(TIME, "at", ctl_api_past, at_ns),
    FIELD(STRING, "class", ctl_api_past, class),
    FIELD(STRING, "reason", ctl_api_past, reason),
    FIELD(STRING, "why", ctl_api_past, why),
    POINTER("primary", ctl_api_past, primary, path_fields),
    POINTER("backup", ctl_api_past, backup, path_fields),
    END,
};

const struct ctl_api_field ctl_api_accelerator_fields[] = {
    FIELD(STRING, "name", ctl_api_accelerator, name),
    FIELD(U32, "id", ctl_api_accelerator, id),
    STRINGS("vips", ctl_api_accelerator, vip, n_vip),
    FIELD(U32, "listeners", ctl_api_accelerator, listeners),
    FIELD(U32, "endpoints", ctl_api_accelerator, endpoints),
    FIELD(U32, "endpoints_up", ctl_api_accelerator, endpoints_up),
    FIELD(STRING, "state", ctl_api_accelerator, state),
    END,
};

static const struct ctl_api_field group_fields[] = {
    FIELD(STRING, "region", ctl_api_group, region),
    FIELD(STRING, "egress", ctl_api_group, egress),
    FIELD(U32, "dial", ctl_api_group, dial),
    FIELD(REAL, "share", ctl_api_group, share),
    FIELD(U32, "endpoints", ctl_api_group, endpoints),
    FIELD(U32, "endpoints_up", ctl_api_group, endpoints_up),
    END,
};

const struct ctl_api_field ctl_api_listener_fields[] = {
    FIELD(STRING, "accelerator", ctl_api_listener, accelerator),
    FIELD(STRING, "name", ctl_api_listener, name),
    FIELD(STRING, "protocol", ctl_api_listener, protocol),
    STRINGS("ports", ctl_api_listener, port, n_port),
    FIELD(STRING, "class", ctl_api_listener, class),
    FIELD(STRING, "affinity", ctl_api_listener, affinity),
    FIELD(STRING, "client_ip", ctl_api_listener, client_ip),
    ARRAY("groups", ctl_api_listener, group, n_group, group_fields),
    END,
};

const struct ctl_api_field ctl_api_endpoint_fields[] = {
    FIELD(STRING, "accelerator", ctl_api_endpoint, accelerator),
    FIELD(STRING, "listener", ctl_api_endpoint, listener),
    FIELD(STRING, "group", ctl_api_endpoint, group),
    FIELD(STRING, "name", ctl_api_endpoint, name),
    FIELD(U32, "id", ctl_api_endpoint, id),
    FIELD(U32, "weight", ctl_api_endpoint, weight),
    FIELD(STRING, "mode", ctl_api_endpoint, mode),
    FIELD(STRING, "state", ctl_api_endpoint, state),
    FIELD(BOOL, "drained", ctl_api_endpoint, drained),
    FIELD(STRING, "health", ctl_api_endpoint, health),
    FIELD(STRING, "cause", ctl_api_endpoint, cause),
    FIELD(STRING, "checked_by", ctl_api_endpoint, checked_by),
    FIELD(TIME, "since", ctl_api_endpoint, since_ns),
    FIELD(MS, "age_ms", ctl_api_endpoint, age_ns),
    END,
};

static const struct ctl_api_field class_fields[] = {
    FIELD(STRING, "name", ctl_api_class, name),
    FIELD(STRING, "objective", ctl_api_class, objective),
    FIELD(MS, "loss_penalty_ms", ctl_api_class, loss_penalty_ns),
    FIELD(REAL, "jitter_penalty", ctl_api_class, jitter_penalty),
    FIELD(U32, "max_relays", ctl_api_class, max_relays),
    FIELD(REAL, "better_by", ctl_api_class, better_by),
    FIELD(MS, "and_by_ms", ctl_api_class, and_by_ns),
    END,
};

static const struct ctl_api_field rule_fields[] = {
    FIELD(STRING, "accelerator", ctl_api_rule, accelerator),
    FIELD(STRING, "class", ctl_api_rule, class),
    FIELD(STRING, "from", ctl_api_rule, from),
    FIELD(STRING, "to", ctl_api_rule, to),
    STRINGS("pin", ctl_api_rule, pin, n_pin),
    STRINGS("avoid_pops", ctl_api_rule, avoid_pop, n_avoid_pop),
    STRINGS("avoid_providers", ctl_api_rule, avoid_provider, n_avoid_provider),
    FIELD(STRING, "text", ctl_api_rule, text),
    FIELD(TIME, "expires", ctl_api_rule, expires_at_ns),
    END,
};

const struct ctl_api_field ctl_api_policy_fields[] = {
    FIELD(STRING, "name", ctl_api_policy, name),
    ARRAY("classes", ctl_api_policy, class, n_class, class_fields),
    ARRAY("rules", ctl_api_policy, rule, n_rule, rule_fields),
    END,
};

const struct ctl_api_field ctl_api_applied_fields[] = {
    FIELD(STRING, "kind", ctl_api_applied, kind),
    FIELD(STRING, "name", ctl_api_applied, name),
    FIELD(STRING, "change", ctl_api_applied, change),
    END,
};

const struct ctl_api_field ctl_api_stale_fields[] = {
    FIELD(STRING, "source", ctl_api_stale, source),
    FIELD(STRING, "name", ctl_api_stale, name),
    FIELD(STRING, "cause", ctl_api_stale, cause),
    FIELD(MS, "age_ms", ctl_api_stale, age_ns),
    END,
};
