/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of flows and packets. Pure. */
#pragma once

#include "tools/ctl/args.h"

/* A filter from words such as 192.0.2.7 tcp :443 203.0.113.10:8443, as the API's query:
 * "address=192.0.2.7&protocol=tcp&port=443". One of flows may also have: client|vip|endpoint ADDRESS[:PORT], ingress,
 * egress, state STATE, pop POP. Returns 0; -EINVAL with one line in ret_error; -ENOSPC or -ENOMEM. */
int cli_filter_query(const char *const *word, unsigned n, bool of_flows, char *ret_query, size_t size,
    char ret_error[static CLI_ERROR_SIZE]);
