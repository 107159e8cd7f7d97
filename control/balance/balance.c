/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/balance/balance.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* The nearest of the POPs that pass, or NULL. */
static const struct ctl_balance_pop *nearest(const struct ctl_balance_group *group, bool healthy, bool undrained)
{
	const struct ctl_balance_pop *best = NULL;
	for (unsigned i = 0; i < group->n_pops; i++) {
		const struct ctl_balance_pop *pop = &group->pop[i];
		if ((healthy && (!pop->healthy || isinf(pop->rtt_ms))) || (undrained && pop->drained))
			continue;
		if (!best || pop->rtt_ms < best->rtt_ms || (pop->rtt_ms == best->rtt_ms && pop->pop < best->pop))
			best = pop;
	}
	return best;
}

/* A drained POP is better than none, and one without a healthy endpoint is what fails open. */
static void choose_egress(const struct ctl_balance_group *group, struct ctl_balance_share *ret_share)
{
	const struct ctl_balance_pop *pop = nearest(group, true, true);
	struct ctl_balance_share share = {.group = group->group, .rtt_ms = INFINITY, .healthy = pop != NULL};
	if (!pop)
		pop = nearest(group, false, true);
	if (!pop)
		pop = nearest(group, false, false);
	if (pop) {
		share.egress_pop = pop->pop;
		share.rtt_ms = pop->rtt_ms;
	}
	*ret_share = share;
}

static bool nearer(const struct ctl_balance_share *a, const struct ctl_balance_share *b)
{
	return a->rtt_ms < b->rtt_ms || (a->rtt_ms == b->rtt_ms && a->group < b->group);
}

/* Shares, as fractions; the groups are in order of distance. */
static void pour(const struct ctl_balance_share *share, const uint8_t *dial, size_t n, double *fraction)
{
	double coming = 1, failed = 0;
	size_t home = n;
	for (size_t i = 0; i < n; i++)
		if (share[i].healthy && (home == n || (!dial[home] && dial[i])))
			home = i;
	for (size_t i = 0; i < n; i++) {
		double own = coming * dial[i] / 100;
		coming -= own;
		fraction[i] = share[i].healthy ? own + failed : 0;
		failed = share[i].healthy ? 0 : failed + own;
	}
	fraction[home < n ? home : 0] += coming + failed;
}

/* Weights in proportion that sum to the whole: each gets its floor, the largest remainders the rest. */
static void apportion(struct ctl_balance_share *share, size_t n, const double *fraction)
{
	double remainder[CTL_BALANCE_MAX_GROUPS];
	uint32_t left = CTL_BALANCE_WHOLE;
	for (size_t i = 0; i < n; i++) {
		double exact = fraction[i] * CTL_BALANCE_WHOLE;
		share[i].weight = (uint32_t)exact;
		remainder[i] = fraction[i] > 0 ? exact - share[i].weight : -1;
		left -= share[i].weight;
	}
	for (; left; left--) {
		size_t most = 0;
		for (size_t i = 1; i < n; i++)
			if (remainder[i] > remainder[most])
				most = i;
		share[most].weight++;
		remainder[most] -= 1;
	}
}

static void add_candidate(struct ctl_balance_share *share, uint16_t pop)
{
	if (!pop || pop == share->egress_pop)
		return;
	for (unsigned i = 0; i < WIRE_STEER_MAX_CANDIDATES; i++) {
		if (share->candidate[i] == pop)
			return;
		if (!share->candidate[i]) {
			share->candidate[i] = pop;
			return;
		}
	}
}

/* Who may hold the state of a flow that this POP would send to `share`: the group's other egress POPs, near ones first,
 * drained and unhealthy ones too (they keep their old flows); then the egresses of the next groups. */
static void list_candidates(struct ctl_balance_share *share, const struct ctl_balance_group *group,
    const struct ctl_balance_share *all, size_t n)
{
	bool listed[CTL_BALANCE_MAX_POPS] = {false};
	for (unsigned round = 0; round < group->n_pops; round++) {
		unsigned best = group->n_pops;
		for (unsigned i = 0; i < group->n_pops; i++)
			if (!listed[i] && (best == group->n_pops || group->pop[i].rtt_ms < group->pop[best].rtt_ms))
				best = i;
		listed[best] = true;
		if (!isinf(group->pop[best].rtt_ms))
			add_candidate(share, group->pop[best].pop);
	}
	for (size_t i = 0; i < n; i++)
		if (!isinf(all[i].rtt_ms))
			add_candidate(share, all[i].egress_pop);
}

int ctl_balance_split(const struct ctl_balance_group *group, size_t n, struct ctl_balance_share *ret_share)
{
	struct ctl_balance_share share[CTL_BALANCE_MAX_GROUPS];
	uint8_t dial[CTL_BALANCE_MAX_GROUPS], from[CTL_BALANCE_MAX_GROUPS];
	double fraction[CTL_BALANCE_MAX_GROUPS];
	if (n > CTL_BALANCE_MAX_GROUPS)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (group[i].dial > 100 || group[i].n_pops > CTL_BALANCE_MAX_POPS)
			return -EINVAL;
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct ctl_balance_share mine;
		size_t at = i;
		choose_egress(&group[i], &mine);
		for (; at > 0 && nearer(&mine, &share[at - 1]); at--) {
			share[at] = share[at - 1];
			from[at] = from[at - 1];
		}
		share[at] = mine;
		from[at] = (uint8_t)i;
	}
	for (size_t i = 0; i < n; i++)
		dial[i] = group[from[i]].dial;
	pour(share, dial, n, fraction);
	apportion(share, n, fraction);
	for (size_t i = 0; i < n; i++)
		list_candidates(&share[i], &group[from[i]], share, n);
	memcpy(ret_share, share, n * sizeof(*share));
	return 0;
}
