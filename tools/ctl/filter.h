/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of flows and packets. Pure. */
#pragma once

#include "tools/ctl/args.h"

/* A filter for flows and packets from words such as 192.0.2.7 tcp :443 203.0.113.10:8443, as the API's query:
 * "address=192.0.2.7&protocol=tcp&port=443". Returns 0, -EINVAL with one line in ret_error, or -ENOSPC. */
int cli_filter_query(
    const char *const *word, unsigned n, char *ret_query, size_t size, char ret_error[static CLI_ERROR_SIZE]);
