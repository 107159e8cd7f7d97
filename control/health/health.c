/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/health/health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/health/trial.h"
#include "control/health/verdict.h"

/* First checks are spread over so long at most, so that a start is not a storm but nobody waits a long interval. */
#define FIRST_SPREAD_MS 200u

struct checked {
	struct ctl_health *health;
	struct checked *next;
	struct ctl_health_target target;
	struct ctl_health_result result;
	struct ctl_verdict verdict;
	struct ctl_trial *trial; /* under way */
	uv_timer_t timer;
	bool wanted; /* while ctl_health_set() runs */
};

struct ctl_health {
	uv_loop_t *loop;
	void (*changed)(void *arg, const struct ctl_health_result *result);
	void *arg;
	struct ctl_trials *trials;
	struct checked *first;
	struct checked **by_endpoint; /* sorted */
	size_t n;
};

static void conclude(struct checked *checked, bool good, const char *detail, uint32_t rtt_us)
{
	struct ctl_health *health = checked->health;
	struct ctl_health_result *result = &checked->result;
	result->checked_ns = uv_hrtime();
	if (good)
		result->rtt_us = rtt_us;
	snprintf(result->detail, sizeof(result->detail), "%s", detail);
	if (!ctl_verdict_take(&checked->verdict, good, checked->target.rise, checked->target.fall))
		return;
	result->verdict = checked->verdict.now;
	result->changed_ns = result->checked_ns;
	if (health->changed)
		health->changed(health->arg, result);
}

static void on_done(void *arg, bool good, const char *detail, uint32_t rtt_us)
{
	struct checked *checked = arg;
	checked->trial = NULL;
	conclude(checked, good, detail, rtt_us);
}

static void on_interval(uv_timer_t *timer)
{
	struct checked *checked = timer->data;
	if (checked->target.type == CTL_HEALTH_NONE) {
		conclude(checked, true, "not checked", 0);
		uv_timer_stop(timer);
		return;
	}
	if (checked->trial) /* a timeout longer than the interval */
		return;
	int error = ctl_trial_start(checked->health->trials, &checked->target, on_done, checked, &checked->trial);
	if (error)
		conclude(checked, false, strerror(-error), 0);
}

static void on_checked_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop(struct checked *checked)
{
	if (checked->trial)
		ctl_trial_cancel(checked->trial);
	uv_close((uv_handle_t *)&checked->timer, on_checked_closed);
}

static int add(struct ctl_health *health, const struct ctl_health_target *target, uint64_t delay_ms)
{
	struct checked *checked = calloc(1, sizeof(*checked));
	if (!checked)
		return -ENOMEM;
	*checked = (struct checked){.health = health,
	    .next = health->first,
	    .target = *target,
	    .result = {.endpoint = target->endpoint},
	    .wanted = true};
	health->first = checked;
	uv_timer_init(health->loop, &checked->timer);
	checked->timer.data = checked;
	uv_timer_start(&checked->timer, on_interval, delay_ms, target->interval_ms);
	return 0;
}

static int compare_id(const void *id, const void *entry)
{
	uint32_t a = *(const uint32_t *)id, b = (*(struct checked *const *)entry)->target.endpoint;
	return (a > b) - (a < b);
}

static int by_endpoint(const void *left, const void *right)
{
	return compare_id(&(*(struct checked *const *)left)->target.endpoint, right);
}

static struct checked *find(const struct ctl_health *health, uint32_t endpoint)
{
	struct checked **found = NULL;
	if (health->n)
		found = bsearch(&endpoint, health->by_endpoint, health->n, sizeof(struct checked *), compare_id);
	return found ? *found : NULL;
}

/* Of those on the list; there is room for all of them. */
static void index_all(struct ctl_health *health)
{
	health->n = 0;
	for (struct checked *checked = health->first; checked; checked = checked->next)
		health->by_endpoint[health->n++] = checked;
	if (health->n)
		qsort(health->by_endpoint, health->n, sizeof(struct checked *), by_endpoint);
}

static bool same_target(const struct ctl_health_target *a, const struct ctl_health_target *b)
{
	return a->type == b->type && wire_addr_equal(&a->address, &b->address) && a->port == b->port &&
	       a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms && a->rise == b->rise &&
	       a->fall == b->fall && !strcmp(a->path, b->path);
}

static int by_id(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return (a > b) - (a < b);
}

static int check_targets(const struct ctl_health_target *target, size_t n)
{
	uint32_t *id = malloc((n + 1) * sizeof(*id));
	int error = id ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && !error; i++) {
		id[i] = target[i].endpoint;
		if (!target[i].interval_ms || !target[i].timeout_ms || !target[i].rise || !target[i].fall)
			error = -EINVAL;
	}
	if (!error && n)
		qsort(id, n, sizeof(*id), by_id);
	for (size_t i = 1; i < n && !error; i++)
		error = id[i] == id[i - 1] ? -EINVAL : 0;
	free(id);
	return error;
}

static void drop_unwanted(struct ctl_health *health)
{
	for (struct checked **at = &health->first, *checked; (checked = *at);) {
		if (checked->wanted) {
			at = &checked->next;
			continue;
		}
		*at = checked->next;
		drop(checked);
	}
	index_all(health);
}

int ctl_health_set(struct ctl_health *health, const struct ctl_health_target *target, size_t n)
{
	int error = check_targets(target, n);
	if (error)
		return error;
	struct checked **larger = reallocarray(health->by_endpoint, health->n + n + 1, sizeof(struct checked *));
	if (!larger)
		return -ENOMEM;
	health->by_endpoint = larger;
	for (struct checked *checked = health->first; checked; checked = checked->next)
		checked->wanted = false;
	for (size_t i = 0; i < n; i++) {
		struct checked *known = find(health, target[i].endpoint);
		if (known && same_target(&known->target, &target[i]))
			known->wanted = true;
	}
	drop_unwanted(health);
	for (size_t i = 0; i < n && !error; i++)
		if (!find(health, target[i].endpoint))
			error = add(health, &target[i], i * FIRST_SPREAD_MS / n);
	index_all(health);
	return error;
}

const struct ctl_health_result *ctl_health_get(const struct ctl_health *health, uint32_t endpoint)
{
	const struct checked *checked = find(health, endpoint);
	return checked ? &checked->result : NULL;
}

int ctl_health_new(uv_loop_t *loop, void (*changed)(void *arg, const struct ctl_health_result *result), void *arg,
    struct ctl_health **ret_health)
{
	struct ctl_health *health = calloc(1, sizeof(*health));
	if (!health)
		return -ENOMEM;
	*health = (struct ctl_health){.loop = loop, .changed = changed, .arg = arg};
	int error = ctl_trials_new(loop, &health->trials);
	if (error) {
		free(health);
		return error;
	}
	*ret_health = health;
	return 0;
}

void ctl_health_close(struct ctl_health *health)
{
	if (!health)
		return;
	for (struct checked *checked = health->first; checked; checked = checked->next)
		checked->wanted = false;
	drop_unwanted(health);
	ctl_trials_close(health->trials);
	free(health->by_endpoint);
	free(health);
}
