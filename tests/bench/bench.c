/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/bench.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_RUNS 99u

static struct {
	bool json, list, titled;
	unsigned runs;
	char **name; /* of the wanted rows, NULL at the end */
} options = {.runs = BENCH_RUNS};

void bench_begin(int argc, char **argv)
{
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			options.json = true;
		else if (strcmp(argv[i], "--list") == 0)
			options.list = true;
		else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			options.runs = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			options.runs = 0;
	}
	if (options.runs == 0 || options.runs > MAX_RUNS) {
		fprintf(stderr, "usage: %s [--json | --list] [--runs 1..%u] [ROW...]\n", argv[0], MAX_RUNS);
		exit(2);
	}
	options.name = argv + i;
	setvbuf(stdout, NULL, _IOLBF, 0);
}

bool bench_wanted(const char *name)
{
	if (options.list) {
		puts(name);
		return false;
	}
	bool wanted = *options.name == NULL;
	for (char **n = options.name; *n && !wanted; n++)
		wanted = strcmp(*n, name) == 0;
	return wanted;
}

struct summary {
	double median, min, max;
};

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return a < b ? -1 : a > b;
}

static struct summary summary_of(double value[], unsigned n)
{
	qsort(value, n, sizeof(value[0]), by_value);
	return (struct summary){value[n / 2], value[0], value[n - 1]};
}

static void print_json(const struct bench_row *row, const struct summary *s, const struct summary *reference)
{
	printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", ", row->name, s->median, row->unit);
	if (row->reference)
		printf("\"reference\": \"%s\", \"reference_value\": %.6g, ", row->reference, reference->median);
	else
		printf("\"reference\": null, \"reference_value\": null, ");
	printf("\"min\": %.6g, \"max\": %.6g, \"runs\": %u}\n", s->min, s->max, options.runs);
}

static void print_line(const struct bench_row *row, const struct summary *s, const struct summary *reference)
{
	if (!options.titled)
		printf("%-20s %10s %-8s %10s %10s   %6s  %s\n", "row", "median", "unit", "min", "max", "ratio",
		    "to its reference");
	options.titled = true;
	printf("%-20s %10.4g %-8s %10.4g %10.4g", row->name, s->median, row->unit, s->min, s->max);
	if (row->reference)
		printf("   %6.2f  %s (%.4g)", s->median / reference->median, row->reference, reference->median);
	printf("\n");
}

double bench_measure(const struct bench_row *row)
{
	double value[MAX_RUNS], reference[MAX_RUNS];
	struct summary s, r = {0};
	row->run(row->arg); /* warm */
	for (unsigned i = 0; i < options.runs; i++) {
		if (row->reference)
			reference[i] = row->run_reference(row->reference_arg);
		value[i] = row->run(row->arg);
	}
	s = summary_of(value, options.runs);
	if (row->reference)
		r = summary_of(reference, options.runs);
	(options.json ? print_json : print_line)(row, &s, &r);
	return s.median;
}

unsigned bench_cpus(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

void bench_skip(const char *name, const char *why)
{
	fprintf(stderr, "%-20s skipped: %s\n", name, why);
}

void bench_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t bench_cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void bench_keep(uint64_t result)
{
	__asm__ volatile("" : : "r"(result));
}

uint32_t bench_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15u; /* Marsaglia, "Xorshift RNGs", 2003 */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

void *bench_memory(uint64_t bytes)
{
	const uint64_t huge = 2u << 20;
	uint64_t unit = bytes < huge ? 64 : huge;
	void *p = aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
	if (!p)
		bench_fail("no memory for %llu bytes", (unsigned long long)bytes);
	madvise(p, bytes, MADV_HUGEPAGE);
	memset(p, 1, bytes);
	return p;
}
