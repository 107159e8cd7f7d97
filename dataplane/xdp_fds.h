/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptors that DPDK's af_xdp driver and the libraries below it open: sockets, BPF programs and maps. They show
 * them to nobody, and forget some when a port is closed. Nobody else in this process opens any while a port is opened. */
#pragma once

#include <stdint.h>

#define DP_XDP_FDS_MAX 4096u /* higher descriptors are not looked at */

/* A bit per descriptor. */
struct dp_xdp_fds {
	uint64_t word[DP_XDP_FDS_MAX / 64];
};

/* Those that are open now. */
void dp_xdp_fds_list(struct dp_xdp_fds *ret_fds);

/* Those of `now` that are not in `before`. */
void dp_xdp_fds_since(const struct dp_xdp_fds *before, const struct dp_xdp_fds *now, struct dp_xdp_fds *ret_fds);

/* An AF_XDP socket among them, or -1. */
int dp_xdp_fds_socket(const struct dp_xdp_fds *fds);

/* Closes what is still open of them, and empties the set. Returns how many. */
unsigned dp_xdp_fds_close(struct dp_xdp_fds *fds);
