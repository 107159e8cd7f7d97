/* SPDX-License-Identifier: BSD-2-Clause */
/* main() of this folder's tests: where the kernel does not permit BPF or namespaces they are skipped, not failed. */
#pragma once

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SKIPPED 77 /* meson's convention */

/* What this process lacks, or NULL. A child tries, since its namespace must not become ours. */
static inline const char *missing_permission(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 1, NULL);
	if (map < 0)
		return "bpf() is refused: run as root with CAP_BPF and CAP_NET_ADMIN";
	close(map);
	pid_t child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWNET | CLONE_NEWNS) ? 1 : 0);
	int status = 1;
	waitpid(child, &status, 0);
	return status ? "no network namespace can be made: CAP_SYS_ADMIN is missing" : NULL;
}

static inline int run_where_permitted(int argc, char **argv)
{
	const char *missing = missing_permission();
	if (missing) {
		printf("skipped: %s\n", missing);
		return EXIT_SKIPPED;
	}
	struct criterion_test_set *tests = criterion_initialize();
	int result = criterion_handle_args(argc, argv, true) ? !criterion_run_all_tests(tests) : 0;
	criterion_finalize(tests);
	return result;
}
