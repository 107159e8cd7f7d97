/* SPDX-License-Identifier: BSD-2-Clause */
/* Port 0 of a data plane in this process, joined to a generator by two rings, so that nothing but them lies between. */
#pragma once

#include <stdint.h>

struct dp_workers;

/* Before the workers run; once in a process. mtu: of their end. ret_port: the generator's, which is to be opened with
 * port_open(). 0 or -errno. */
int rings_join(struct dp_workers *set, uint16_t mtu, uint16_t *ret_port);

/* After the workers have ended. Nothing if they are not joined. */
void rings_part(struct dp_workers *set);
