/* SPDX-License-Identifier: BSD-2-Clause */
/* A question to the data plane whose rows become an answer in parts, until the last row, the limit, or the reader's end.
 * flows.c, trace.c and capture.c are made of it. */
#pragma once

#include "control/api/numbers.h"
#include "control/api/router.h"

#define CTL_API_RECENT 256u /* packets whose records may still be coming: a few bursts */

struct ctl_api_asked {
	const struct ctl_api_view *view;
	struct ctl_api_answer *answer;
	uint64_t id;
	uint64_t limit;
	uint64_t rows;
	uint64_t lost;                   /* rows that a slow reader had no room for */
	uint64_t packets;                /* of a trace or capture, so far */
	uint64_t recent[CTL_API_RECENT]; /* of a trace, the last of them, a ring */
	struct ctl_api_numbers numbers;  /* of a trace */
};

/* One of the view's. */
typedef int ctl_api_ask(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id);

/* Starts it and attaches it to the answer. what: "trace", if only one may run. Returns false after answering why not. */
bool ctl_api_query_start(const struct ctl_api_view *view, struct ctl_api_answer *answer, ctl_api_ask *ask,
    const char *what, const struct wire_ctl_filter *filter, uint64_t limit, void (*row)(void *asked, const void *row),
    void (*end)(void *asked, int error));

/* Ends the answer, after `size` last bytes, and frees. */
void ctl_api_query_end(struct ctl_api_asked *asked, const char *text, size_t size);

/* Tells the data plane to stop; no row and no end comes any more. */
void ctl_api_query_stop(struct ctl_api_asked *asked);

/* Writes what there is room for, or counts it as lost. */
void ctl_api_query_write(struct ctl_api_asked *asked, const char *bytes, size_t size);
