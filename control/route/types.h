/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of the route engine: what it is told (links, estimates, classes, rules) and what it answers (paths).
 *
 * Times are nanoseconds of one monotonic clock that the caller chooses; costs are milliseconds. A link is directed, from
 * address number `local` of POP `from` to address number `remote` of POP `to`; its reverse is a link of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/control.h"
#include "wire/overlay.h"

#define ROUTE_NAME_SIZE      32u /* with the terminating zero */
#define ROUTE_MAX_RELAYS     2u
#define ROUTE_MAX_LINKS      (ROUTE_MAX_RELAYS + 1u) /* of a computed path; a pin may be as long as the overlay allows */
#define ROUTE_MAX_POPS       WIRE_CTL_MAX_POPS
#define ROUTE_MAX_CLASSES    WIRE_CTL_MAX_CLASSES
#define ROUTE_MAX_RULES      256u
/* What a rule can name of each. */
#define ROUTE_MAX_NAMED      16u
#define ROUTE_MAX_NAMED_ENDS 8u
#define ROUTE_MAX_PROVIDERS  8u
#define ROUTE_MAX_REGIONS    4u

struct route_link_key {
	uint16_t from;
	uint16_t to;
	uint8_t local;
	uint8_t remote;
};

/* What is known of a link without measuring it. */
struct route_link_config {
	char provider[ROUTE_NAME_SIZE]; /* of the near end; empty: unknown */
	float money;                    /* `cost` of the link, in the operator's unit */
	uint16_t mtu;                   /* of the outer packet, bytes */
};

/* One direction of a link, as its estimators see it. */
struct route_estimate {
	int64_t delay_ns; /* one way, up to the constant difference of the two ends' clocks: may be negative */
	int64_t rtt_ns;   /* there and back */
	int64_t jitter_ns;
	float loss;     /* 0 .. 1 in this direction */
	float load;     /* 0 .. 1 of the link and of the POP that it leads to */
	uint64_t at_ns; /* when it was measured */
};

enum route_objective { ROUTE_LATENCY, ROUTE_LOSS, ROUTE_COST };

/* What the packets on a link have measured themselves, without the probes. */
struct route_evidence {
	int64_t delay_ns; /* as the estimate's */
	float loss;
	uint64_t at_ns;
};

/* A class of traffic: what a path costs it, and when it is worth moving. */
struct route_class {
	char name[ROUTE_NAME_SIZE];
	char accelerator
	    [ROUTE_NAME_SIZE]; /* a class may exist once more for one accelerator, to have rules of its own */
	enum route_objective objective;
	float loss_penalty_ms;  /* per percent of loss */
	float jitter_penalty;   /* ms per ms of jitter */
	float money_penalty_ms; /* per unit of link cost */
	float load_penalty_ms;  /* of a link that is two thirds full: see route_load_term() */
	float relay_penalty_ms; /* per relay */
	uint8_t max_relays;     /* 0 .. ROUTE_MAX_RELAYS */
	float better_by;        /* fraction of the RTT of the path in use */
	float and_by_ms;
};

enum route_action { ROUTE_STEER, ROUTE_PIN };

enum route_limit { ROUTE_LIMIT_MONEY = 1, ROUTE_LIMIT_RTT = 2 };

/* Some of the links and relays there are. */
struct route_set {
	uint8_t n_pops;
	uint8_t n_ends;
	uint8_t n_providers;
	uint8_t n_regions;
	uint16_t pops[ROUTE_MAX_NAMED]; /* relays */
	struct {
		uint16_t from, to;
	} ends[ROUTE_MAX_NAMED_ENDS];                         /* all links between the two, in this direction */
	char providers[ROUTE_MAX_PROVIDERS][ROUTE_NAME_SIZE]; /* links of these */
	char regions[ROUTE_MAX_REGIONS][ROUTE_NAME_SIZE];     /* relays in these */
};

/* Empty name or 0: matches anything. The most specific rule wins: see policy.h. */
struct route_rule {
	char accelerator[ROUTE_NAME_SIZE];
	char class[ROUTE_NAME_SIZE];
	uint16_t from;
	uint16_t to;
	char policy[ROUTE_NAME_SIZE]; /* where it is written, for explanations: policy and index in it */
	uint16_t index;
	enum route_action action;
	uint8_t n_pops;
	uint16_t pops[WIRE_PATH_MAX_HOPS + 1]; /* pin: the POPs in order of travel, both ends included */
	struct route_set avoid;                /* steer: no link and no relay of these */
	struct route_set prefer;               /* steer: each of these on a path makes it cheaper by prefer_ms */
	float prefer_ms;
	uint8_t limits;  /* steer: enum route_limit, of the sums over a path's links */
	float max_money; /* in the unit of the links' `cost` */
	float max_rtt_ms;
	bool fallback_direct; /* if the rule leaves no path that is up: the direct one, whatever the rule says of it */
	uint64_t expires_ns;  /* 0: never */
};

struct route_policy {
	uint32_t n_classes;
	uint32_t n_rules;
	struct route_class class[ROUTE_MAX_CLASSES]; /* the index is the class number in the data plane */
	struct route_rule rule[ROUTE_MAX_RULES];
};

/* Links in order of travel; n_links 0: there is no path. Relays are the ends of all links but the last. */
struct route_path {
	uint8_t n_links;
	uint16_t mtu;                      /* the smallest outer MTU on the way */
	uint32_t link[WIRE_PATH_MAX_HOPS]; /* ids given by route_link_add() */
	uint16_t pop[WIRE_PATH_MAX_HOPS];  /* where each link leads; the last is the destination */
	float cost;                        /* ms; comparable among paths of one source, destination and class */
	float drift_ms;                    /* of that cost, what the delay is expected to change by */
	float rtt_ms;                      /* sum of the links' */
};

/* The terms of a cost, each in ms; their sum is the cost. */
enum route_term {
	ROUTE_TERM_DELAY,
	ROUTE_TERM_DRIFT, /* what the delay is expected to change by, on the average until the next report */
	ROUTE_TERM_LOSS,
	ROUTE_TERM_JITTER,
	ROUTE_TERM_MONEY,
	ROUTE_TERM_LOAD,
	ROUTE_TERM_RELAY,
	ROUTE_TERM_RULE, /* what the rule prefers; 0 or less */
	ROUTE_TERMS
};
