/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/xdp_pass.h: the XDP program that a veth's end needs so that XDP_TX at its peer works. It passes all. */
#pragma once

/* Native mode. The program goes when *ret_link is closed, also by the end of the process. Returns 0 or -errno. */
int wanem_xdp_pass_attach(int ifindex, int *ret_link);
