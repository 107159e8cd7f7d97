/* SPDX-License-Identifier: BSD-2-Clause */
/* One trial: send at a rate for a time, receive until the stragglers are in, and say what came back. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/pktgen/check.h"
#include "tools/pktgen/port.h"
#include "tools/pktgen/traffic.h"

struct trial_result;

struct trial {
	struct traffic *traffic; /* started; later trials go on with its connections */
	double rate;             /* packets per second; 0: as fast as the port takes them */
	double seconds;
	double drain_seconds; /* how long to wait for stragglers */
	uint32_t number;      /* marks this trial's packets */
	struct port *tx, *rx; /* may be the same */
	volatile sig_atomic_t *stop;
	uint64_t (*clock)(void); /* ticks; called about once a burst */
	uint64_t hz;             /* of the clock */
	/* Packets so far that a device in this process had ready but found no room for, because we did not fetch them in
	 * time; NULL: there is no such device. */
	uint64_t (*left_there)(const void *device);
	const void *device;
	/* Called about once a second while it sends; may be NULL. */
	void (*progress)(const struct trial *trial, struct trial_result *now);
};

struct trial_result {
	uint64_t sent, sent_bytes;
	uint64_t connections; /* begun */
	uint64_t unsent;      /* wanted by the rate but refused by the port */
	uint64_t unfetched;   /* came back, but the generator's own queue was full */
	double seconds;       /* of sending */
	struct check check;
};

/* Sent, and lost by the device: not by us. */
uint64_t trial_lost(const struct trial_result *result);

/* The share of that; of nothing sent: all. */
double trial_loss(const struct trial_result *result);

/* Whether the generator, not the device, kept the trial from its rate, there or back: by more than 1%. */
bool trial_fell_short(const struct trial_result *result);

/* Runs on the calling lcore. ret_result is large: keep it off the stack. Returns 0 or -ENOMEM (no buffers). */
int trial_run(const struct trial *trial, struct trial_result *ret_result);
