/* SPDX-License-Identifier: BSD-2-Clause */
#include "ebpf/bpffs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_bpffs(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* The parent's id, from the fourth field of /proc/PID/stat (the second, in parentheses, may hold anything). */
static long parent_of(long pid)
{
	char path[64], line[512];
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	char *read = fgets(line, sizeof(line), file);
	fclose(file);
	const char *after = read ? strrchr(line, ')') : NULL;
	return after && strlen(after) > 4 ? strtol(after + 4, NULL, 10) : 0;
}

/* Our oldest ancestor that we may look at, if it has another mount namespace than we have; else 0. */
static long namespace_keeper(void)
{
	struct stat ours, theirs;
	char path[64];
	long keeper = 0;
	if (stat("/proc/self/ns/mnt", &ours))
		return 0;
	for (long pid = getppid(); pid > 0; pid = parent_of(pid)) {
		snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", pid);
		if (stat(path, &theirs) == 0)
			keeper = ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev ? pid : 0;
	}
	return keeper;
}

int kbpf_bpffs_find(const char *directory, int *ret_fd)
{
	char paths[2][PATH_MAX] = {{0}};
	if (directory[0] != '/')
		return -EINVAL;
	if (snprintf(paths[0], PATH_MAX, "%s", directory) >= PATH_MAX)
		return -ENAMETOOLONG;
	long keeper = namespace_keeper();
	if (keeper && snprintf(paths[1], PATH_MAX, "/proc/%ld/root%s", keeper, directory) >= PATH_MAX)
		return -ENAMETOOLONG;
	for (int i = 0; i < 2; i++) {
		int fd = paths[i][0] ? open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		if (fd >= 0 && is_bpffs(fd)) {
			*ret_fd = fd;
			return 0;
		}
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* mkdir -p. `path` is changed and restored. */
static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		int made = mkdir(path, 0755);
		*slash = '/';
		if (made && errno != EEXIST)
			return -errno;
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int do_mount(const char *directory)
{
	char path[PATH_MAX];
	strcpy(path, directory);
	int made = make_directories(path);
	if (made)
		return made;
	return mount("bpf", directory, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") ? -errno : 0;
}

/* ENOENT, EINVAL: no directory, no mount point. The directory goes too, unless others' files are in it. */
static int do_unmount(const char *directory)
{
	if (umount2(directory, UMOUNT_NOFOLLOW) && errno != ENOENT && errno != EINVAL)
		return -errno;
	rmdir(directory);
	return 0;
}

/* Runs `act` in the keeper's mount namespace. The child makes system calls only: there may be other threads. */
static int act_at(long keeper, int (*act)(const char *), const char *directory)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", keeper);
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		return -errno;
	pid_t child = fork();
	if (child == 0)
		_exit(setns(namespace, CLONE_NEWNS) ? errno : -act(directory));
	int error = errno, status = 0;
	close(namespace);
	if (child < 0)
		return -error;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int kbpf_bpffs_mount(const char *directory, int *ret_fd)
{
	int found = kbpf_bpffs_find(directory, ret_fd);
	if (found != -ENOENT)
		return found;
	long keeper = namespace_keeper();
	if (!keeper || act_at(keeper, do_mount, directory)) {
		int mounted = do_mount(directory);
		if (mounted)
			return mounted;
	}
	return kbpf_bpffs_find(directory, ret_fd);
}

int kbpf_bpffs_unmount(const char *directory)
{
	if (directory[0] != '/')
		return -EINVAL;
	long keeper = namespace_keeper();
	int other = keeper ? act_at(keeper, do_unmount, directory) : 0;
	int own = do_unmount(directory);
	return own ? own : other;
}
