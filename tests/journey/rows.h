/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tests/journey/world.h"

/* The address of a POP on its link with another, by the world's underlay: "10.n.0.2" or "2001:db8:n::2". */
const char *link_address(enum pop pop, enum pop other);

/* Everything that a POP knows when the world begins, into an open transaction. */
void put_everything(struct lb_change *change, enum pop self);
