/* SPDX-License-Identifier: BSD-2-Clause */
/* What is checked here already, because it becomes part of a path of the API's. A mistake is printed as one line. */
#pragma once

#include "tools/ctl/args.h"

/* Whether an object may be called so; what: "policy", for the line. */
bool cli_name_is_good(const char *what, const char *name);

/* A whole number from 1 to most of an option; 0 if it is not given, -1 with a line printed if it is none. */
long cli_number(const struct cli_args *args, enum cli_option_id option, long most);
