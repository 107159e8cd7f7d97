/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/loop.h: moves frames between the wires and the emulator, on time, in one thread. */
#pragma once

#include <signal.h>

#include "tools/wanem/emulator.h"
#include "tools/wanem/wire.h"

/* Runs until *stop. wire[i] belongs to port i; `server` listens. Returns 0 or -errno. */
int wanem_loop_run(struct wanem_emulator *e, struct wanem_wire *wire, int server, const volatile sig_atomic_t *stop);
