/* SPDX-License-Identifier: BSD-2-Clause */
/* The data plane speaks of POPs, classes, links and endpoints by number; people know their names. */
#pragma once

#include "control/api/view.h"

#define CTL_API_NUMBERS 64u /* places in each cache */

/* Names that were asked for already, so that a long list is not searched for every record. Begins zeroed. */
struct ctl_api_numbers {
	struct ctl_api_number {
		bool known;
		uint32_t number;
		char name[100]; /* empty: it has none */
	} link[CTL_API_NUMBERS], endpoint[CTL_API_NUMBERS];
};

/* "POP 3", "class 0", "link 7" and "endpoint 9" in text become "POP fra1", "class latency", "link sgp1 > fra1" and
 * "endpoint 198.51.100.10:8443"; a number without a name stays. Cut to size. */
void ctl_api_name_numbers(
    struct ctl_api_numbers *numbers, const struct ctl_api_view *view, const char *text, char *ret_text, size_t size);
