/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/parts/link_numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Murmur3's finaliser: every bit of the ends counts for every bit of the number. */
static uint32_t hash_key(struct route_link_key key)
{
	uint64_t h = (uint64_t)key.from << 32 | (uint64_t)key.to << 16 | (uint64_t)key.local << 8 | key.remote;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return (uint32_t)(h ^ h >> 33);
}

/* Open addressing; 0 is free. Whether the number was not there yet. */
static bool insert(uint32_t *slot, uint32_t mask, uint32_t number)
{
	uint32_t i = number & mask;
	for (; slot[i]; i = (i + 1) & mask)
		if (slot[i] == number)
			return false;
	slot[i] = number;
	return true;
}

int ctl_link_numbers(struct ctl_link *link, unsigned n)
{
	uint32_t slots = 16;
	while (slots < 2 * n)
		slots *= 2;
	uint32_t *slot = calloc(slots, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		if (link[i].number)
			insert(slot, slots - 1, link[i].number);
	for (unsigned i = 0; i < n; i++) {
		uint32_t number = hash_key(link[i].key);
		if (link[i].number)
			continue;
		while (number == 0 || !insert(slot, slots - 1, number))
			number++;
		link[i].number = number;
	}
	free(slot);
	return 0;
}

static bool touches(const struct ctl_link *link, uint16_t pop)
{
	return link->key.from == pop || link->key.to == pop;
}

static int by_ends(const void *a, const void *b)
{
	const struct ctl_link *x = a, *y = b;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

unsigned ctl_links_most_useful(struct ctl_link *link, unsigned n, uint16_t self)
{
	if (n <= WIRE_CTL_MAX_LINKS)
		return n;
	unsigned near = 0;
	for (unsigned i = 0; i < n; i++)
		if (touches(&link[i], self)) {
			struct ctl_link swap = link[near];
			link[near++] = link[i];
			link[i] = swap;
		}
	qsort(link, near, sizeof(*link), by_ends);
	qsort(link + near, n - near, sizeof(*link), by_ends);
	return WIRE_CTL_MAX_LINKS;
}
