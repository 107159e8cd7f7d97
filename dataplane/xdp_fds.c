/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/xdp_fds.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN_FDS "/proc/self/fd"

static bool is_xdp_socket(int fd)
{
	int domain = 0;
	socklen_t size = sizeof(domain);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_XDP;
}

static bool is_bpf(int fd)
{
	char path[sizeof(OPEN_FDS) + 16], target[64];
	snprintf(path, sizeof(path), OPEN_FDS "/%d", fd);
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	return strcmp(target, "anon_inode:bpf-prog") == 0 || strcmp(target, "anon_inode:bpf-map") == 0;
}

void dp_xdp_fds_list(struct dp_xdp_fds *ret_fds)
{
	memset(ret_fds, 0, sizeof(*ret_fds));
	DIR *dir = opendir(OPEN_FDS);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
		if (fd >= 0 && fd < (int)DP_XDP_FDS_MAX && (is_xdp_socket(fd) || is_bpf(fd)))
			ret_fds->word[fd / 64] |= UINT64_C(1) << (fd % 64);
	}
	if (dir != NULL)
		closedir(dir);
}

void dp_xdp_fds_since(const struct dp_xdp_fds *before, const struct dp_xdp_fds *now, struct dp_xdp_fds *ret_fds)
{
	for (unsigned i = 0; i < DP_XDP_FDS_MAX / 64; i++)
		ret_fds->word[i] = now->word[i] & ~before->word[i];
}

/* The lowest one from `fd` on, or -1. */
static int next(const struct dp_xdp_fds *fds, int fd)
{
	for (; fd < (int)DP_XDP_FDS_MAX; fd++)
		if (fds->word[fd / 64] >> (fd % 64) & 1)
			return fd;
	return -1;
}

int dp_xdp_fds_socket(const struct dp_xdp_fds *fds)
{
	int fd = next(fds, 0);
	while (fd >= 0 && !is_xdp_socket(fd))
		fd = next(fds, fd + 1);
	return fd;
}

unsigned dp_xdp_fds_close(struct dp_xdp_fds *fds)
{
	struct dp_xdp_fds open;
	unsigned closed = 0;
	dp_xdp_fds_list(&open);
	for (int fd = next(fds, 0); fd >= 0; fd = next(fds, fd + 1))
		if (open.word[fd / 64] >> (fd % 64) & 1)
			closed += close(fd) == 0;
	memset(fds, 0, sizeof(*fds));
	return closed;
}
