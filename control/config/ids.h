/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of accelerators, groups and endpoints in packets: a hash of the full name, so that every POP would choose
 * the same; the next free one where two hashes meet. What has a number keeps it while it has its name. */
#pragma once

#include "control/config/objects.h"

/* Gives the objects of batch their ids and, where batch is silent on it, their drained state, from those of the same
 * name in set. Returns 0, or -ENOMEM (some ids may be given). */
int ctl_objects_inherit(const struct ctl_objects *set, struct ctl_objects *batch);
