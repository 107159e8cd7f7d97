/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a transaction (lb/change.h).
 *
 * Private to lb/. */
#pragma once

#include "lb/change.h"
#include "lb/member.h"
#include "lb/row.h"

struct lb_touched {
	enum wire_ctl_object object;
	struct lb_map_key key;
};

struct lb_change {
	struct lb_snapshot *previous;   /* held; NULL: there was none */
	struct lb_snapshot *next;       /* ours alone; its maps share what was not changed */
	const struct lb_snapshot *kept; /* previous, or NULL in a FULL transaction: whose parts stay unless changed */
	lb_key_expand_fn *expand;
	uint64_t now_ns;
	struct lb_touched *touched;
	uint32_t n_touched;
	uint32_t touched_room;
	struct lb_members endpoints;  /* by group */
	struct lb_members listeners;  /* by VIP and protocol */
	bool recheck[WIRE_OBJ_COUNT]; /* what these refer to has changed: look at all of them */
	bool relink;                  /* links or our own POP have changed: link indexes and all paths */
	bool resend;                  /* keys have changed: senders */
	bool committed;
	struct wire_ctl_error error; /* the first mistake; code 0: none yet */
};

/* Writes "name key: field value: why" as the transaction's error. Returns -EINVAL. */
int lb_refuse(struct lb_change *change, enum wire_ctl_object object, const void *row, const struct lb_mistake *mistake);
/* The same with another code and no field. */
int lb_fail(struct lb_change *change, int code, enum wire_ctl_object object, const char *why);

static inline const void *lb_row_of(const struct lb_row *kind, const void *part)
{
	return (const uint8_t *)part + kind->offset;
}

/* The steps of a commit, in this order; each 0, or the error that it has written. */
int lb_check_limits(struct lb_change *change);
int lb_derive_links(struct lb_change *change);
int lb_derive_senders(struct lb_change *change);
int lb_check_references(struct lb_change *change);
int lb_derive_paths(struct lb_change *change);
int lb_derive_groups(struct lb_change *change);
int lb_derive_ports(struct lb_change *change);
