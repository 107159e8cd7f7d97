/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners, and the port ranges of one VIP and protocol.
 *
 * Invariant: ranges are sorted by port and do not overlap, so a binary search finds the only one that may match. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lb/object.h"

struct lb_listener {
	struct lb_object object;
	uint32_t weights; /* sum of the shares' weights */
	uint8_t vni[3];   /* network order */
	uint8_t reserved;
	uint64_t changed_ns; /* its row */
	struct wire_ctl_listener row;
};

struct lb_port_range {
	uint16_t lo;
	uint16_t hi; /* inclusive */
	uint32_t reserved;
	const struct lb_listener *listener;
};

struct lb_ports {
	struct lb_object object;
	uint32_t count; /* >= 1 */
	uint32_t reserved;
	struct lb_port_range range[];
};

/* The listener whose range holds the port, or NULL. ports may be NULL. */
static inline const struct lb_listener *lb_ports_find(const struct lb_ports *ports, uint16_t port)
{
	uint32_t lo = 0, hi = ports ? ports->count : 0;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;
		if (port > ports->range[middle].hi)
			lo = middle + 1;
		else
			hi = middle;
	}
	if (!ports || lo == ports->count || port < ports->range[lo].lo)
		return NULL;
	return ports->range[lo].listener;
}

/* A part of the n listeners (held by it), sorted here; all of one VIP and protocol. *ret_overlap: one that overlaps
 * another, with -EEXIST. -ENOMEM. n >= 1. */
int lb_ports_new(struct lb_listener *const listener[], uint32_t n, struct lb_ports **ret_ports,
    const struct lb_listener **ret_overlap);
