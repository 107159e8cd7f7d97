/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/discovery.h: who has an address on a wire: ARP (RFC 826) and IPv6 Neighbour Discovery (RFC 4861, 4.3 and
 * 4.4), as far as a router needs them. Pure: frames to meaning and back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/address.h"

#define WANEM_ARP_FRAME     42u /* Ethernet and ARP for IPv4, bytes */
#define WANEM_ND_FRAME      86u /* Ethernet, IPv6, solicitation or advertisement with one option */
#define WANEM_MAX_DISCOVERY WANEM_ND_FRAME

/* What a frame says. */
struct wanem_discovery {
	bool asks;               /* for target */
	struct wire_addr sender; /* has `mac` */
	uint8_t mac[6];
	struct wire_addr target;
};

/* An ARP frame: 0, -EMSGSIZE if it is cut off, or -EINVAL. */
int wanem_arp_read(const uint8_t *frame, uint32_t length, struct wanem_discovery *ret_said);

/* An IPv6 packet in a frame, whose lengths have been checked: 0; -ENOENT if it is no solicitation or advertisement, or
 * one that tells nobody's address (RFC 4862, 5.4); -EINVAL if it is none that RFC 4861, 7.1 lets be believed. */
int wanem_nd_read(const uint8_t *frame, struct wanem_discovery *ret_said);

/* `frame`, of WANEM_MAX_DISCOVERY bytes, becomes a question of ours for `target`, which is of our address's version.
 * Returns the frame's length. */
uint32_t wanem_discovery_ask(
    uint8_t *frame, const uint8_t mac[6], const struct wire_addr *address, const struct wire_addr *target);

/* The same for the answer to a question for our address. */
__attribute__((nonnull)) uint32_t wanem_discovery_answer(
    uint8_t *frame, const uint8_t mac[6], const struct wire_addr *address, const struct wanem_discovery *question);
