/* SPDX-License-Identifier: BSD-2-Clause */
/* fra1 of tests/journey/world.h, which is ingress, relay and egress, gets the input as a list of frames, as fuzz_journeys
 * does; of `how` only bits 2 and 6 are looked at. Every frame is parsed, classified and taken by its journey, and what is
 * sent goes nowhere: that costs less, and so is done more often. At its end the program says how many frames there were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/fragment.h"
#include "tests/fuzz/expect.h"
#include "tests/journey/check.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"

#define MOST_FRAMES       255u
#define FRAMES_OF_A_WORLD 20000000u
#define HEADER            14u

enum how { RAW = 0x04, AS_IT_IS = 0x40 };

static uint64_t frames;

static void say_how_many(void)
{
	fprintf(stderr, "%lu frames classified\n", (unsigned long)frames);
}

/* A world costs milliseconds; its tables fill meanwhile. */
static void renew_world(void)
{
	static uint64_t next;
	if (frames < next)
		return;
	if (next)
		world_end();
	else
		atexit(say_how_many);
	next = frames + FRAMES_OF_A_WORLD;
	world_begin(1);
}

static void give(uint8_t how, const uint8_t *bytes, uint8_t length)
{
	static struct packet p;
	uint8_t frame[HEADER + UINT8_MAX] = {0};
	frames++;
	if (how & RAW) {
		receive_frame(FRA1, 0, bytes, length);
		return;
	}
	p.length = length;
	memcpy(p.bytes, bytes, length);
	if (!(how & AS_IT_IS))
		set_right(&p);
	wire_put_be16(frame + 12, length && is_v6(&p) ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4);
	memcpy(frame + HEADER, p.bytes, length);
	receive_frame(FRA1, 0, frame, (uint16_t)(HEADER + length));
}

static void forget_sent(void)
{
	struct rte_mbuf *m;
	while ((m = dp_workers_sent(worker(FRA1, 0)->set, 0)) || (m = dp_workers_punted(worker(FRA1, 0)->set, 0)))
		rte_pktmbuf_free(m);
}

static unsigned free_buffers(void)
{
	const struct dp_worker *w = worker(FRA1, 0);
	return rte_mempool_avail_count(dp_workers_pool(w->set)) + lb_fragment_held(w->fragments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	renew_world();
	forget_sent();
	unsigned before = free_buffers();
	for (unsigned n = 0; size >= 2 && n < MOST_FRAMES; n++) {
		uint8_t length = size - 2 < data[1] ? (uint8_t)(size - 2) : data[1];
		give(data[0], data + 2, length);
		forget_sent();
		data += 2u + length;
		size -= 2u + length;
	}
	CHECK(free_buffers() == before, "%u buffers before, %u after", before, free_buffers());
	return 0;
}
