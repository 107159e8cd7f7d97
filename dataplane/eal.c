/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/eal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <rte_eal.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUGEPAGES     "/sys/kernel/mm/hugepages"
#define USUAL_RUN_DIR "/run/kuafu/"

static int add(struct dp_eal_arguments *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int add(struct dp_eal_arguments *a, const char *format, ...)
{
	va_list args;
	unsigned room = (unsigned)sizeof(a->text) - a->used;
	va_start(args, format);
	int length = vsnprintf(a->text + a->used, room, format, args);
	va_end(args);
	if (a->argc == DP_EAL_MAX_ARGS || length < 0 || (unsigned)length >= room)
		return -E2BIG;
	a->argv[a->argc++] = a->text + a->used;
	a->argv[a->argc] = NULL;
	a->used += (unsigned)length + 1;
	return 0;
}

/* "0@(0-1),1@(0-1)": threads 0 and 1, each on whichever of the CPUs 0 and 1 is free. */
static int add_threads(struct dp_eal_arguments *a, const struct dp_eal_config *c)
{
	char each[DP_EAL_TEXT_SIZE / 2];
	unsigned used = 0;
	for (unsigned lcore = 0; lcore <= c->workers; lcore++) {
		int n = snprintf(each + used, sizeof(each) - used, "%s%u@(%s)", lcore == 0 ? "" : ",", lcore, c->cpus);
		if (n < 0 || (unsigned)n >= sizeof(each) - used)
			return -E2BIG;
		used += (unsigned)n;
	}
	return add(a, "--lcores=%s", each);
}

/* FNV-1a (Fowler, Noll, Vo; RFC 9923). */
static uint32_t digest_of(const char *text)
{
	uint32_t digest = 0x811c9dc5u;
	for (; *text != '\0'; text++)
		digest = (digest ^ (uint8_t)*text) * 0x01000193u;
	return digest;
}

/* Where DPDK keeps its sockets below /var/run/dpdk: kuafu-POP, and of a POP in another place than the usual one, such as a
 * second POP of the same name, something more. */
static int add_prefix(struct dp_eal_arguments *a, const struct dp_eal_config *c)
{
	size_t usual = strlen(USUAL_RUN_DIR);
	if (strncmp(c->run_dir, USUAL_RUN_DIR, usual) == 0 && strcmp(c->run_dir + usual, c->pop) == 0)
		return add(a, "--file-prefix=kuafu-%s", c->pop);
	return add(a, "--file-prefix=kuafu-%s-%08x", c->pop, digest_of(c->run_dir));
}

int dp_eal_arguments(const struct dp_eal_config *c, struct dp_eal_arguments *ret_arguments)
{
	struct dp_eal_arguments *a = ret_arguments;
	a->argc = 0;
	a->used = 0;
	int error = add(a, "%s", c->program);
	if (error == 0)
		error = add_prefix(a, c);
	if (error == 0)
		error = add_threads(a, c);
	if (error == 0)
		error = add(a, "--main-lcore=0");
	if (error == 0 && c->hugepages)
		error = add(a, "--huge-unlink=always"); /* nothing is left behind by SIGKILL */
	if (error == 0 && !c->hugepages)
		error = add(a, "--no-huge");
	if (error == 0 && !c->hugepages)
		error = add(a, "-m%llu", (unsigned long long)(c->memory_bytes >> 20));
	if (error == 0 && c->n_pci == 0)
		error = add(a, "--no-pci");
	if (error == 0 && c->n_pci == 0)
		error = add(a, "--iova-mode=va"); /* no device of ours needs physical addresses */
	for (unsigned i = 0; i < c->n_pci && error == 0; i++)
		error = add(a, "-a%s", c->pci[i]);
	return error;
}

char *dp_eal_cpus(char *text, unsigned size)
{
	cpu_set_t set;
	unsigned used = 0;
	if (size == 0 || sched_getaffinity(0, sizeof(set), &set) != 0) {
		snprintf(text, size, "0");
		return text;
	}
	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && used < size; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		int last = cpu;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set))
			last++;
		const char *comma = used == 0 ? "" : ",";
		int n = last == cpu ? snprintf(text + used, size - used, "%s%d", comma, cpu)
		                    : snprintf(text + used, size - used, "%s%d-%d", comma, cpu, last);
		used += (unsigned)n;
		cpu = last;
	}
	return text;
}

static bool hugetlbfs_is_mounted(void)
{
	bool found = false;
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	for (struct mntent *m; mounts != NULL && !found && (m = getmntent(mounts)) != NULL;)
		found = strcmp(m->mnt_type, "hugetlbfs") == 0;
	if (mounts != NULL)
		endmntent(mounts);
	return found;
}

uint64_t dp_eal_free_hugepages(void)
{
	uint64_t bytes = 0;
	DIR *dir = hugetlbfs_is_mounted() ? opendir(HUGEPAGES) : NULL;
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		unsigned long long kib = 0, pages = 0;
		char path[sizeof(HUGEPAGES) + sizeof(entry->d_name) + 32];
		if (sscanf(entry->d_name, "hugepages-%llukB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES "/%s/free_hugepages", entry->d_name);
		FILE *file = fopen(path, "r");
		if (file != NULL && fscanf(file, "%llu", &pages) == 1)
			bytes += pages * kib * 1024;
		if (file != NULL)
			fclose(file);
	}
	if (dir != NULL)
		closedir(dir);
	return bytes;
}

void dp_eal_end(void)
{
	char path[PATH_MAX], file[PATH_MAX + NAME_MAX + 2];
	snprintf(path, sizeof(path), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		unlink(file); /* "." and ".." cannot be */
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}
