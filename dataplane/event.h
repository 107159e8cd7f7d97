/* SPDX-License-Identifier: BSD-2-Clause */
/* What workers and the main thread tell each other, by value over rings. Neither ever waits for the other: a full ring
 * refuses (-EAGAIN). The main thread tries a command again; worker 0 tells a state of a link or path again, and those have
 * a ring of their own, which rows and traces cannot fill; a row is sent again; a step of a trace is lost. */
#pragma once

#include "wire/control.h"

/* Worker to main thread. */
enum dp_event_type {
	DP_EVENT_LINK_STATE = 1,       /* worker 0: the outcome for a link, ours or foreign */
	DP_EVENT_PATH_STATE = 2,       /* worker 0: another path of the two is in use */
	DP_EVENT_NEIGHBOUR_WANTED = 3, /* a packet needs a next hop that is not resolved */
	DP_EVENT_TRACE = 4,            /* a step of a traced packet */
	DP_EVENT_FLOW = 5,             /* a row of the answer to DP_COMMAND_FLOWS */
	DP_EVENT_FLOWS_END = 6,        /* this worker has no more rows */
};

struct dp_event {
	uint16_t type; /* enum dp_event_type */
	uint16_t worker;
	uint32_t query; /* FLOW, FLOWS_END: that of the command */
	union {
		struct wire_ctl_link_state link_state;
		struct wire_ctl_path_state path_state;
		struct wire_ctl_neighbour_wanted neighbour_wanted;
		struct wire_ctl_trace trace;
		struct wire_ctl_flow flow;
	};
};

/* Main thread to worker. */
enum dp_command_type {
	DP_COMMAND_LINK_STATE = 1, /* to worker 0: what kuafud's STAMP sessions know of a link of ours */
	DP_COMMAND_FLOWS = 2,      /* to every worker: send matching rows of your tables, a slice per pass */
	DP_COMMAND_FLOWS_STOP = 3, /* the asker is gone */
};

struct dp_command {
	uint16_t type; /* enum dp_command_type */
	uint16_t reserved;
	uint32_t query; /* FLOWS: an id of the main thread's, returned in each row */
	union {
		struct wire_ctl_link_state link_state;
		struct wire_ctl_filter filter;
	};
};

_Static_assert(sizeof(struct dp_event) % 8 == 0, "an element of an rte_ring");
_Static_assert(sizeof(struct dp_command) % 8 == 0, "an element of an rte_ring");
