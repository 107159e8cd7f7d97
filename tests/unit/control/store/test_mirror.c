/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store/mirror.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS 40u

/* Against an array of revisions; 0: not there. */
Test(mirror, tells_what_a_naive_table_tells)
{
	struct ctl_mirror mirror = {0};
	uint64_t naive[KEYS] = {0};
	char key[16];
	srand(7);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned k = (unsigned)rand() % KEYS;
		uint64_t revision = 1 + (unsigned)rand() % 3;
		snprintf(key, sizeof(key), "key-%u", k);
		if (rand() % 3) {
			cr_assert(ctl_mirror_put(&mirror, key, revision) == (naive[k] != revision));
			naive[k] = revision;
		} else {
			cr_assert(ctl_mirror_delete(&mirror, key) == (naive[k] != 0));
			naive[k] = 0;
		}
	}
	ctl_mirror_free(&mirror);
}

Test(mirror, what_was_not_put_since_is_unseen)
{
	struct ctl_mirror mirror = {0};
	ctl_mirror_put(&mirror, "a", 1);
	ctl_mirror_put(&mirror, "b", 1);
	cr_assert(ctl_mirror_unseen(&mirror) == NULL);
	ctl_mirror_unsee(&mirror);
	ctl_mirror_put(&mirror, "b", 1);
	cr_assert_str_eq(ctl_mirror_unseen(&mirror), "a");
	ctl_mirror_delete(&mirror, "a");
	cr_assert(ctl_mirror_unseen(&mirror) == NULL);
	ctl_mirror_free(&mirror);
}
