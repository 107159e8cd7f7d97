/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of the command line. Each returns whether the text, all of it, is one; a MAC may be half written if not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/address.h"

bool value_number(const char *text, double least, double most, double *ret);
bool value_integer(const char *text, unsigned long least, unsigned long most, unsigned long *ret);
bool value_address(const char *text, struct wire_addr *ret); /* IPv4 or IPv6 */
bool value_mac(const char *text, uint8_t mac[6]);
bool value_ports(const char *text, uint16_t *ret_lo, uint16_t *ret_hi); /* LO-HI */
