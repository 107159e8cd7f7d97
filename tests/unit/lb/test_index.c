/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/index.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "wire/packet.h"

#define BUCKETS 64u
#define PLACES  (BUCKETS * LB_BUCKET_PLACES)

static _Alignas(64) struct lb_bucket buckets[BUCKETS];
static struct lb_flow_key entries[PLACES + 1];
static const struct lb_index x = {
    .bucket = buckets, .mask = BUCKETS - 1, .stride = sizeof(entries[0]), .entries = (uint8_t *)entries};

static struct lb_flow_key any_key(void)
{
	struct lb_flow_key key = {.client_port = (uint16_t)rand(), .protocol = WIRE_PROTO_UDP};
	key.client.words[3] = (uint32_t)rand();
	return key;
}

static uint64_t hash_of(uint32_t number)
{
	return lb_flow_hash(&entries[number - 1]);
}

/* Every entry that is in stands once in one of its two buckets, and `spilled` counts exactly. */
static void check(const bool in[])
{
	uint32_t spilled[BUCKETS] = {0}, seen[PLACES + 2] = {0};
	for (uint32_t b = 0; b < BUCKETS; b++)
		for (uint32_t i = 0; i < LB_BUCKET_PLACES; i++) {
			uint32_t number = buckets[b].number[i];
			if (!number)
				continue;
			seen[number]++;
			struct lb_bucket *first = lb_index_first(&x, hash_of(number));
			cr_assert(&buckets[b] == first || &buckets[b] == lb_index_second(&x, hash_of(number)));
			spilled[first - buckets] += &buckets[b] != first;
		}
	for (uint32_t b = 0; b < BUCKETS; b++)
		cr_assert(buckets[b].spilled == spilled[b], "bucket %u: %u spilled, not %u", b, buckets[b].spilled,
		    spilled[b]);
	for (uint32_t n = 1; n <= PLACES; n++) {
		cr_assert(seen[n] == in[n]);
		cr_assert(lb_index_find(&x, &entries[n - 1], hash_of(n)) == (in[n] ? n : 0));
	}
}

Test(index, keeps_every_entry_findable_while_names_move_at_high_load)
{
	static bool in[PLACES + 1];
	uint32_t most = 0, count = 0;
	srand(1);
	for (int round = 0; round < 40000; round++) {
		uint32_t n = 1 + (uint32_t)rand() % PLACES;
		if (in[n]) {
			/* Fill to the brim, then come and go. */
			if (round < 5000 || rand() % 2)
				continue;
			lb_index_remove(&x, n, hash_of(n));
			in[n] = false;
			count--;
		} else {
			entries[n - 1] = any_key();
			in[n] = lb_index_add(&x, n, hash_of(n));
			count += in[n];
		}
		most = count > most ? count : most;
		if (round % 500 == 0)
			check(in);
	}
	check(in);
	cr_assert(most > PLACES * 9 / 10, "%u of %u places used", most, PLACES);
}

Test(index, has_room_for_all_entries_it_was_sized_for)
{
	const uint32_t wanted = 5 * BUCKETS; /* the fullest that lb_index_buckets() allows */
	cr_assert(lb_index_buckets(wanted) == BUCKETS);
	srand(2);
	for (int round = 0; round < 300; round++) {
		memset(buckets, 0, sizeof(buckets));
		for (uint32_t n = 1; n <= wanted; n++) {
			entries[n - 1] = any_key();
			cr_assert(lb_index_add(&x, n, hash_of(n)), "round %d: %u of %u", round, n, wanted);
		}
	}
}
