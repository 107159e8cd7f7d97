/* SPDX-License-Identifier: BSD-2-Clause */
/* For commands that show one answer of the API. */
#pragma once

#include "tools/ctl/args.h"
#include "tools/ctl/noun.h"

/* Asks for the path, and prints the answer as it is (--json) or as the noun's tables. */
enum cli_exit cli_ask_and_show(const struct cli_args *args, const char *path, const struct cli_noun *noun);
