/* SPDX-License-Identifier: BSD-2-Clause */
/* One trial of a target: connect, or connect and GET. Internal to control/health. */
#pragma once

#include "control/health/health.h"

struct ctl_trials; /* what all trials of a loop share */
struct ctl_trial;

/* Called once, from the loop, unless cancelled. `detail` is short and for people. */
typedef void (*ctl_trial_done)(void *arg, bool good, const char *detail, uint32_t rtt_us);

int ctl_trials_new(uv_loop_t *loop, struct ctl_trials **ret_trials); /* 0 or -ENOMEM */
void ctl_trials_close(struct ctl_trials *trials); /* cancel all trials first; memory is freed from the loop */

/* The target is only read during the call. 0 or -errno: then done is not called. */
int ctl_trial_start(struct ctl_trials *trials, const struct ctl_health_target *target, ctl_trial_done done, void *arg,
    struct ctl_trial **ret_trial);
void ctl_trial_cancel(struct ctl_trial *trial);
