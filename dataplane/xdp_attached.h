/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an interface carries an XDP program, asked over rtnetlink (IFLA_XDP), and whether we could use it: the data
 * plane sees no libbpf. */
#pragma once

/* 1: it does; 0: not; -ENODEV: no such interface; -errno. */
int dp_xdp_attached(const char *interface);

/* Whether this process may make AF_XDP sockets and the maps that go with them. 0 or -errno. */
int dp_xdp_permitted(void);
