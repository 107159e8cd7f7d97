/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow and NAT tables of all workers, in one memfd that outlives this process: kuafud keeps the descriptor and gives it
 * to the next one, which goes on with the flows.
 *
 * The layout is this machine's and this build's: a head that says of what sizes everything is, then for each worker its
 * flow table and its NAT table. Who takes it over compares the head with its own and then believes none of the tables'
 * inner order (lb/flow.h, lb/nat.h). The memfd is sealed against a change of size, so that nobody who keeps it can take
 * pages away from the workers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/worker.h"

struct dp_workers_config;

struct dp_tables {
	int fd;
	bool huge; /* it lies in hugepages */
	void *memory;
	size_t size;
	struct lb_flow_table *flows[DP_MAX_WORKERS];
	struct lb_nat_table *nat[DP_MAX_WORKERS];
};

/* Empty tables for config's workers. 0, -EINVAL (no table can be of such a size) or -errno. */
int dp_tables_create(const struct dp_workers_config *config, struct dp_tables **ret_tables);

#define DP_TABLES_WHY_SIZE 200u

/* The tables in a memfd that another process made, which no longer runs. The descriptor becomes theirs on success. Else
 * -errno and one line in ret_why: they do not match. */
int dp_tables_take_over(int fd, const struct dp_workers_config *config, uint64_t now_ns, struct dp_tables **ret_tables,
    char ret_why[DP_TABLES_WHY_SIZE]);

/* Flows of all workers in them. */
void dp_tables_count(const struct dp_tables *tables, unsigned workers, uint64_t *ret_flows, uint64_t *ret_nat_flows);

/* The memory goes when nobody keeps the descriptor. NULL is fine. */
void dp_tables_destroy(struct dp_tables *tables);
