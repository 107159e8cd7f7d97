/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of text in a fixed buffer, for error messages (there is no stdio in lb/).
 *
 * Invariant: the text is always terminated; what does not fit is cut off. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

struct lb_line {
	char *at;
	size_t left; /* with the terminating zero */
};

struct lb_line lb_line_start(char *buffer, size_t size); /* size >= 1 */
void lb_line_text(struct lb_line *line, const char *text);
void lb_line_number(struct lb_line *line, uint64_t value);
void lb_line_address(struct lb_line *line, const struct wire_addr *address); /* IPv4 dotted; IPv6 as eight groups */
