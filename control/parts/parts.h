/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of kuafud that join its libraries, and how they wake each other: a part that has news marks what is due,
 * and on the next turn of the loop everything due is worked off once, in the order of the flags. */
#pragma once

#include "control/api/view.h"
#include "control/balance/balance.h"
#include "control/base/log.h"
#include "control/cluster/keys.h"
#include "control/daemon.h"
#include "control/metrics/counters.h"

enum ctl_due {
	CTL_DUE_LINKS = 1,      /* the POPs have changed: links, probes, keys */
	CTL_DUE_POLICY = 2,     /* policies have changed, or a POP that they name */
	CTL_DUE_ROUTES = 4,     /* a link has changed: ask the route engine */
	CTL_DUE_FORWARDING = 8, /* accelerators or verdicts have changed */
	CTL_DUE_PUBLISH = 16,   /* others should hear of us now, not at the next second */
	CTL_DUE_CHECKS = 32,    /* the endpoints to check have changed */
	CTL_DUE_DISTANCES = 64, /* distances have changed a little: forwarding, if that makes another POP nearer */
};

/* What to tell of a store that lost its data; %u: how many keys. */
#define CTL_STORE_LOST_TEXT                                                                                            \
	"it has lost %u keys that nobody deleted; they still hold here until they are applied again or deleted"

#define CTL_LEFT_OUT_SIZE 160u /* of a line on what is left out, and why */

struct ctl_taken;

#define CTL_METER_WORKERS 64u

/* What counters of the data plane were when they were last read, and what has become of them: control/parts/load.c */
struct ctl_meter {
	uint64_t at_ns; /* CLOCK_MONOTONIC; 0: not yet */
	uint32_t pid;
	uint64_t busy_ns[CTL_METER_WORKERS];
	uint64_t tx_bytes[256]; /* by the link number of our addresses */
	uint64_t rx_bytes[256];
	struct ctl_pop_load load;
};

struct ctl_parts {
	uv_timer_t soon; /* work is due */
	unsigned due;    /* enum ctl_due */
	uv_timer_t route_wait;
	uv_timer_t measure;
	uv_timer_t publish;
	bool publishing;       /* a state is on its way to the store */
	bool publish_again;    /* and is old already */
	bool verdicts_changed; /* since they were published last */
	uint64_t verdicts_ns;  /* CLOCK_MONOTONIC, when they were; 0: not yet */
	bool registered;       /* so is, or was, our registration */
	bool ready;            /* the data plane is being told */
	uint64_t listed_ns;    /* when the store had been read; 0: not yet */
	bool kernel_dumped;    /* its routes have been read once */
	bool store_was_connected;
	bool store_refused;
	char vip_left_out[CTL_LEFT_OUT_SIZE];  /* the first that was, and why; empty: none */
	char rule_left_out[CTL_LEFT_OUT_SIZE]; /* the same of rules */
	unsigned links_left_out;               /* beyond the limit, when they were last listed */
	unsigned store_lost;                   /* keys, when it was last looked at */
	uint64_t dataplane_since_wall_ns;      /* connected or lost */
	struct ctl_secrets {
		unsigned n; /* the first one signs */
		struct ctl_secret secret[CTL_MAX_SECRETS];
	} secrets;
	unsigned ifindex[WIRE_CTL_MAX_PORTS]; /* to which the BPF programs are attached; 0: none */
	size_t n_ranks;
	uint16_t *rank;  /* control/parts/distances.c */
	unsigned n_dark; /* addresses that are the forwarder's alone: VIPs and NAT addresses */
	struct wire_addr *dark;
	size_t n_left_out;
	uint32_t *left_out;         /* ids of accelerators of which a VIP is, one for each VIP */
	struct ctl_taken *taken;    /* addresses that no VIP may be: control/parts/taken.c */
	struct ctl_change *changes; /* in order; the first is under way: control/parts/change.h */
	uv_timer_t change_wait;     /* before the first is tried again, or the next one begun */
	struct ctl_meter meter;
	struct ctl_api_view view;
	unsigned n_history;
	struct ctl_history **history;          /* control/parts/history.c */
	uint64_t rerouted[ROUTE_REASON_COUNT]; /* of routes, all in all */
	struct ctl_query *queries;             /* for flows and traces, under way */
	uint64_t last_query;
};

void ctl_due(struct ctl_daemon *d, unsigned due);

/* ---- each part: start returns 0, or -errno after logging why; stop may follow a start that failed, or none ---- */

int ctl_secret_start(struct ctl_daemon *d);
void ctl_secret_stop(struct ctl_daemon *d);
/* Reads them anew; after an error they stay. */
void ctl_secret_reload(struct ctl_daemon *d);
/* The overlay's keys for all POPs. */
void ctl_secret_tell_dataplane(struct ctl_daemon *d);
/* Of authenticated probes from one POP to another, and the replies to them. 0 or -EIO. */
int ctl_secret_stamp_keys(const struct ctl_daemon *d, uint16_t from, uint16_t to, struct probe_keys *ret_keys);

int ctl_ebpf_start(struct ctl_daemon *d);
void ctl_ebpf_stop(struct ctl_daemon *d);
/* Once a second: attaches to interfaces that are new under their names. */
void ctl_ebpf_follow(struct ctl_daemon *d);
/* Steers the dark addresses and forgets all others but our own. */
void ctl_ebpf_steer(struct ctl_daemon *d);

int ctl_routes_start(struct ctl_daemon *d);
void ctl_routes_stop(struct ctl_daemon *d);
void ctl_routes_policy(struct ctl_daemon *d); /* CTL_DUE_POLICY */
void ctl_routes_run(struct ctl_daemon *d);    /* CTL_DUE_ROUTES */

int ctl_client_start(struct ctl_daemon *d);
void ctl_client_stop(struct ctl_daemon *d);

int ctl_links_start(struct ctl_daemon *d);
void ctl_links_stop(struct ctl_daemon *d);
void ctl_links_rebuild(struct ctl_daemon *d); /* CTL_DUE_LINKS */
void ctl_links_flooded(struct ctl_daemon *d, const struct wire_ctl_link_state *state);
void ctl_links_reported(struct ctl_daemon *d, const struct ctl_pop *pop, uint64_t at_ns);
void ctl_links_dataplane_lost(struct ctl_daemon *d);
bool ctl_links_measured(const struct ctl_daemon *d); /* all of ours have an estimate */

/* Once a second: the data plane's counters. */
void ctl_traffic_read(struct ctl_daemon *d);
void ctl_load_read(struct ctl_daemon *d, const struct ctl_counters *counters);
/* Of a link, and of the POP that it leads to: 0..1, more where a capacity is told wrong. */
float ctl_load_of(const struct ctl_daemon *d, struct route_link_key key);
/* Of the packets that came on, and went by, a link of ours; nothing is known: zeroes. near_ns: probes/traffic.h. */
void ctl_traffic_came(const struct ctl_link *link, int64_t near_ns, struct probe_traffic_estimate *ret_estimate);
void ctl_traffic_went(const struct ctl_link *link, struct probe_traffic_estimate *ret_estimate);

int ctl_mirror_start(struct ctl_daemon *d);
void ctl_mirror_stop(struct ctl_daemon *d);

int ctl_checks_start(struct ctl_daemon *d);
void ctl_checks_stop(struct ctl_daemon *d);
void ctl_checks_set(struct ctl_daemon *d); /* the endpoints that we check have changed */
bool ctl_checks_are_ours(const struct ctl_daemon *d, const struct ctl_group *group);

/* Whether POPs are nearer than others that were not when it was last asked. */
bool ctl_distances_changed(struct ctl_daemon *d);

int ctl_taken_start(struct ctl_daemon *d);
void ctl_taken_stop(struct ctl_daemon *d);
void ctl_taken_free(struct ctl_taken *taken); /* once the loop has ended; NULL is allowed */
/* Whether what pop.yaml names has been looked up, with or without success, or for long enough. */
bool ctl_taken_known(const struct ctl_daemon *d);
/* Looks at the addresses of this machine's interfaces, which ctl_taken_by() knows from then on. */
void ctl_taken_look(struct ctl_daemon *d);
/* For what this POP needs the address itself, such as "in this POP's nat-pool": no VIP may be it. NULL: for nothing. */
const char *ctl_taken_by(const struct ctl_daemon *d, const struct wire_addr *address);

/* CTL_DUE_FORWARDING: what the data plane should hold of accelerators. */
void ctl_forwarding_update(struct ctl_daemon *d);
/* How our traffic for a listener is split; ret_share holds CTL_MAX_GROUPS rows. Returns how many. */
unsigned ctl_forwarding_shares(const struct ctl_daemon *d, const struct ctl_accelerator *a,
    const struct ctl_listener *listener, struct ctl_balance_share *ret_share);
/* What follows from pop.yaml alone: settings and NAT addresses. */
void ctl_forwarding_settings(struct ctl_daemon *d);

int ctl_watch_start(struct ctl_daemon *d);
void ctl_watch_stop(struct ctl_daemon *d);

int ctl_publish_start(struct ctl_daemon *d);
void ctl_publish_stop(struct ctl_daemon *d);
void ctl_publish_now(struct ctl_daemon *d); /* CTL_DUE_PUBLISH */
/* What the store holds as our verdicts; NULL: nothing. If they are not ours of now, ours go with the next state, and not
 * at once: two kuafud of one name would drive each other on. */
void ctl_publish_stored(struct ctl_daemon *d, const char *stored);

int ctl_api_part_start(struct ctl_daemon *d);
void ctl_api_part_stop(struct ctl_daemon *d);

/* What `route history` tells. */
void ctl_history_note(struct ctl_daemon *d, const struct route_change *change);
void ctl_history_free(struct ctl_daemon *d);

/* For timers of struct ctl_parts. */
void ctl_timer_start(struct ctl_daemon *d, uv_timer_t *timer, uv_timer_cb fn, uint64_t ms, uint64_t repeat_ms);

/* What a POP says of an endpoint. */
enum ctl_health_verdict ctl_pop_verdict(const struct ctl_daemon *d, const struct ctl_pop *pop, uint32_t endpoint);
/* By the first egress POP of its group that says anything; *ret_pop (may be NULL) is that one. */
enum ctl_health_verdict ctl_group_verdict(
    const struct ctl_daemon *d, const struct ctl_group *group, uint32_t endpoint, const struct ctl_pop **ret_pop);

/* Changes, as control/api/view.h wants them: d is the struct ctl_daemon. */
void ctl_change_apply(void *d, const struct ctl_api_documents *documents, ctl_api_done *done, void *to);
void ctl_change_delete(void *d, const char *kind, const char *name, ctl_api_done *done, void *to);
void ctl_change_drain(void *d, const char *kind, const char *name, bool drained, ctl_api_done *done, void *to);

void ctl_changes_stop(struct ctl_daemon *d);

/* Classes and rules of all policies for the engine, classes at the index that they have in *old. Rules that name
 * unknown POPs, or have expired, are left out; so are those that no path could follow, and ret_left_out, which holds
 * CTL_LEFT_OUT_SIZE bytes, says which is the first of them ("": none is). Pure. */
void ctl_policy_compile(const struct ctl_objects *objects, const struct ctl_cluster *cluster,
    const struct route_policy *old, uint64_t now_ns, uint64_t now_wall_ns, struct route_policy *ret_policy,
    char *ret_left_out);

/* One rule for the engine, without where it is written and its expiry. False: it names a POP that is not registered. */
bool ctl_policy_rule(const struct ctl_rule *rule, const struct ctl_cluster *cluster, struct route_rule *ret_rule);

/* Index of a class by name, for an accelerator if it has one of its own; -ENOENT. */
int ctl_policy_class(const struct route_policy *policy, const char *name, const char *accelerator);
