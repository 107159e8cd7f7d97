/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Whose connection is it? An egress that has no state of a TCP flow asks the endpoint of mode tunnel to which it wraps the
 * flow's packets, by the only option of their Geneve header:
 *
 *   outer IPv4/IPv6 | UDP | Geneve | ASK | inner packet      egress -> endpoint
 *   outer IPv4/IPv6 | UDP | Geneve | DENIED | inner packet   back, ends exchanged, if the endpoint's kernel knows no such
 *                                                            connection; if it does, nothing comes back
 *
 * Neither is critical (RFC 8926, 3.5): an origin that does not know ASK takes the packet for its own. The body comes back
 * as it was. */
#pragma once

#include "wire/overlay.h"

#define WIRE_OPT_ASK    0x07u
#define WIRE_OPT_DENIED 0x08u

struct wire_ask {
	uint32_t endpoint; /* that is asked, network order */
	uint32_t cookie;   /* who denies has seen the question */
} __attribute__((packed));

_Static_assert(sizeof(struct wire_ask) == 8, "two words of an option");

#define WIRE_ASK_SIZE WIRE_OPT_SIZE(sizeof(struct wire_ask))

/* Whether a Geneve header says that one option follows it, of that type and of this size. The caller has seen that
 * WIRE_ASK_SIZE bytes are there behind it. */
static inline bool wire_ask_is(const struct wire_geneve *geneve, uint8_t type)
{
	const struct wire_geneve_opt *option = (const struct wire_geneve_opt *)(geneve + 1);
	return (geneve->version_optlen & WIRE_GENEVE_OPTLEN_MASK) == WIRE_ASK_SIZE / 4 && option->type == type &&
	       wire_be16(&option->class) == WIRE_OVERLAY_CLASS &&
	       (option->length & WIRE_GENEVE_OPT_LENGTH_MASK) == sizeof(struct wire_ask) / 4;
}
