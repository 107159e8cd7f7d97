/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/sizes.h"

uint16_t sizes_of(uint16_t size, uint64_t sequence, uint16_t least)
{
	/* Spread so that no two large frames follow each other. */
	static const uint16_t imix[SIZES_IMIX_PERIOD] = {60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 590, 60};
	uint16_t wanted = size == SIZES_IMIX ? imix[sequence % SIZES_IMIX_PERIOD] : size;
	return wanted < least ? least : wanted;
}
