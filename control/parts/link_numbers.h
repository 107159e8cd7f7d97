/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of links in the data plane. It keeps sequences and replay windows by them, and so does the far end with
 * ours: a link must have its number again after kuafud restarts, in whatever order it learns of the POPs. So the number
 * is a hash of the link's ends. Pure. */
#pragma once

#include "control/daemon.h"

/* Gives every link whose number is 0 one that no other has. Returns 0 or -ENOMEM. */
int ctl_link_numbers(struct ctl_link *link, unsigned n);

/* Of n links those that the data plane can keep, WIRE_CTL_MAX_LINKS, at the front of the array: those from and to self
 * first, then in the order of their ends, so that every POP's choice is stable. Returns how many. */
unsigned ctl_links_most_useful(struct ctl_link *link, unsigned n, uint16_t self);
