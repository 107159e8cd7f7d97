/* SPDX-License-Identifier: BSD-2-Clause */
/* Health checks of endpoints, on libuv: TCP connect, or HTTP GET that must answer 200 .. 399. Run at the egress POPs of
 * the endpoint's group. A verdict changes after `rise` good or `fall` bad results in a row; the first result of a new
 * target is its verdict at once. Checks of many targets are spread over the interval. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "wire/address.h"

enum ctl_health_type { CTL_HEALTH_NONE, CTL_HEALTH_TCP, CTL_HEALTH_HTTP };
enum ctl_health_verdict { CTL_HEALTH_UNKNOWN, CTL_HEALTH_UP, CTL_HEALTH_DOWN };

struct ctl_health_target {
	uint32_t endpoint;         /* id; unique among targets */
	enum ctl_health_type type; /* NONE: always up */
	struct wire_addr address;
	uint16_t port; /* where to check: the check's own port or the endpoint's */
	uint32_t interval_ms;
	uint32_t timeout_ms;
	uint16_t rise;
	uint16_t fall;
	char path[256]; /* HTTP, begins with a slash */
};

struct ctl_health_result {
	uint32_t endpoint;
	enum ctl_health_verdict verdict;
	uint64_t checked_ns; /* uv_hrtime of the last result; 0: none yet */
	uint64_t changed_ns;
	uint32_t rtt_us; /* of the last good result */
	char detail[64]; /* of the last result: "connected", "200", "refused", "timed out", … */
};

struct ctl_health;

/* `changed` is called from the loop when a verdict changes. Returns 0 or -errno. */
int ctl_health_new(uv_loop_t *loop, void (*changed)(void *arg, const struct ctl_health_result *result), void *arg,
    struct ctl_health **ret_health);
void ctl_health_close(struct ctl_health *health); /* memory is freed from the loop */

/* The targets from now on; those that were there and have not changed keep their verdict. -EINVAL: an endpoint twice, or
 * an interval, timeout, rise or fall of 0; then nothing changes. -ENOMEM: some may not be checked. */
int ctl_health_set(struct ctl_health *health, const struct ctl_health_target *target, size_t n);

/* The result for an endpoint, or NULL if it is no target. Valid until the next call of ctl_health_set(). */
const struct ctl_health_result *ctl_health_get(const struct ctl_health *health, uint32_t endpoint);
