/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/popularity.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { DRAWS = 400000, MOST = 1000 };

/* Chi-square of DRAWS draws against the true shares, in standard deviations from what chance gives. */
static double surprise(struct popularity *p, const double *share)
{
	static uint32_t seen[MOST];
	double chi = 0, df = p->n - 1;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < DRAWS; i++) {
		uint32_t k = popularity_next(p);
		cr_assert(k < p->n);
		seen[k]++;
	}
	for (uint32_t k = 0; k < p->n; k++)
		chi += pow(seen[k] - share[k] * DRAWS, 2) / (share[k] * DRAWS);
	return df > 0 ? (chi - df) / sqrt(2 * df) : chi;
}

Test(popularity, zipf_has_the_shares_of_its_definition)
{
	static const double exponents[] = {0.5, 0.99, 1, 1.01, 1.5};
	static const uint32_t sizes[] = {1, 2, 10, MOST};
	for (unsigned e = 0; e < 5; e++) {
		for (unsigned s = 0; s < 4; s++) {
			double share[MOST], sum = 0;
			struct popularity p;
			for (uint32_t k = 0; k < sizes[s]; k++)
				sum += share[k] = pow(k + 1, -exponents[e]);
			for (uint32_t k = 0; k < sizes[s]; k++)
				share[k] /= sum;
			popularity_start(&p, POPULARITY_ZIPF, sizes[s], exponents[e], 7);
			double how = surprise(&p, share);
			cr_assert(how < 5, "exponent %f of %u: %f", exponents[e], sizes[s], how);
		}
	}
}

Test(popularity, uniform_takes_all_alike)
{
	double share[MOST];
	struct popularity p;
	for (uint32_t k = 0; k < MOST; k++)
		share[k] = 1.0 / MOST;
	popularity_start(&p, POPULARITY_UNIFORM, MOST, 0, 7);
	cr_assert(surprise(&p, share) < 5);
}

Test(popularity, in_turn_takes_each_once_a_round)
{
	struct popularity p;
	popularity_start(&p, POPULARITY_TURN, 3, 0, 99);
	for (uint32_t i = 0; i < 9; i++)
		cr_assert(popularity_next(&p) == i % 3);
}

Test(popularity, follows_from_the_seed)
{
	struct popularity a, b, c;
	unsigned differ = 0;
	popularity_start(&a, POPULARITY_ZIPF, 1u << 26, 1.1, 1);
	popularity_start(&b, POPULARITY_ZIPF, 1u << 26, 1.1, 1);
	popularity_start(&c, POPULARITY_ZIPF, 1u << 26, 1.1, 2);
	for (int i = 0; i < 1000; i++) {
		uint32_t k = popularity_next(&a);
		cr_assert(k == popularity_next(&b));
		differ += k != popularity_next(&c);
	}
	cr_assert(differ > 500);
}
