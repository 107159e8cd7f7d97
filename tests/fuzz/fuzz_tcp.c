/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP header with any options: an option that is found lies inside, blanking leaves none, an acknowledgement that
 * moves changes nothing but itself and SACK, and a checksum that was right stays right. Input: ISN, state, a
 * segment. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/proxy.h"
#include "dataplane/tcp_option.h"
#include "dataplane/toa.h"
#include "tests/fuzz/expect.h"
#include "wire/bytes.h"

#define SEGMENT_MAX 1024u
#define SENT        0x01u
#define TOLD        0x02u

static void insist(bool condition)
{
	if (!condition)
		abort();
}

static uint16_t sum_of(const void *segment, size_t length)
{
	return wire_csum_fold(wire_csum_add(0, segment, length));
}

static void look_for_options(struct wire_tcp *tcp, uint16_t length)
{
	for (unsigned kind = 2; kind < 256; kind++) {
		const uint8_t *option = dp_tcp_option(tcp, length, (uint8_t)kind), *start = (const uint8_t *)(tcp + 1);
		const uint8_t *end = (const uint8_t *)tcp + dp_tcp_header_size(tcp);
		insist(
		    !option || (option >= start && end - option >= 2 && option[1] >= 2 && option[1] <= end - option));
	}
}

static void blank(struct wire_tcp *tcp, uint16_t length)
{
	uint16_t sum = sum_of(tcp, length);
	dp_toa_blank(tcp, length);
	insist(!dp_tcp_option(tcp, length, WIRE_TCP_OPT_TOA) && sum_of(tcp, length) == sum);
}

static void move_back(struct wire_tcp *tcp, uint16_t length, uint32_t first, uint8_t state)
{
	uint8_t before[SEGMENT_MAX];
	struct dp_proxy proxy = {.first = first, .size = 28, .sent = state & SENT, .told = state & TOLD};
	uint16_t sum = sum_of(tcp, length), header = dp_tcp_header_size(tcp);
	memcpy(before, tcp, length);
	dp_proxy_back(&proxy, tcp, length);
	insist(sum_of(tcp, length) == sum && (proxy.told || !(state & TOLD)));
	insist(memcmp(before, tcp, offsetof(struct wire_tcp, ack)) == 0);
	insist(memcmp(before + header, (uint8_t *)tcp + header, length - header) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 5 + sizeof(struct wire_tcp) || size > SEGMENT_MAX)
		return 0;
	uint32_t first = wire_be32(data) + 1;
	uint8_t state = data[4];
	uint16_t length = (uint16_t)(size - 5);
	struct wire_tcp *tcp = malloc(length); /* its end is the end of what may be read */
	insist(tcp);
	memcpy(tcp, data + 5, length);
	uint16_t header = dp_tcp_header_size(tcp);
	look_for_options(tcp, length);
	if (header >= sizeof(*tcp) && header <= length) { /* or parsing refuses it */
		blank(tcp, length);
		move_back(tcp, length, first, state);
		look_for_options(tcp, length);
	}
	free(tcp);
	return 0;
}
