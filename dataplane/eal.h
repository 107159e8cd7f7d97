/* SPDX-License-Identifier: BSD-2-Clause */
/* The arguments that DPDK's environment is started with. Several data planes run side by side on one machine: each has
 * its own file prefix, and its threads float over all CPUs that the process may use. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DP_EAL_MAX_ARGS  64u
#define DP_EAL_TEXT_SIZE 4096u

struct dp_eal_config {
	const char *program;
	const char *pop;     /* these two make the file prefix */
	const char *run_dir; /* one data plane's alone */
	uint16_t workers;
	uint64_t memory_bytes;
	bool hugepages;
	const char *const *pci; /* allow-list, n_pci addresses */
	unsigned n_pci;
	const char *cpus; /* such as "0-1,4" */
};

struct dp_eal_arguments {
	int argc;
	char *argv[DP_EAL_MAX_ARGS + 1]; /* into text; EAL permutes it */
	char text[DP_EAL_TEXT_SIZE];
	unsigned used;
};

/* lcore 0 is the main thread, 1 .. workers are the workers. Returns 0, or -E2BIG. */
int dp_eal_arguments(const struct dp_eal_config *config, struct dp_eal_arguments *ret_arguments);

/* The CPUs that this process may use, as EAL writes them: "0-1,4". Returns text. */
char *dp_eal_cpus(char *text, unsigned size);

/* Bytes of hugepages that are free now, whatever their size, where hugetlbfs is mounted; 0: none can be had. */
uint64_t dp_eal_free_hugepages(void);

/* rte_eal_cleanup(), and DPDK's folder of this process, which that leaves behind, is removed. */
void dp_eal_end(void);
