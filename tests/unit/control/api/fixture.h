/* SPDX-License-Identifier: BSD-2-Clause */
/* A small cluster for tests of the API: sgp1 (ourselves), dxb1 and fra1, one accelerator, and switches for what can be
 * wrong. Changes and queries are kept in the struct; the test completes them. */
#pragma once

#include "control/api/view.h"

struct fixture {
	struct ctl_api_view view;
	bool store_is_silent;
	bool dataplane_is_away;
	bool trace_is_busy;

	/* the last change asked for */
	char asked[64]; /* "apply", "delete KIND", "drain" */
	char text[256], kind[32], name[64];
	bool drained;
	ctl_api_done *done;
	void *done_to;

	/* the last query */
	struct wire_ctl_filter filter;
	struct ctl_api_query query;
	uint64_t stopped; /* the id that stop was called with */

	struct {
		struct wire_stats head;
		struct wire_stats_worker worker[2];
		struct wire_stats_link link[2];
		struct wire_stats_traffic traffic[2][4];
		struct wire_stats_last_mile last_mile[2][4];
	} stats;
};

/* A healthy cluster; two workers that dropped 3 + 4 packets for no-path. */
void fixture_init(struct fixture *fixture);

/* Answers the last change. */
void fixture_done(struct fixture *fixture, int error, const char *message);
