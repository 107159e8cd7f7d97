/* SPDX-License-Identifier: BSD-2-Clause */
/* How the traffic that enters at our POP is split among the endpoint groups of a listener, and by which egress POP each
 * group is reached. Pure: distances, health and dials in, shares out.
 *
 * Invariant: the weights of a split sum to CTL_BALANCE_WHOLE exactly, whenever there is any group. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/control.h"

#define CTL_BALANCE_WHOLE      65536u
#define CTL_BALANCE_MAX_GROUPS WIRE_CTL_MAX_SHARES
#define CTL_BALANCE_MAX_POPS   16u /* egress POPs of a group */

/* An egress POP of a group, as seen from here now. */
struct ctl_balance_pop {
	uint16_t pop;
	float rtt_ms; /* along the path in use; 0 for ourselves; INFINITY: no path */
	bool drained;
	bool healthy; /* an endpoint of the group with weight is up, as this POP's checks say, and not drained */
};

struct ctl_balance_group {
	uint32_t group;
	uint8_t dial; /* percent */
	uint8_t n_pops;
	struct ctl_balance_pop pop[CTL_BALANCE_MAX_POPS];
};

struct ctl_balance_share {
	uint32_t group;
	uint32_t weight;     /* of CTL_BALANCE_WHOLE; 0: no new flow goes there from here */
	uint16_t egress_pop; /* the nearest healthy, else the nearest; 0: the group has no POP */
	uint16_t candidate[WIRE_STEER_MAX_CANDIDATES]; /* whom to ask for a flow without state, in order; 0 ends */
	float rtt_ms;
	bool healthy;
};

/* One share per group, nearest first. Nearest: by the RTT of the group's egress POP; groups with no path come last.
 * Each group takes `dial` percent of what comes to it and passes on the rest; a group without a healthy endpoint passes
 * its own share on to the next healthy one whatever the dial of that. What the last passes on goes to the nearest
 * healthy group with a dial, else the nearest healthy. With none healthy the nearest gets all (fail open).
 * Returns 0 or -EINVAL (more than CTL_BALANCE_MAX_GROUPS groups, a dial over 100); ret_share holds n rows. */
int ctl_balance_split(const struct ctl_balance_group *group, size_t n, struct ctl_balance_share *ret_share);
