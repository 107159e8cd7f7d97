/* SPDX-License-Identifier: BSD-2-Clause */
/* STAMP from the network: the input is a row of packets of up to 44 bytes and more, as probe and as reply. */
#include <stdlib.h>
#include <string.h>

#include "probes/estimator.h"
#include "probes/stamp.h"
#include "tests/fuzz/expect.h"

#define WALL     1700000000000000000ull
#define INTERVAL 50000000ull

static void as_probe(const uint8_t *data, size_t size)
{
	uint8_t *packet = malloc(size ? size : 1);
	EXPECT(packet);
	memcpy(packet, data, size);
	uint16_t asked = 0, answered = 1;
	bool session = probe_stamp_read_session(packet, size, &asked);
	bool reflected = probe_stamp_reflect(packet, size, 5, 64, WALL, WALL + 1000);
	EXPECT(session == (size >= WIRE_STAMP_SIZE) && reflected == session);
	size_t kept = reflected ? WIRE_STAMP_SIZE : 0;
	EXPECT(memcmp(packet + kept, data + kept, size - kept) == 0);
	if (reflected) {
		EXPECT(probe_stamp_read_session(packet, size, &answered) && answered == asked);
		EXPECT(memcmp(packet + 24, data, 12) == 0);
	}
	free(packet);
}

static void as_replies(const uint8_t *data, size_t size)
{
	static struct probe_estimator e;
	struct probe_stamp_reply r;
	struct probe_sample sample;
	struct probe_estimate estimate;
	uint64_t now = INTERVAL;
	probe_estimator_init(&e, INTERVAL, now);
	for (size_t at = 0; probe_stamp_read_reply(data + at, size - at, &r); at += WIRE_STAMP_SIZE, now += INTERVAL) {
		probe_estimator_sent(&e, WALL + now, now);
		struct probe_reply reply = {.sequence = r.sequence,
		    .reflector_sequence = r.reflector_sequence,
		    .t1 = r.t1,
		    .t2 = r.t2,
		    .t3 = r.t3,
		    .t4 = WALL + now + 1000,
		    .arrival_ns = now + 1000};
		probe_estimator_reply(&e, &reply, &sample);
		probe_estimator_tick(&e, now + 2000);
	}
	probe_estimator_get(&e, now + 2 * PROBE_SETTLE_NS, &estimate);
	EXPECT(estimate.loss >= 0 && estimate.loss <= 1);
	EXPECT(estimate.forward.loss >= 0 && estimate.forward.loss <= 1);
	EXPECT(estimate.back.loss >= 0 && estimate.back.loss <= 1);
	EXPECT(estimate.min_rtt_ns <= estimate.p50_rtt_ns && estimate.p95_rtt_ns <= estimate.p99_rtt_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_probe(data, size);
	as_replies(data, size);
	return 0;
}
