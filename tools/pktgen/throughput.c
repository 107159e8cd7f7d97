/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/throughput.h"

#include "tools/pktgen/search.h"

/* A trial that the machine disturbed is no verdict on the device: it is run again. */
static int try_rate(const struct throughput *how, struct trial *trial, struct trial_result *result, bool *ret_passed)
{
	for (unsigned tries = 1;; tries++) {
		trial->number++;
		int err = trial_run(trial, result);
		if (err)
			return err;
		bool lost = trial_loss(result) > how->loss_allowed, short_of_rate = trial_fell_short(result);
		bool again = short_of_rate && tries < THROUGHPUT_TRIES && !*trial->stop;
		how->tried(trial->rate, result, !lost && !short_of_rate, short_of_rate);
		if (!again) {
			*ret_passed = !lost && !short_of_rate;
			return 0;
		}
	}
}

int throughput_search(
    const struct throughput *how, struct trial *trial, struct trial_result *result, double *ret_packets_per_second)
{
	struct search s;
	search_start(&s, how->ceiling, how->ceiling * how->resolution);
	for (bool over = false; !over && !*trial->stop;) {
		bool passed = false;
		trial->rate = s.next;
		int err = try_rate(how, trial, result, &passed);
		if (err)
			return err;
		over = search_step(&s, passed);
	}
	*ret_packets_per_second = s.low;
	return 0;
}
