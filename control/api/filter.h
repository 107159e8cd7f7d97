/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter of flows and packets in a request's parameters. */
#pragma once

#include "control/api/router.h"

/* limit: fallback if there is none, max at most. On a mistake the request is answered and the result -errno. */
int ctl_api_filter(const struct ctl_api_view *view, const struct ctl_api_request *request,
    struct ctl_api_answer *answer, uint64_t max, uint64_t fallback, struct wire_ctl_filter *ret_filter);
