/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/line.h"

#include "wire/bytes.h"

struct lb_line lb_line_start(char *buffer, size_t size)
{
	buffer[0] = 0;
	return (struct lb_line){.at = buffer, .left = size};
}

void lb_line_text(struct lb_line *line, const char *text)
{
	for (; *text && line->left > 1; text++, line->left--)
		*line->at++ = *text;
	*line->at = 0;
}

static void number_in_base(struct lb_line *line, uint64_t value, unsigned base)
{
	char digits[21];
	char *p = digits + sizeof(digits);
	*--p = 0;
	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	lb_line_text(line, p);
}

void lb_line_number(struct lb_line *line, uint64_t value)
{
	number_in_base(line, value, 10);
}

void lb_line_address(struct lb_line *line, const struct wire_addr *address)
{
	if (wire_addr_is_v4(address)) {
		for (int i = 12; i < 16; i++) {
			lb_line_text(line, i > 12 ? "." : "");
			number_in_base(line, address->bytes[i], 10);
		}
		return;
	}
	for (int i = 0; i < 16; i += 2) {
		lb_line_text(line, i ? ":" : "");
		number_in_base(line, wire_be16(address->bytes + i), 16);
	}
}
