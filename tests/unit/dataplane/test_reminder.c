/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/reminder.h"

#include <criterion/criterion.h>

Test(reminder, the_same_is_said_once_a_minute_and_news_at_once)
{
	struct dp_reminder r = {0};
	uint64_t start = UINT64_C(1000) * DP_REMIND_NS;
	cr_assert(dp_reminder_due(&r, "no program", start));
	unsigned said = 0;
	for (uint64_t t = 0; t <= 5 * DP_REMIND_NS; t += DP_REMIND_NS / 100)
		said += dp_reminder_due(&r, "no program", start + t);
	cr_assert_eq(said, 5);
	cr_assert(dp_reminder_due(&r, "no interface", start + 5 * DP_REMIND_NS + 1));
	cr_assert(dp_reminder_due(&r, "no program", start + 5 * DP_REMIND_NS + 2));
}

Test(reminder, a_text_that_is_too_long_is_no_news_either)
{
	struct dp_reminder r = {0};
	char text[300];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert(dp_reminder_due(&r, text, DP_REMIND_NS));
	cr_assert_not(dp_reminder_due(&r, text, DP_REMIND_NS + 1));
}
