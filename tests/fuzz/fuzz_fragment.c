/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of fragments under any sequence of them: each packet that it takes comes back exactly once, and what passes
 * of a datagram never overlaps. Input: 4 bytes a fragment: datagram and time, offset, length, flags. */
#include <stdlib.h>
#include <string.h>

#include "lb/fragment.h"
#include "tests/fuzz/expect.h"

#define DATAGRAMS 8u
#define UNITS     (256u + 64u)
#define PACKETS   4096u

static bool with_table[PACKETS];
static bool passed[256][UNITS];
static uint32_t serial[256];

static void insist(bool condition)
{
	if (!condition)
		abort();
}

static void come_back(void *const packet[], unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		uintptr_t number = (uintptr_t)packet[k];
		insist(number && number < PACKETS && with_table[number]);
		with_table[number] = false;
	}
}

/* The table begins a datagram anew when it has forgotten it, and its fragments may come again. */
static void pass(uint8_t id, const struct lb_fragment *f, const struct lb_fragment_result *r)
{
	insist(r->src_port == id && r->n_released <= LB_FRAGMENT_HELD && (f->begin == 0 || r->n_released == 0));
	if (serial[id] != r->serial)
		memset(passed[id], 0, sizeof(passed[id]));
	serial[id] = r->serial;
	for (uint32_t unit = f->begin / 8; unit < (f->end + 7) / 8; unit++) {
		insist(!passed[id][unit]);
		passed[id][unit] = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(64) uint8_t memory[8192];
	struct lb_fragment_table *table;
	uint64_t now = 0;
	insist(lb_fragment_table_init(memory, sizeof(memory), DATAGRAMS, 20, &table) == 0);
	memset(with_table, 0, sizeof(with_table));
	memset(serial, 0, sizeof(serial));
	memset(passed, 0, sizeof(passed));
	for (uintptr_t packet = 1; size >= 4 && packet < PACKETS; packet++, data += 4, size -= 4) {
		uint8_t id = data[0] & 0x3f;
		now += data[0] & 0x40 ? 500000000u : 1;
		struct wire_addr a = wire_addr_from_v4((uint8_t[4]){192, 0, 2, id});
		struct lb_flow_key key = lb_fragment_key(&a, &a, id, 17);
		struct lb_fragment f = {.begin = data[1] * 8u,
		    .end = data[1] * 8u + (data[2] & 0x3fu) * 8u + (data[3] & 7u),
		    .last = data[3] & 8,
		    .src_port = id,
		    .packet = (void *)packet};
		struct lb_fragment_result r;
		lb_fragment_take(table, &key, lb_flow_hash(&key), &f, now, &r);
		with_table[packet] = r.verdict == LB_FRAGMENT_HOLD;
		come_back(r.forgotten, r.n_forgotten);
		if (r.verdict != LB_FRAGMENT_PASS)
			continue;
		come_back(r.released, r.n_released);
		pass(id, &f, &r);
	}
	void *packet[LB_FRAGMENT_HELD];
	now += 2ull * LB_FRAGMENT_LIFE_MS * 1000000u;
	for (unsigned n; (n = lb_fragment_sweep(table, now, DATAGRAMS, packet)) != 0;)
		come_back(packet, n);
	insist(lb_fragment_held(table) == 0);
	for (unsigned number = 0; number < PACKETS; number++)
		insist(!with_table[number]);
	return 0;
}
