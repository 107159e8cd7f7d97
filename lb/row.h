/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects of the control ABI as this folder keeps them: one table, read by lb/change.c.
 *
 * Private to lb/. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "lb/line.h"
#include "lb/snapshot.h"

/* What is wrong with a field: its name, its value (an address or else a number), and what would be right. */
struct lb_mistake {
	const char *field;
	const char *why;
	const struct wire_addr *address;
	uint64_t number;
};

struct lb_row {
	const char *name;
	size_t body;       /* of the ABI's struct */
	enum lb_part part; /* LB_PARTS: it is no part (settings) */
	enum lb_kind kind;
	size_t size;   /* of the part */
	size_t offset; /* of the row in it */
	uint32_t max;  /* in a snapshot */
	struct lb_map_key (*key)(const void *row);
	void (*print_key)(struct lb_line *line, const void *row);
	int (*check)(const void *row, struct lb_mistake *ret_mistake); /* fields by themselves; 0 or -EINVAL */
};

/* By enum wire_ctl_object; rows without a name are not kept here. */
extern const struct lb_row lb_rows[WIRE_OBJ_COUNT];

static inline int lb_wrong_number(struct lb_mistake *m, const char *field, uint64_t value, const char *why)
{
	*m = (struct lb_mistake){.field = field, .number = value, .why = why};
	return -EINVAL;
}

/* The address must outlive the mistake. */
static inline int lb_wrong_address(
    struct lb_mistake *m, const char *field, const struct wire_addr *address, const char *why)
{
	*m = (struct lb_mistake){.field = field, .address = address, .why = why};
	return -EINVAL;
}
