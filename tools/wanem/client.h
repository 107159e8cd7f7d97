/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/client.h: the commands of a running emulator, for people and scripts. */
#pragma once

/* Runs `set`, `show [--json]`, `reset` or `selftest` with its arguments (argv[0] is the command) against the emulator
 * at `socket`. Prints to stdout, mistakes to stderr. Returns the program's exit status. */
int wanem_client(const char *socket, int argc, char **argv);
