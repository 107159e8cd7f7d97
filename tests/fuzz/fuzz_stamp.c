/* SPDX-License-Identifier: BSD-2-Clause */
/* STAMP from the network: the input is a row of packets of up to 44 bytes and more, as probe and as reply. */
#include <stdlib.h>
#include <string.h>

#include "probes/estimator.h"
#include "probes/stamp.h"
#include "tests/fuzz/expect.h"

#define WALL     1700000000000000000ull
#define INTERVAL 50000000ull

static const struct probe_keys keys = {.n = 2, .key = {{1}, {2}}};

/* Each extension that the walk of RFC 8972 finds lies where it lay and is as long as it was. */
static void expect_same_shape(const uint8_t *before, const uint8_t *after, size_t size)
{
	for (size_t at = 0, one; at < size; at += one) {
		one = wire_stamp_tlv_size(before + at, (uint32_t)(size - at));
		EXPECT(one == wire_stamp_tlv_size(after + at, (uint32_t)(size - at)));
		if (one == 0)
			break;
		EXPECT(after[at + 1] == before[at + 1]);
	}
}

static void as_probe(const uint8_t *data, size_t size, const struct probe_keys *with)
{
	struct probe_stamp_probe asked, answered;
	struct probe_stamp_reply reply;
	struct probe_stamp_answer answer = {.sequence = 5, .ttl = 64, .t2 = WALL, .t3 = WALL + 1000};
	size_t base = with ? WIRE_STAMP_AUTH_SIZE : WIRE_STAMP_SIZE;
	uint8_t *packet = malloc(size ? size : 1), tos = 0;
	bool answerable;
	EXPECT(packet);
	memcpy(packet, data, size);
	answer.facts.counted = size % 2;
	enum probe_stamp_flaw flaw = probe_stamp_read_probe(packet, size, with, &asked);
	EXPECT((flaw == PROBE_STAMP_SHORT) == (size < (with ? base : WIRE_TWAMP_SIZE)));
	enum probe_stamp_flaw reflected = probe_stamp_reflect(packet, size, with, &answer, &tos, &answerable);
	EXPECT(answerable == (flaw == PROBE_STAMP_GOOD) && (answerable || reflected == flaw));
	if (!answerable) {
		EXPECT(memcmp(packet, data, size) == 0);
	} else {
		EXPECT(probe_stamp_read_reply(packet, size, with, &reply) == PROBE_STAMP_GOOD);
		EXPECT(reply.sequence == asked.sequence && reply.session_id == asked.session_id);
		EXPECT(with || (probe_stamp_read_probe(packet, size, NULL, &answered) == PROBE_STAMP_GOOD &&
		                   answered.session_id == asked.session_id));
		if (size > base)
			expect_same_shape(data + base, packet + base, size - base);
	}
	free(packet);
}

/* The same with right HMACs, which no fuzzer finds. */
static void as_sealed_probe(const uint8_t *data, size_t size)
{
	size_t tlvs = size > WIRE_STAMP_AUTH_SIZE ? size - WIRE_STAMP_AUTH_SIZE : 0;
	const size_t tag = WIRE_STAMP_TLV_HEADER + WIRE_STAMP_TLV_HMAC_SIZE;
	uint8_t *packet = calloc(1, WIRE_STAMP_AUTH_SIZE + tlvs + tag);
	EXPECT(packet);
	memcpy(packet, data, size < WIRE_STAMP_AUTH_SIZE ? size : WIRE_STAMP_AUTH_SIZE + tlvs);
	bool done = probe_hmac(keys.key[1], packet, WIRE_STAMP_AUTH_COVERED, NULL, 0, packet + WIRE_STAMP_AUTH_COVERED);
	if (WIRE_STAMP_AUTH_SIZE + tlvs + tag <= PROBE_HMAC_MAX)
		done = done && probe_tlv_sign(packet + WIRE_STAMP_AUTH_SIZE, tlvs, keys.key[0], packet);
	as_probe(packet, WIRE_STAMP_AUTH_SIZE + tlvs + tag, &keys);
	EXPECT(done);
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
	for (size_t at = 0; at < size && probe_stamp_read_reply(data + at, size - at, NULL, &r) == PROBE_STAMP_GOOD;
	     at += WIRE_STAMP_SIZE, now += INTERVAL) {
		probe_estimator_sent(&e, WALL + now, now);
		struct probe_reply reply = {.sequence = r.sequence,
		    .reflector_sequence = r.reflector_sequence,
		    .t1 = r.t1,
		    .t2 = r.t2,
		    .t3 = r.t3,
		    .t4 = WALL + now + 1000,
		    .arrival_ns = now + 1000};
		if (probe_estimator_reply(&e, &reply, &sample))
			probe_estimator_left_later(&e, r.sequence, r.t1 % (2 * sample.rtt_ns + 1));
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
	if (size <= PROBE_HMAC_MAX) {
		as_probe(data, size, NULL);
		as_probe(data, size, &keys);
		as_sealed_probe(data, size);
	}
	as_replies(data, size);
	return 0;
}
