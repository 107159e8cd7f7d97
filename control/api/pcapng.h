/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3), in host byte order, times in ns. Pure.
 *
 * Not rte_pcapng's: that writes mbufs of its own process to a file, and what workers copied comes here over the control
 * socket, into a process that does not link DPDK. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/control.h"

/* Any block of ours with its options. */
#define CTL_PCAPNG_MAX_BLOCK (WIRE_CTL_MAX_SNAP + 128u)

/* Each returns the size of the block written to ret_block[CTL_PCAPNG_MAX_BLOCK], a multiple of 4. */
size_t ctl_pcapng_section(uint8_t *ret_block);
/* Interfaces are numbered from 0 in the order in which their blocks come. Ethernet frames. */
size_t ctl_pcapng_interface(const char *name, uint32_t snap, uint8_t *ret_block);
/* captured->captured bytes, of an interface with the number of the port. */
size_t ctl_pcapng_packet(const struct wire_ctl_captured *captured, const uint8_t *bytes, uint8_t *ret_block);
