/* SPDX-License-Identifier: BSD-2-Clause */
/* What one message of rtnetlink says. Pure, and sceptical: a message that ends before its header, an attribute of
 * another size than its type has, or a prefix longer than its address is as if it were not there.
 *
 * `message` has nlmsg_len bytes. Other types than the function's are ignored. */
#pragma once

#include <libmnl/libmnl.h>

#include "control/kernel/fib.h"

/* RTM_NEWLINK into fib->port[i], if interface[i] is its name. */
void ctl_message_link(const struct nlmsghdr *message, const char (*interface)[16], struct ctl_fib *fib);

/* RTM_NEWNEIGH with a link-layer address that the kernel would use itself, RTM_NEWROUTE of the main table: added to the
 * FIB. Of several next hops of a route counts one by a port that fib has. 0 or -ENOMEM. */
int ctl_message_neighbour(const struct nlmsghdr *message, struct ctl_fib *fib);
int ctl_message_route(const struct nlmsghdr *message, struct ctl_fib *fib);

/* Whether it is a blackhole route of ours, and whither. */
bool ctl_message_blackhole(const struct nlmsghdr *message, struct wire_addr *ret_address);
