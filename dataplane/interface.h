/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of an interface in this network namespace. */
#pragma once

#include <stdint.h>

/* Its MTU; 0: there is none of that name. */
uint32_t dp_interface_mtu(const char *name);

/* An MTU of bytes that the interface is to have. Returns 0 or -errno. */
int dp_interface_set_mtu(const char *name, uint16_t mtu);

/* Queues that both receive and send, numbered from 0: combined channels, or pairs of the others (ethtool -l); 0: it does
 * not say. */
uint32_t dp_interface_queues(const char *name);
