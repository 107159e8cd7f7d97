/* SPDX-License-Identifier: BSD-2-Clause */
/* The route engine: which way to every POP, for every class. Pure: what it knows it was told, `now_ns` is an argument,
 * and the only thing that it does is to answer with what has changed.
 *
 * Invariants, after every route_run():
 * - a primary or backup in use has no link that is known to be down;
 * - a backup shares no relay and no link with its primary, and no provider that their links name if one such path is left;
 * - what is decided for what has changed is what would be decided for all;
 * - a path is left for a better one only if that one has been, and is expected to stay (forecast.h), better by `better-by`
 *   of the RTT and by `and-by` for ROUTE_SETTLE_NS, its links are not damped, and its measurements are fresh; a failed
 *   path is left at once. */
#pragma once

#include <stddef.h>

#include "control/route/types.h"

/* How long a better path must have been better. Two ticks of a 1 s exchange of measurements would be long; this is
 * short enough that a healed path is taken again within 3 s. */
#define ROUTE_SETTLE_NS 1000000000ull

/* One that is left soon for a better one, and the next one too, is likely to be so because others do the same: each time
 * the wait doubles, up to ROUTE_SETTLE_DOUBLINGS times, and differs among POPs and destinations by up to half, so that a
 * few find out what many should not try; to return to direct they take up to
 * three times as long as calm ones do. Each
 * ROUTE_SETTLED_NS that a path is held makes up for one. Outages do not count. */
#define ROUTE_SETTLE_DOUBLINGS 7u
#define ROUTE_SETTLED_NS       300000000000ull

/* A path that is costlier than the direct one for so long is left even if direct is better by less than the policy
 * asks: never worse than direct. */
#define ROUTE_WORSE_THAN_DIRECT_NS 3000000000ull

/* A path that its own packets have shown to be worse than direct, while the probes think better of it, is not taken again
 * for so long; twice as long each time, up to ROUTE_DISTRUST_MAX_NS, until it has kept its word for that long. */
#define ROUTE_DISTRUST_NS     30000000000ull
#define ROUTE_DISTRUST_MAX_NS 960000000000ull

/* Evidence that is older says nothing of now. */
#define ROUTE_EVIDENCE_NS 1000000000ull

/* Measurements of other POPs come once a second. From a fifth of this age on a better path that depends on them counts for
 * less and less, and older than this they no longer make anybody move. */
#define ROUTE_STALE_NS 15000000000ull

/* By how much the measurements of a link's two ends may disagree before the link is doubted: control/route/graph.h. */
#define ROUTE_DOUBT_MS    5.0
#define ROUTE_DOUBT_SHARE 0.1           /* of the round trip */
#define ROUTE_DOUBT_NS    5000000000ull /* for so long */

struct route_engine;

/* Why a route has changed; each row: symbol, name, text. */
#define ROUTE_REASONS(X)                                                                                               \
	X(NEW, "new", "first path to this POP")                                                                        \
	X(FAILED, "failed", "a link of the path in use went down")                                                     \
	X(BETTER, "better", "better for long enough")                                                                  \
	X(DIRECT, "worse-than-direct", "costlier than direct for 3 s")                                                 \
	X(EVIDENCE, "evidence", "its own packets have shown it to be worse than direct for 3 s")                       \
	X(PINNED, "pinned", "a rule pins the path")                                                                    \
	X(RULE, "rule", "a rule has changed or expired")                                                               \
	X(FALLBACK, "fallback", "its rule leaves no path that is up: direct")                                          \
	X(DRAINED, "drained", "a relay of the path in use was drained")                                                \
	X(BACKUP, "backup", "only the backup has changed")                                                             \
	X(LOST, "lost", "no path is left")

#define ROUTE_REASON_ENUM(symbol, name, text) ROUTE_REASON_##symbol,
enum route_reason { ROUTE_REASONS(ROUTE_REASON_ENUM) ROUTE_REASON_COUNT };
#undef ROUTE_REASON_ENUM

const char *route_reason_name(enum route_reason reason);
const char *route_reason_text(enum route_reason reason);

struct route_change {
	uint16_t to;
	uint8_t class;
	enum route_reason reason;
	struct route_path primary; /* n_links 0: none */
	struct route_path backup;
};

/* What is in use now. `since_ns` is when the primary was taken, `reason` why. */
struct route_choice {
	struct route_path primary;
	struct route_path backup;
	enum route_reason reason;
	uint64_t since_ns;
	uint32_t returns; /* to direct, for it was better: since there has been a path */
};

/* For POP number `self`. Returns 0 or -ENOMEM. The policy is empty: set one. Free with route_engine_free(). */
int route_engine_new(uint16_t self, struct route_engine **ret_engine);
void route_engine_free(struct route_engine *engine);

/* Another age than ROUTE_STALE_NS from which measurements make nobody move: for a recorded trace, whose come seldom. */
void route_set_stale(struct route_engine *engine, uint64_t ns);

/* Fill *ret_class with the penalties and thresholds that go with an objective. */
void route_class_default(const char *name, enum route_objective objective, struct route_class *ret_class);

/* Whether a pin, of POPs by their numbers, is a path: of 2 to WIRE_PATH_MAX_HOPS + 1 POPs, none of them twice. */
bool route_pin_is_sound(const struct route_rule *rule);

/* Replace the policy; a copy is taken. Class numbers must keep their meaning from one policy to the next (the same name
 * and accelerator at the same index), or their routes start anew. Returns 0, or -EINVAL: the policy stays. */
int route_set_policy(struct route_engine *engine, const struct route_policy *policy);

/* Add a POP or change its state. A drained POP relays nothing; it can still be a destination. -ENOSPC: too many. */
int route_set_pop(struct route_engine *engine, uint16_t pop, bool drained);
void route_remove_pop(struct route_engine *engine, uint16_t pop); /* and its links */

/* Where a POP is, for rules that name regions. The name is cut at ROUTE_NAME_SIZE. */
void route_set_region(struct route_engine *engine, uint16_t pop, const char *region);

/* Whether a rule leaves a path between every two POPs that it matches and that have a link, with at most max_relays
 * relays, whatever is up or down now. Only limits of money count: delays change. `scratch` holds route_rule_scratch()
 * floats. Returns 0, or -ENOTCONN and the first two POPs that it leaves without one. */
int route_rule_leaves_paths(const struct route_engine *engine, const struct route_rule *rule, unsigned max_relays,
    float *scratch, uint16_t *ret_from, uint16_t *ret_to);
size_t route_rule_scratch(const struct route_engine *engine);

/* Add a link or change its configuration. *ret_link is its id: 1 or more, stable until it is removed, then reused for
 * other links. -EINVAL: from equals to; -ENOENT: an end is no POP. A new link is down until it has an estimate. */
int route_link_add(
    struct route_engine *engine, struct route_link_key key, const struct route_link_config *config, uint32_t *ret_link);
void route_link_remove(struct route_engine *engine, struct route_link_key key);

/* The id of a link, or 0. */
uint32_t route_link_find(const struct route_engine *engine, struct route_link_key key);

/* A measurement. Older ones than the last are ignored. It does not bring up a link that was called down. */
void route_link_measured(struct route_engine *engine, uint32_t link, const struct route_estimate *estimate);

/* What the packets on a link say, beside what the estimate says of it (which may have been weighed with it). A path in use
 * that costs more than direct by this measure for ROUTE_WORSE_THAN_DIRECT_NS is left for it. */
void route_link_evidence(struct route_engine *engine, uint32_t link, const struct route_evidence *evidence);

/* Its near end, or we ourselves, know the link to be up or down. A link is used only while neither it nor its reverse is
 * down. A step down adds to the link's flap penalty (RFC 2439). */
void route_link_state(struct route_engine *engine, uint32_t link, bool up, uint64_t now_ns);

/* Decide. *ret_changes is the engine's, valid until the next call. Returns how many; -ENOMEM: state as before.
 * *ret_next_ns: when to call again even if nothing happens (a wait or an expiry ends); UINT64_MAX: never. */
int route_run(
    struct route_engine *engine, uint64_t now_ns, const struct route_change **ret_changes, uint64_t *ret_next_ns);

/* The choice in use, or NULL if there is none for this POP and class. */
const struct route_choice *route_choice(const struct route_engine *engine, uint16_t to, uint8_t class);

/* Round trip to a POP along the path in use, ms; 0 to ourselves; INFINITY if there is no path. */
float route_rtt_ms(const struct route_engine *engine, uint16_t to, uint8_t class);

struct route_link_info {
	struct route_link_key key;
	struct route_link_config config;
	struct route_estimate estimate;
	bool measured;
	bool up;           /* neither this direction nor the reverse is down, and it is measured */
	float flap_figure; /* RFC 2439 figure of merit, decayed to `now_ns` */
	bool damped;
	float doubt_ms;      /* how much more it costs because its ends disagree */
	uint64_t changed_ns; /* last change of state */
};

/* 0, or -ENOENT. */
int route_link_info(
    const struct route_engine *engine, uint32_t link, uint64_t now_ns, struct route_link_info *ret_info);
