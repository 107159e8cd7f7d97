/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/health/verdict.h"

#include <criterion/criterion.h>

/* Results as text, + good and - bad; the verdicts after each, U and D. */
static void expect(const char *results, const char *verdicts, uint16_t rise, uint16_t fall)
{
	struct ctl_verdict verdict = {0};
	for (int i = 0; results[i]; i++) {
		enum ctl_health_verdict before = verdict.now;
		bool changed = ctl_verdict_take(&verdict, results[i] == '+', rise, fall);
		cr_assert(
		    verdict.now == (verdicts[i] == 'U' ? CTL_HEALTH_UP : CTL_HEALTH_DOWN), "%s at %d", results, i);
		cr_assert(changed == (verdict.now != before));
	}
}

Test(verdict, is_the_first_result)
{
	expect("+", "U", 2, 3);
	expect("-", "D", 2, 3);
}

Test(verdict, changes_after_rise_good_or_fall_bad_results_in_a_row)
{
	expect("+---", "UUUD", 2, 3);
	expect("-++", "DDU", 2, 3);
	expect("+--+--+---", "UUUUUUUUUD", 2, 3);
	expect("-+-+-++", "DDDDDDU", 2, 3);
	expect("+-+-", "UDUD", 1, 1);
}
