/* SPDX-License-Identifier: BSD-2-Clause */
/* Captured packets as a pcapng file that goes on until the limit, or as long as somebody reads. */
#include <string.h>

#include "control/api/filter.h"
#include "control/api/pcapng.h"
#include "control/api/query.h"

#define CAPTURE_MAX 1000000u

static void packet_row(void *to, const void *row)
{
	struct ctl_api_asked *query = to;
	struct wire_ctl_captured captured;
	uint8_t block[CTL_PCAPNG_MAX_BLOCK];
	if (query->limit && query->packets == query->limit)
		return;
	query->packets++;
	memcpy(&captured, row, sizeof(captured));
	captured.missed += (uint32_t)query->lost; /* what we had no room for is missing as well */
	size_t size = ctl_pcapng_packet(&captured, (const uint8_t *)row + sizeof(captured), block);
	uint64_t rows = query->rows;
	ctl_api_query_write(query, (const char *)block, size);
	query->lost = query->rows > rows ? 0 : captured.missed + 1;
}

static void packets_end(void *to, int error)
{
	(void)error; /* the data plane went away: the file ends */
	ctl_api_query_end(to, "", 0);
}

/* Packets that come after the last that was wanted do not keep us from coming here: they are not written. */
static void packets_idle(struct ctl_api_answer *answer)
{
	struct ctl_api_asked *query = answer->handler;
	if (!query->limit || query->packets < query->limit)
		return;
	ctl_api_query_stop(query);
	packets_end(query, 0);
}

void ctl_api_get_capture(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct wire_ctl_filter filter;
	uint8_t block[CTL_PCAPNG_MAX_BLOCK];
	uint64_t snap;
	if (ctl_api_filter(view, request, answer, CAPTURE_MAX, 0, &filter) != 0 ||
	    ctl_api_param_number(request, answer, "snap", 1, WIRE_CTL_MAX_SNAP, WIRE_CTL_MAX_SNAP, &snap) != 0)
		return;
	uint64_t limit = filter.limit;
	filter.limit = 0;
	filter.snap = (uint16_t)snap;
	if (!ctl_api_query_start(view, answer, view->capture, "capture", &filter, limit, packet_row, packets_end))
		return;
	answer->idle = packets_idle;
	ctl_api_answer_begin(answer, 200, "application/x-pcapng");
	ctl_api_answer_write(answer, (const char *)block, ctl_pcapng_section(block));
	const char *name;
	for (uint16_t port = 0; (name = view->port_name(view->daemon, port)); port++)
		ctl_api_answer_write(answer, (const char *)block, ctl_pcapng_interface(name, filter.snap, block));
}
