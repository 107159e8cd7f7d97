/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tests/journey/world.h"

/* "10.n.0.2" */
void pop_address(enum pop pop, char text[16]);

/* Everything that a POP knows when the world begins, into an open transaction. */
void put_everything(struct lb_change *change, enum pop self);
