/* SPDX-License-Identifier: BSD-2-Clause */
/* Why traffic goes the way it goes: every candidate with its cost, term by term, and why it lost. */
#pragma once

#include "control/route/engine.h"

/* symbol, name, text. */
#define ROUTE_VERDICTS(X)                                                                                              \
	X(PRIMARY, "primary", "in use")                                                                                \
	X(BACKUP, "backup", "takes over when the primary fails")                                                       \
	X(DOWN, "down", "a link is down")                                                                              \
	X(UNMEASURED, "unmeasured", "a link has not been measured yet")                                                \
	X(AVOIDED, "avoided", "a rule avoids it")                                                                      \
	X(LIMITED, "limited", "beyond the rule's limit, or of too many relays")                                        \
	X(NOT_PINNED, "not-pinned", "a rule pins another path")                                                        \
	X(DRAINED, "drained", "a relay is drained")                                                                    \
	X(COSTLIER, "costlier", "costs more than the path in use")                                                     \
	X(NOT_ENOUGH, "not-enough", "better, but by less than better-by and and-by ask")                               \
	X(UNSURE, "unsure", "better, but not expected to stay so until it is measured again")                          \
	X(STALE, "stale", "better, but its measurements are too old to move for")                                      \
	X(DAMPED, "damped", "better, but a link has flapped too often (RFC 2439)")                                     \
	X(DISTRUSTED, "distrusted", "better, but its own packets have shown it to be worse than direct")               \
	X(WAITING, "waiting", "better, but not yet for long enough")                                                   \
	X(BEATEN, "beaten", "better than the path in use, but another is better still")                                \
	X(BEST, "best", "cheapest; seen from another POP, whose waits are not known here")

#define ROUTE_VERDICT_ENUM(symbol, name, text) ROUTE_VERDICT_##symbol,
enum route_verdict { ROUTE_VERDICTS(ROUTE_VERDICT_ENUM) ROUTE_VERDICT_COUNT };
#undef ROUTE_VERDICT_ENUM

const char *route_verdict_name(enum route_verdict verdict);
const char *route_verdict_text(enum route_verdict verdict);

struct route_candidate {
	struct route_path path;
	float term[ROUTE_TERMS]; /* their sum is path.cost; delay is relative, so that direct costs half its RTT */
	enum route_verdict verdict;
	uint32_t blame; /* the link that the verdict is about; 0: none */
	uint64_t
	    free_ns; /* of one that is damped, distrusted or waiting: when it will be taken if all stays so; else 0 */
	float evidence_ms; /* how much more it costs by its own packets' measure; 0: as much, or nothing is known */
	float
	    lacks_ms; /* how much cheaper it would have to become to be moved to; 0: by none, or its cost is not why */
};

struct route_explanation {
	uint16_t from, to;
	uint8_t class;
	bool has_rule;
	struct route_rule rule;     /* the one that applied */
	bool has_choice;            /* only if `from` is our own POP */
	struct route_choice choice; /* what is in use, why and since when */
	float must_beat_ms;         /* a candidate must cost less than this for a change */
	bool worse;                 /* the path in use costs more than the direct one */
	uint64_t worse_since_ns;    /* since then, and is left ROUTE_WORSE_THAN_DIRECT_NS after this */
	bool distrusts;             /* a path is not taken again yet, for what its packets have shown */
	uint64_t distrusts_until_ns;
	bool waiting;              /* a better path is being watched */
	uint64_t waiting_since_ns; /* since then, and is taken settle_ns after this */
	uint64_t settle_ns;        /* ROUTE_SETTLE_NS, or longer after changes that did not last */
	uint32_t n_candidates;     /* in candidate[], cheapest first, unusable ones last */
	uint32_t n_considered;     /* in all */
};

/* Explain the way between two POPs. At most `capacity` candidates are written. Returns 0, -ENOENT (no such POP or class),
 * -EINVAL (from equals to), or -ENOMEM. */
int route_explain(const struct route_engine *engine, uint16_t from, uint16_t to, uint8_t class, uint64_t now_ns,
    struct route_candidate *candidate, uint32_t capacity, struct route_explanation *ret_explanation);

const char *route_term_name(enum route_term term);
