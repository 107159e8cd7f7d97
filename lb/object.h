/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference-counted parts of a snapshot.
 *
 * Invariant: a part never changes once a snapshot holds it; a change makes a new part. Counts are touched only by the
 * thread that builds and puts snapshots; workers read parts of a snapshot that they hold and count nothing.
 *
 * Rows are kept as they came (wire/control.h): addresses as on the wire, ports and the rest in host order. */
#pragma once

#include <stdint.h>

#include "wire/control.h"

enum lb_kind {
	LB_KIND_POP = 1,
	LB_KIND_LINK,
	LB_KIND_KEY,
	LB_KIND_PATH,
	LB_KIND_VIP,
	LB_KIND_LISTENER,
	LB_KIND_PORTS,
	LB_KIND_GROUP,
	LB_KIND_ENDPOINT,
	LB_KIND_NAT,
	LB_KIND_ADJACENCY,
	LB_KIND_TABLE,
	LB_KIND_QUIC,
};

struct lb_object {
	uint32_t refs;
	uint32_t kind; /* enum lb_kind */
};

struct lb_pop {
	struct lb_object object;
	struct wire_ctl_pop row;
};

struct lb_link {
	struct lb_object object;
	uint32_t slot; /* index into link states; stays while the link exists, below LB_MAX_LINKS */
	uint32_t reserved;
	struct wire_ctl_link row;
};

#define LB_KEY_ANNEX 256u /* room for an expanded AES-128 key and the CMAC subkeys */

struct lb_key {
	struct lb_object object;
	struct wire_ctl_key row;
	_Alignas(16) uint8_t annex[LB_KEY_ANNEX]; /* what lb_key_expand_fn wrote; zero without one */
};

struct lb_vip {
	struct lb_object object;
	struct wire_ctl_vip row;
};

struct lb_endpoint {
	struct lb_object object;
	struct wire_ctl_endpoint row;
};

struct lb_nat_address {
	struct lb_object object;
	struct wire_ctl_nat row;
};

struct lb_adjacency {
	struct lb_object object;
	struct wire_ctl_adjacency row;
};

/* One more holder. */
static inline void *lb_hold(void *part)
{
	((struct lb_object *)part)->refs++;
	return part;
}

/* A new part of `size` bytes, zero but for its kind, with one holder; NULL without memory. Free with lb_drop(). */
void *lb_object_new(enum lb_kind kind, uint64_t size);

/* One holder less; the last one frees the part and drops what it holds. NULL is nothing. */
void lb_drop(void *part);
