/* SPDX-License-Identifier: BSD-2-Clause */
/* What all benchmarks share: which rows are wanted, how often each is measured, and how they are printed.
 *
 * A row is measured beside its reference: reference and row take turns (A B A B ...), so that what disturbs the machine
 * disturbs both, and the medians are shown with the smallest and the largest value. Nothing is judged: a benchmark fails
 * only if what it measures does not happen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One repetition; returns the value in the row's unit. */
typedef double bench_fn(void *arg);

struct bench_row {
	const char *name;
	const char *unit;
	bench_fn *run;
	void *arg;
	const char *reference; /* its name, or NULL: the row stands alone */
	bench_fn *run_reference;
	void *reference_arg;
};

#define BENCH_RUNS 9u /* repetitions, unless --runs says otherwise */

/* Reads --json, --runs N, --list and the names of the rows that are wanted (none: all). Ends the program on a mistake. */
void bench_begin(int argc, char **argv);

/* Whether the row is wanted: ask before making what only it needs. With --list, prints the name and says no. */
bool bench_wanted(const char *name);

/* Measures and prints a row. Returns its median. */
double bench_measure(const struct bench_row *row);

/* How many CPUs this process may use. */
unsigned bench_cpus(void);

/* A row that cannot be measured here, and why. */
void bench_skip(const char *name, const char *why);

/* Ends the program: what is measured does not happen. */
__attribute__((format(printf, 1, 2), noreturn)) void bench_fail(const char *format, ...);

/* CPU time of this thread, ns: what others take of the machine does not count. */
uint64_t bench_cpu_ns(void);

/* Keeps a result alive. */
void bench_keep(uint64_t result);

/* A random number, the same sequence in every run. */
uint32_t bench_random(void);

/* Memory as the data plane's: in huge pages where the machine gives them, filled with ones. Never NULL; free(). */
void *bench_memory(uint64_t bytes);
