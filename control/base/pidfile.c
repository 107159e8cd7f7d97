/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int ctl_make_directories(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, n + 1);
	for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		if (!slash)
			break;
		*slash = '/';
	}
	struct stat st;
	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static pid_t read_holder(int fd)
{
	char text[16];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return (pid_t)atoi(text);
}

/* Whether path still names the file behind fd: its last holder may have removed it between our open and our lock. */
static int is_current(const char *path, int fd)
{
	struct stat by_path, by_fd;
	return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_ino == by_fd.st_ino &&
	       by_path.st_dev == by_fd.st_dev;
}

static int lock_file(const char *path, int *ret_fd, pid_t *ret_holder)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int error = errno == EWOULDBLOCK ? EBUSY : errno;
		if (error == EBUSY)
			*ret_holder = read_holder(fd);
		close(fd);
		return -error;
	}
	if (!is_current(path, fd)) {
		close(fd);
		return -EAGAIN;
	}
	*ret_fd = fd;
	return 0;
}

int ctl_pidfile_acquire(const char *path, int *ret_fd, pid_t *ret_holder)
{
	char directory[PATH_MAX];
	if (strlen(path) >= sizeof(directory))
		return -ENAMETOOLONG;
	int error = ctl_make_directories(dirname(strcpy(directory, path)));
	if (error)
		return error;
	int fd = -1;
	do
		error = lock_file(path, &fd, ret_holder);
	while (error == -EAGAIN);
	if (error)
		return error;
	if (fchmod(fd, 0600) || ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

void ctl_pidfile_release(const char *path, int fd)
{
	unlink(path);
	close(fd);
}
