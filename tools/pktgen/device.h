/* SPDX-License-Identifier: BSD-2-Clause */
/* A data plane in this process, as a device under test: the workers of kuafu-dataplane, joined to the generator by two
 * rings, so that nothing but them is measured.
 *
 *    generator ──ring──▶ workers: ingress, egress with NAT ──ring──▶ generator
 *
 * It is one POP with one listener for UDP and TCP, and one endpoint behind the same port: every packet to the listener
 * comes back with its addresses rewritten. Addresses of its own are those that RFC 2544, appendix C.2.2, and RFC 5180,
 * section 8, set aside. */
#pragma once

#include <stdint.h>

#include "tools/pktgen/flow.h"

#define DEVICE_MAX_WORKERS 8u

struct device;

struct device_config {
	uint16_t workers; /* on lcores 1 .. workers */
	uint16_t size;    /* bytes of the largest frame; its MTU is 1,500 or what that takes */
	uint32_t flows;   /* that it will have at once */
	struct flow flow; /* of the listener: destination and its port */
};

/* After rte_eal_init. ret_port: the generator's end. 0; or -errno after a line on stderr. */
int device_start(const struct device_config *config, struct device **ret_device, uint16_t *ret_port);

/* Stops its workers; the generator's port is to be closed after. */
void device_stop(struct device *device);

/* Packets that it had ready for the generator, whose end of the ring was full. */
uint64_t device_left(const void *device);

/* What it has dropped and why, on stderr; nothing if there is nothing. */
void device_tell(const struct device *device);
