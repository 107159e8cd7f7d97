/* SPDX-License-Identifier: BSD-2-Clause */
/* What of the loader needs no privilege; the rest is in tests/bpf. */
#include "ebpf/kbpf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Test(kbpf, each_counter_has_a_name_of_its_own)
{
	for (unsigned i = 0; i < WIRE_BPF_COUNTER_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert(strcmp(kbpf_counter_name(i), kbpf_counter_name(j)) != 0);
	cr_assert(strcmp(kbpf_counter_name(WIRE_BPF_COUNTER_COUNT), "unknown") == 0);
}

Test(kbpf, the_wall_clock_is_found_from_the_monotonic_one)
{
	struct timespec wall, monotonic;
	int64_t offset = kbpf_wall_clock_offset();
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t seen = (wall.tv_sec - monotonic.tv_sec) * 1000000000ll + wall.tv_nsec - monotonic.tv_nsec;
	cr_assert(llabs(seen - offset) < 50000000, "%ld ns apart", seen - offset);
}

Test(kbpf, a_directory_must_be_absolute_and_absent_ones_are_removed_already)
{
	char why[KBPF_WHY_SIZE];
	struct kbpf *k = (void *)why;
	cr_assert(kbpf_open("run/bpf", &k, why) == -EINVAL && strstr(why, "run/bpf"), "%s", why);
	cr_assert(k == (void *)why, "outputs stay untouched on failure");
	cr_assert(kbpf_remove("run/bpf", why) == -EINVAL && kbpf_remove("/nonexistent/bpf", why) == 0);
	kbpf_close(NULL);
}
