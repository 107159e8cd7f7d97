/* SPDX-License-Identifier: BSD-2-Clause */
/* One trial: send at a rate for a time, receive until the stragglers are in, and say what came back. */
#pragma once

#include <signal.h>
#include <stdint.h>

#include "tools/pktgen/check.h"
#include "tools/pktgen/flows.h"
#include "tools/pktgen/port.h"

struct trial {
	const struct flow_set *set;
	uint16_t size; /* of the frame without FCS; 0: IMIX */
	double rate;   /* packets per second; 0: as fast as the port takes them */
	double seconds;
	double drain_seconds; /* how long to wait for stragglers */
	uint32_t number;      /* marks this trial's packets */
	struct port *tx, *rx; /* may be the same */
	volatile sig_atomic_t *stop;
	/* Called about once a second while it runs; may be NULL. */
	void (*progress)(const struct trial *trial, uint64_t sent, const struct check *check, double elapsed);
};

struct trial_result {
	uint64_t sent, sent_bytes;
	uint64_t unsent; /* wanted by the rate but refused by the port */
	double seconds;  /* of sending */
	struct check check;
};

/* Runs on the calling lcore. ret_result is large: keep it off the stack. Returns 0 or -ENOMEM (no buffers). */
int trial_run(const struct trial *trial, struct trial_result *ret_result);
