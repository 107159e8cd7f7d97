/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/eal.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

static bool has(const struct dp_eal_arguments *a, const char *argument)
{
	for (int i = 0; i < a->argc; i++)
		if (strcmp(a->argv[i], argument) == 0)
			return true;
	return false;
}

Test(eal, pops_of_one_machine_share_cpus_and_no_file)
{
	static struct dp_eal_arguments a;
	struct dp_eal_config c = {.program = "p",
	    .pop = "sgp1",
	    .run_dir = "/run/kuafu/sgp1",
	    .workers = 2,
	    .memory_bytes = 256u << 20,
	    .cpus = "0-1"};
	cr_assert_eq(dp_eal_arguments(&c, &a), 0);
	cr_assert(has(&a, "--file-prefix=kuafu-sgp1"));
	cr_assert(has(&a, "--lcores=0@(0-1),1@(0-1),2@(0-1)"));
	cr_assert(has(&a, "--no-huge") && has(&a, "-m256") && has(&a, "--no-pci"));
	cr_assert_null(a.argv[a.argc]);
}

/* Returns the prefix of a POP that keeps its files there. */
static const char *prefix_in(const char *run_dir)
{
	static struct dp_eal_arguments a[2];
	static unsigned calls;
	struct dp_eal_arguments *one = &a[calls++ % 2];
	struct dp_eal_config c = {.program = "p", .pop = "sgp1", .run_dir = run_dir, .workers = 1, .cpus = "0"};
	cr_assert_eq(dp_eal_arguments(&c, one), 0);
	for (int i = 0; i < one->argc; i++)
		if (strncmp(one->argv[i], "--file-prefix=", 14) == 0)
			return one->argv[i] + 14;
	return "";
}

Test(eal, two_pops_of_one_name_share_no_file)
{
	cr_assert_str_eq(prefix_in("/run/kuafu/sgp1"), "kuafu-sgp1");
	cr_assert_str_neq(prefix_in("/run/kuafu/lab1/sgp1"), prefix_in("/run/kuafu/lab2/sgp1"));
	cr_assert_str_eq(prefix_in("/run/kuafu/lab1/sgp1"), prefix_in("/run/kuafu/lab1/sgp1"));
	cr_assert_eq(strncmp(prefix_in("/tmp/x"), "kuafu-sgp1-", 11), 0);
}

Test(eal, only_the_listed_pci_devices_are_taken)
{
	static struct dp_eal_arguments a;
	const char *pci[] = {"0000:01:00.0", "0000:01:00.1"};
	struct dp_eal_config c = {.program = "p",
	    .pop = "x",
	    .run_dir = "/r",
	    .workers = 1,
	    .hugepages = true,
	    .pci = pci,
	    .n_pci = 2,
	    .cpus = "3"};
	cr_assert_eq(dp_eal_arguments(&c, &a), 0);
	cr_assert(has(&a, "-a0000:01:00.0") && has(&a, "-a0000:01:00.1"));
	cr_assert(has(&a, "--huge-unlink=always"));
	cr_assert_not(has(&a, "--no-pci") || has(&a, "--no-huge"));
}

Test(eal, too_much_for_the_arguments_is_refused)
{
	static struct dp_eal_arguments a;
	char cpus[200];
	memset(cpus, '1', sizeof(cpus) - 1);
	cpus[sizeof(cpus) - 1] = '\0';
	struct dp_eal_config c = {.program = "p", .pop = "x", .run_dir = "/r", .workers = 64, .cpus = cpus};
	cr_assert_eq(dp_eal_arguments(&c, &a), -E2BIG);
}

Test(eal, cpus_of_this_process_are_written_as_ranges)
{
	char text[256];
	cr_assert_neq(dp_eal_cpus(text, sizeof(text))[0], '\0');
	cr_assert_eq(strspn(text, "0123456789,-"), strlen(text));
}
