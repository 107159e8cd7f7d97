/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of packets for whoever looks on: as they come in, before anything is done to them, and as they go out.
 *
 * Each worker copies what matches into a ring of its own, made when a capture starts; the main thread takes it from
 * there. Nobody waits: what finds the ring full is counted, and the next copy says how many are missing. While nothing is
 * captured this costs a load and a branch per burst. */
#pragma once

#include "dataplane/worker.h"

#define DP_CAPTURE_SLOTS 512u /* packets per worker that wait for the main thread: 1 MiB */

/* One waiting copy. */
struct dp_captured {
	struct wire_ctl_captured head;
	uint8_t bytes[WIRE_CTL_MAX_SNAP];
};

/* One capture; shared by the main thread through dp_shared.capture, freed when all workers have passed. */
struct dp_capture {
	struct wire_ctl_filter filter;
	bool everything; /* the filter is empty: also what is no IP */
	uint16_t snap;   /* bytes of a packet at most */
	uint16_t workers;
	struct {
		struct rte_ring *ring; /* of struct dp_captured, this worker to the main thread */
		uint32_t missed;       /* since the last one that found room; the worker's */
		char pad[48];          /* a cache line each */
	} lane[DP_MAX_WORKERS];
};

/* For the main thread. Returns 0 or -ENOMEM. */
int dp_capture_create(uint16_t workers, const struct wire_ctl_filter *filter, struct dp_capture **ret_capture);
void dp_capture_destroy(struct dp_capture *capture);
/* The next copy of a worker, or -ENOENT. */
int dp_capture_next(struct dp_capture *capture, uint16_t worker, struct dp_captured *ret_captured);
bool dp_capture_waits(const struct dp_capture *capture);

/* For the worker: copies those of pkts[n] that match. */
void dp_capture_take(struct dp_worker *w, struct dp_capture *capture, struct rte_mbuf *const *pkts, unsigned n,
    uint16_t port, enum wire_ctl_capture_direction direction);

static inline void dp_capture(struct dp_worker *w, struct rte_mbuf *const *pkts, unsigned n, uint16_t port,
    enum wire_ctl_capture_direction direction)
{
	struct dp_capture *capture = atomic_load_explicit(&dp_shared(w)->capture, memory_order_acquire);
	if (__builtin_expect(capture != NULL, 0))
		dp_capture_take(w, capture, pkts, n, port, direction);
}
