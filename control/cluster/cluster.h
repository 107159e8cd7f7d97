/* SPDX-License-Identifier: BSD-2-Clause */
/* The POPs of the cluster, what they register about themselves and what they measure; and the directed links between
 * all of them, which follow from the registrations: every address of one POP to every address of another.
 *
 * A POP that has registered stays, however long it is silent: only the state of its links takes it out of routes.
 * Pure bookkeeping: no clock, no I/O. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/base/pop_config.h"
#include "control/route/types.h"
#include "probes/traffic.h"

struct ctl_pop_address { /* a registered link end */
	uint8_t link;
	uint16_t mtu;
	struct wire_addr address;
	char provider[CTL_NAME_SIZE];
	double cost;
	bool authenticated; /* the probes of its links are */
};

struct ctl_endpoint_verdict {
	uint32_t endpoint; /* id */
	bool up;
};

/* One measurement that a POP published of a link of its own. */
struct ctl_link_report {
	struct route_link_key key;
	bool up;
	struct route_estimate estimate;      /* at_ns is unset */
	struct probe_traffic_estimate heard; /* of the packets that came by the way back */
	uint16_t mtu;                        /* that was found; 0: not yet */
};

/* How much of what it has a POP uses: shares, 0..1, of the last seconds. */
struct ctl_pop_load {
	float busy;    /* of its busiest worker's time */
	float tx[256]; /* of the capacity of its addresses, by their link number; 0 also where that is not known */
	float rx[256];
};

struct ctl_pop {
	uint16_t id;
	char name[CTL_NAME_SIZE];
	char region[CTL_NAME_SIZE];
	bool self;
	bool drained; /* as the pop object says */
	unsigned n_addresses;
	struct ctl_pop_address address[CTL_POP_MAX_LINKS];
	char left_out[120];        /* what of its registration the data plane could not keep, and why; empty: nothing */
	uint64_t state_at_wall_ns; /* its own clock, in its last state; 0: none yet */
	uint64_t state_seen_ns;    /* CLOCK_MONOTONIC here, when it came */
	unsigned n_verdicts;       /* endpoints that it checks, in their order */
	struct ctl_endpoint_verdict *verdict;
	unsigned n_reports;
	struct ctl_link_report *report;
	struct ctl_pop_load load;
};

struct ctl_cluster {
	unsigned n_pops;
	struct ctl_pop **pop; /* in order of id */
};

/* The registration of this POP, a state, and verdicts: JSON texts for the store, from malloc, or NULL. */
char *ctl_registration_text(const struct ctl_pop_config *config);
char *ctl_state_text(
    uint64_t at_wall_ns, const struct ctl_pop_load *load, const struct ctl_link_report *report, unsigned n_reports);
char *ctl_verdicts_text(const struct ctl_endpoint_verdict *verdict, unsigned n);

/* Takes in a registration. *ret_changed: it is new or says something else. Returns 0, -EINVAL (mistakes in m; an id that
 * another POP has is one) or -ENOMEM; then nothing changes. */
int ctl_cluster_register(struct ctl_cluster *cluster, const char *name, const char *json, size_t size,
    struct ctl_mistakes *m, bool *ret_changed);
bool ctl_cluster_remove(struct ctl_cluster *cluster, const char *name);

/* Takes in a state of a registered POP (-ENOENT otherwise). Returns as above. */
int ctl_cluster_state(struct ctl_cluster *cluster, const char *name, const char *json, size_t size, uint64_t now_ns,
    struct ctl_mistakes *m);

/* Takes in the verdicts of a registered POP. Returns as above. */
int ctl_cluster_verdicts(
    struct ctl_cluster *cluster, const char *name, const char *json, size_t size, struct ctl_mistakes *m);
/* What the POP said of an endpoint last, or NULL. */
const struct ctl_endpoint_verdict *ctl_pop_said(const struct ctl_pop *pop, uint32_t endpoint);

struct ctl_pop *ctl_cluster_find(const struct ctl_cluster *cluster, const char *name);
struct ctl_pop *ctl_cluster_find_id(const struct ctl_cluster *cluster, uint16_t id);
const struct ctl_pop_address *ctl_pop_address(const struct ctl_pop *pop, uint8_t link);
void ctl_cluster_free(struct ctl_cluster *cluster);
