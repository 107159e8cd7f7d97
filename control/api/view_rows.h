/* SPDX-License-Identifier: BSD-2-Clause */
/* What the API shows: one plain struct for each kind of row.
 *
 * Strings and arrays belong to the daemon and are read only during the call that shows them. Times are CLOCK_REALTIME in
 * ns, 0: never. Durations are in ns, CTL_API_NO_NS: not known. Fractions are 0..1, NaN: not known. The meaning of each
 * field, and its JSON name and unit, is in docs/kuafu-api.7. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_API_NO_NS INT64_MIN

struct ctl_api_dataplane {
	const char *state; /* absent | resyncing | connected */
	uint32_t pid;
	uint32_t workers;
	uint64_t generation; /* the last one that every worker has taken */
	uint64_t since_ns;
};

struct ctl_api_store {
	const char *url;
	const char *state; /* ok | silent | read-only: it answers, but takes no change */
	const char *cause; /* the last error while not ok, else NULL */
	int64_t age_ns;    /* since it last answered */
};

struct ctl_api_strangers { /* probes from addresses that are no link's other end */
	uint64_t answered;
	uint64_t refused;
};

struct ctl_api_status {
	const char *pop;
	const char *region;
	const char *version;
	uint16_t id;
	uint32_t pid;
	uint64_t started_ns;
	const char *timestamps;       /* ebpf | user */
	const char *timestamps_cause; /* why not ebpf, else NULL */
	struct ctl_api_dataplane dataplane;
	struct ctl_api_store store;
	struct ctl_api_strangers strangers;
};

/* One of a family of counters. */
struct ctl_api_count {
	const char *name;
	uint64_t value;
};

struct ctl_api_pop {
	const char *name;
	const char *region;
	uint16_t id;
	bool self;
	bool drained;
	uint32_t links; /* from here to it; of ourselves: all */
	uint32_t links_up;
	double busy;    /* of its busiest worker's time */
	int64_t age_ns; /* since its last measurements arrived */
};

struct ctl_api_refused { /* probes and replies that were neither answered nor believed: probes/sessions.h */
	uint64_t too_short;
	uint64_t forged;
	uint64_t unauthenticated;
	uint64_t replayed;
	uint64_t crowded;
};

struct ctl_api_link {
	const char *from;
	const char *to;
	const char *local_address;
	const char *remote_address;
	const char *provider;
	uint32_t id; /* in wire_ctl_link; 0 with own false: unknown to our data plane */
	bool own;    /* one of this POP's */
	uint8_t local_link;
	uint8_t remote_link;
	uint16_t mtu;          /* in use: what was found, of what is configured */
	const char *mtu_state; /* base | searching | complete; of others' links complete or NULL */
	const char *state;     /* up | down */
	const char *cause;     /* none | stamp | keepalive | remote | admin */
	uint64_t since_ns;
	int64_t rtt_ns;
	int64_t rtt_p99_ns;
	int64_t owd_ns; /* from -> to, up to the constant offset of the two clocks: all evidence weighed */
	int64_t probe_owd_ns;
	int64_t traffic_owd_ns;
	int64_t jitter_ns;
	double loss;     /* from -> to: all evidence weighed */
	double loss_low; /* which is so much at least, and at most, with 95% confidence */
	double loss_high;
	double probe_loss;        /* from -> to */
	double traffic_loss;      /* from -> to, of what was sent to be forwarded */
	uint64_t traffic_packets; /* whose loss that is */
	double loss_return;       /* to -> from */
	int64_t doubt_ns;         /* what its two ends disagree by, and it is thought to take longer */
	double load;              /* 0..1 of the two addresses, or of the POP that it leads to */
	const char *timestamps;   /* ebpf | user */
	int64_t age_ns;           /* of the newest sample */
	bool authenticated;       /* its probes */
	uint64_t ignored;         /* replies that answer no probe of ours; own links only, as the following */
	struct ctl_api_refused refused;
};

struct ctl_api_stamp_error { /* what a round trip is longer than the shortest one */
	int64_t p50_ns;
	int64_t p99_ns;
	int64_t max_ns;
};

struct ctl_api_accuracy {
	const char *from;
	const char *to;
	uint8_t local_link;
	uint8_t remote_link;
	uint32_t samples; /* 0: there are no probes with stamps of both kinds, and no figures */
	int64_t rtt_min_ns;
	struct ctl_api_stamp_error ebpf;
	struct ctl_api_stamp_error user;
	double times; /* by which the 99th percentile of user is larger */
	bool reached; /* CTL_API_STAMP_P99_NS and CTL_API_STAMP_TIMES */
};

/* What stamps of an idle link are to reach, whatever else the machine does. */
#define CTL_API_STAMP_P99_NS 40000
#define CTL_API_STAMP_TIMES  50.0

struct ctl_api_path {
	const char *const *pop; /* in order of travel, both ends included */
	size_t n_pop;
	int64_t cost_ns;
	uint32_t mtu; /* smallest outer MTU on the way, bytes */
};

struct ctl_api_route {
	const char *from;
	const char *to;
	const char *class;
	const struct ctl_api_path *primary; /* NULL: none */
	const struct ctl_api_path *backup;
	const struct ctl_api_path *direct;
	const char *active; /* primary | backup | none */
	const char *reason; /* why the primary was taken: route_reason_name() */
	uint64_t since_ns;
};

/* One term of a cost. */
struct ctl_api_term {
	const char *name; /* delay, loss, jitter, money, load, relay */
	int64_t cost_ns;
};

/* A candidate path, what it costs, and what became of it. */
struct ctl_api_candidate {
	const char *const *pop;
	size_t n_pop;
	int64_t cost_ns;
	int64_t rtt_ns;
	const struct ctl_api_term *term; /* their sum is the cost */
	size_t n_term;
	const char *verdict; /* primary, backup, down, costlier, ...: route_verdict_name() */
	const char *why;
	const char *blame;   /* the link that the verdict is about, else NULL */
	int64_t evidence_ns; /* how much more its own packets say that it costs */
	const char *when;    /* what would make traffic take it, else NULL */
};

struct ctl_api_explanation {
	const char *from;
	const char *to;
	const char *class;
	const char *rule;   /* the policy rule that applied, as text, or NULL */
	const char *reason; /* why the path in use was taken, or NULL: from is another POP */
	uint64_t since_ns;
	int64_t must_beat_ns;                      /* a candidate must cost less for a change */
	uint64_t waiting_since_ns;                 /* a better path has been better since; 0: there is none */
	int64_t settle_ns;                         /* for so long it must be */
	uint64_t worse_since_ns;                   /* the path in use has been worse than direct since; 0: it is not */
	uint64_t distrusts_until_ns;               /* a path is not taken again, for what its packets said; 0: none */
	uint32_t returns;                          /* to direct, so far, for it was better */
	uint32_t considered;                       /* candidates in all */
	const struct ctl_api_candidate *candidate; /* cheapest first, unusable ones last */
	size_t n_candidate;
};

/* What a route was changed to. */
struct ctl_api_past {
	uint64_t at_ns;
	const char *class;
	const char *reason; /* as in ctl_api_route */
	const char *why;
	const struct ctl_api_path *primary; /* NULL: none */
	const struct ctl_api_path *backup;
};

struct ctl_api_accelerator {
	const char *name;
	uint32_t id; /* VNI */
	const char *const *vip;
	size_t n_vip;
	uint32_t listeners;
	uint32_t endpoints;
	uint32_t endpoints_up;
	const char *state; /* ready: the data plane has acknowledged it | pending | left-out: a VIP of it is */
};

struct ctl_api_group {
	const char *region;
	const char *egress; /* the POP that this POP's traffic for the group leaves from; NULL: none */
	uint32_t dial;      /* percent */
	double share;       /* of this POP's traffic for the listener */
	uint32_t endpoints;
	uint32_t endpoints_up;
};

struct ctl_api_listener {
	const char *accelerator;
	const char *name;
	const char *protocol;    /* tcp | udp */
	const char *const *port; /* "443", "8000-8099" */
	size_t n_port;
	const char *class;
	const char *affinity;  /* none | source-ip */
	const char *client_ip; /* none | toa | proxy-v2 */
	const struct ctl_api_group *group;
	size_t n_group;
};

struct ctl_api_endpoint {
	const char *accelerator;
	const char *listener;
	const char *group; /* its region */
	const char *name;  /* address:port */
	uint32_t id;
	uint32_t weight;
	const char *mode;  /* nat | tunnel */
	const char *state; /* up | drained | down */
	bool drained;
	const char *health;     /* healthy | unhealthy | unknown | unchecked */
	const char *cause;      /* of the last failed check, else NULL */
	const char *checked_by; /* POP */
	uint64_t since_ns;
	int64_t age_ns; /* of the verdict */
};

struct ctl_api_class {
	const char *name;
	const char *objective;   /* latency | loss | cost */
	int64_t loss_penalty_ns; /* per percent of loss */
	double jitter_penalty;   /* cost per jitter, both times */
	uint32_t max_relays;
	double better_by; /* fraction of the RTT */
	int64_t and_by_ns;
};

/* NULL: any. */
struct ctl_api_rule {
	const char *accelerator;
	const char *class;
	const char *from;
	const char *to;
	const char *const *pin; /* POPs in order of travel; n_pin 0: no pin */
	size_t n_pin;
	const char *const *avoid_pop;
	size_t n_avoid_pop;
	const char *const *avoid_provider;
	size_t n_avoid_provider;
	const char *text;       /* all that it does */
	uint64_t expires_at_ns; /* 0: never */
};

struct ctl_api_policy {
	const char *name;
	const struct ctl_api_class *class;
	size_t n_class;
	const struct ctl_api_rule *rule;
	size_t n_rule;
};

/* A source whose silence makes answers old. */
struct ctl_api_stale {
	const char *source; /* store | pop */
	const char *name;
	const char *cause; /* silent: nothing is heard of it | read-only: it takes nothing, so nobody hears of us */
	int64_t age_ns;    /* since it last spoke, or took something */
};
