/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, prefixes and port ranges as people write them. */
#pragma once

#include <stdint.h>

#include "wire/address.h"

#define CTL_ADDRESS_TEXT 46u /* as INET6_ADDRSTRLEN */
#define CTL_PREFIX_TEXT  50u

/* "192.0.2.1" or "2001:db8::1"; nothing else: no zone, no IPv4 in IPv6 clothes. Returns 0 or -EINVAL. */
int ctl_address_parse(const char *text, struct wire_addr *ret_address);

/* Returns text, which holds CTL_ADDRESS_TEXT bytes: RFC 5952, IPv4 in dots. */
char *ctl_address_text(const struct wire_addr *address, char *text);

/* "192.0.2.0/24", or an address alone for all its bits. *ret_length counts bits of struct wire_addr: an IPv4 prefix of
 * n bits is 96 + n. Returns 0, or -EINVAL, also if bits behind the length are set. */
int ctl_prefix_parse(const char *text, struct wire_addr *ret_prefix, uint32_t *ret_length);

/* Returns text, which holds CTL_PREFIX_TEXT bytes. length as ctl_prefix_parse gives it. */
char *ctl_prefix_text(const struct wire_addr *prefix, uint32_t length, char *text);

/* "443" or "8000-8099", 1 .. 65535, in order. Returns 0 or -EINVAL. */
int ctl_port_range_parse(const char *text, uint16_t *ret_lo, uint16_t *ret_hi);

/* "HOST:PORT[,HOST:PORT…]": a name, an IPv4 address or an IPv6 address in brackets, and a port from 1 to 65535. Each has
 * one of ret_addresses, unset (::) for a name. Returns how many, or -EINVAL, also if there are more than
 * CTL_MAX_SERVERS. */
#define CTL_MAX_SERVERS 8u
int ctl_servers_parse(const char *text, struct wire_addr ret_addresses[CTL_MAX_SERVERS]);

/* The host of the i-th server, in text that ctl_servers_parse() takes; without brackets. Returns host. */
#define CTL_HOST_SIZE 254u /* RFC 1035, 2.3.4: 255 bytes on the wire are 253 letters */
char *ctl_server_host(const char *text, unsigned i, char host[CTL_HOST_SIZE]);
