/* SPDX-License-Identifier: BSD-2-Clause */
/* What each command does; the table in command.c names these. */
#pragma once

#include "tools/ctl/args.h"

typedef enum cli_exit cli_run(const struct cli_args *args);

cli_run cli_run_show, cli_run_explain, cli_run_history, cli_run_accuracy, cli_run_apply, cli_run_policy_set,
    cli_run_policy_unset, cli_run_delete, cli_run_drain, cli_run_undrain, cli_run_trace, cli_run_capture;

/* The help of the command or of the group of commands, or the general one, on standard output. */
void cli_help(const struct cli_args *args);
