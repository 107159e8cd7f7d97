/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "wire/packet.h"

static struct lb_flow_key key_of(uint32_t client, uint16_t port)
{
	uint8_t vip[4] = {203, 0, 113, 10},
	        address[4] = {10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client};
	return (struct lb_flow_key){.client = wire_addr_from_v4(address),
	    .vip = wire_addr_from_v4(vip),
	    .client_port = port,
	    .vip_port = 443,
	    .protocol = WIRE_PROTO_TCP};
}

/* Every POP of a cluster must agree, also across versions: a change of these numbers moves every flow. */
Test(hash, never_changes)
{
	struct lb_flow_key key = key_of(0x000207, 5000);
	cr_assert(lb_flow_hash(&key) == 0xe7220f690b0bc2efu, "0x%016lx", lb_flow_hash(&key));
	for (int i = 0; i < 16; i++)
		key.client.bytes[i] = (uint8_t)(i * 17), key.vip.bytes[i] = (uint8_t)(255 - i * 3);
	cr_assert(lb_flow_hash(&key) == 0x9d71e74416395aedu, "0x%016lx", lb_flow_hash(&key));
}

Test(hash, of_a_key_that_differs_in_one_bit_differs_in_about_half_the_bits)
{
	srand(1);
	for (int bit = 0; bit < 37 * 8; bit++) {
		int flipped[64] = {0};
		for (int round = 0; round < 400; round++) {
			struct lb_flow_key key = key_of((uint32_t)rand(), (uint16_t)rand());
			uint64_t before = lb_flow_hash(&key);
			((uint8_t *)&key)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			uint64_t changed = before ^ lb_flow_hash(&key);
			for (int i = 0; i < 64; i++)
				flipped[i] += (int)(changed >> i & 1);
		}
		for (int i = 0; i < 64; i++)
			cr_assert(flipped[i] > 130 && flipped[i] < 270,
			    "bit %d of the key flips bit %d %d times of 400", bit, i, flipped[i]);
	}
}

/* Chi-squared over `cells` cells; its mean is cells - 1, its deviation sqrt(2 cells). */
static double chi_squared(const unsigned count[], unsigned cells, unsigned total)
{
	double expected = (double)total / cells, sum = 0;
	for (unsigned i = 0; i < cells; i++)
		sum += (count[i] - expected) * (count[i] - expected) / expected;
	return sum;
}

Test(hash, spreads_consecutive_ports_over_all_lanes)
{
	unsigned count[WIRE_OVERLAY_LANES] = {0};
	for (unsigned i = 0; i < 64000; i++) {
		struct lb_flow_key key = key_of(7, (uint16_t)(1024 + i));
		count[wire_overlay_lane(lb_hash14(lb_flow_hash(&key)))]++;
	}
	double chi = chi_squared(count, WIRE_OVERLAY_LANES, 64000);
	cr_assert(chi < 63 + 6 * 11.3, "%f", chi);
}

Test(hash, gives_one_lane_all_buckets_and_all_choices)
{
	enum { CELLS = 1024, TOTAL = 100 * CELLS };
	static unsigned bucket[CELLS], slot[CELLS], share[CELLS];
	unsigned total = 0;
	for (unsigned i = 0; total < TOTAL; i++) {
		struct lb_flow_key key = key_of(i / 50000, (uint16_t)(i % 50000));
		uint64_t hash = lb_flow_hash(&key);
		if (wire_overlay_lane(lb_hash14(hash)) != 5)
			continue;
		total++;
		bucket[hash >> 16 & (CELLS - 1)]++;
		slot[lb_hash_scale((uint32_t)lb_hash_choice(hash), CELLS)]++;
		share[lb_hash_scale((uint32_t)(lb_hash_choice(hash) >> 32), CELLS)]++;
	}
	double limit = CELLS + 6 * 45.3;
	cr_assert(chi_squared(bucket, CELLS, TOTAL) < limit);
	cr_assert(chi_squared(slot, CELLS, TOTAL) < limit);
	cr_assert(chi_squared(share, CELLS, TOTAL) < limit);
}

Test(hash, names_an_owner_below_the_number_of_workers)
{
	for (unsigned workers = 1; workers <= 64; workers++)
		for (unsigned hash = 0; hash <= WIRE_OVERLAY_HASH_MASK; hash++)
			cr_assert(lb_owner((uint16_t)hash, workers) < workers);
}
