/* SPDX-License-Identifier: BSD-2-Clause */
/* A trace of an Internet that never was: nodes on a globe, an hour a slice.
 *
 * A link's delay is that of light in fibre along the great circle, longer by a
 * factor of its own in each direction (one in eight is a detour, two to four
 * times as long); half of the links swing with the time of day at their source;
 * all are unsteady, each hour somewhat like the one before; and now and then a
 * link is out for some hours. Loss is rare, but where and when the swing is
 * high. */
#pragma once

#include "tools/sim/options.h"

/* Writes options->slices matrices of options->pops nodes, in milliseconds with
 * 0 for "not measured", to options->synthesize, and shares lost to
 * options->loss unless that is NULL; both directories are made if they are not
 * there. The same numbers for the same seed. Returns 0, or -errno with one line
 * in why[]. */
int sim_synthesize(const struct sim_options *options, char *why, size_t room);
