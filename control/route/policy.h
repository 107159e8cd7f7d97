/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rule applies. Internal to control/route. Pure. */
#pragma once

#include "control/route/types.h"

/* 0, or -EINVAL: too many classes or rules, a class that asks for more than ROUTE_MAX_RELAYS, a pin that is
 * not sound. */
int route_policy_check(const struct route_policy *policy);

/* The rule for traffic of a class between two POPs, or NULL. Of those that match and have not expired the most specific
 * wins: accelerator counts most, then class, then `to`, then `from`; of equals the last. */
const struct route_rule *route_policy_rule(
    const struct route_policy *policy, const struct route_class *class, uint16_t from, uint16_t to, uint64_t now_ns);

/* When the next rule expires; UINT64_MAX: none will. */
uint64_t route_policy_next_expiry(const struct route_policy *policy, uint64_t now_ns);
