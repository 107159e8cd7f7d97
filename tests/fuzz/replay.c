/* SPDX-License-Identifier: BSD-2-Clause */
/* main() of a fuzz target where libFuzzer is not asked for: gives it each file of the directories named, and each
 * beginning of each file, for a parser must survive being cut short anywhere. Every input has a block of its own, so
 * that the sanitizers see a read past its end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/expect.h"

#define MAX_BYTES    (1u << 20)
#define ALL_PREFIXES 4096u /* of longer files only some are tried */

static void give(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int replay_file(const char *path)
{
	static uint8_t data[MAX_BYTES];
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return 1;
	}
	size_t size = fread(data, 1, sizeof(data), file), step = 1 + size / ALL_PREFIXES;
	fclose(file);
	for (size_t length = 0; length < size; length += step)
		give(data, length);
	give(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned files = 0;
	for (int i = 1; i < argc; i++) {
		DIR *directory = opendir(argv[i]);
		if (!directory) {
			perror(argv[i]);
			return 1;
		}
		for (struct dirent *entry; (entry = readdir(directory));) {
			char path[4096];
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			if (replay_file(path))
				return 1;
			files++;
		}
		closedir(directory);
	}
	printf("%u files replayed, with every beginning of each\n", files);
	return files ? 0 : 1;
}
