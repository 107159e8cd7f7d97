/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/pidfile.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/kuafu-pidfile-XXXXXX";
static char path[64];

static void make_directory(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/a/b/x.pid", directory);
}

static void remove_directory(void)
{
	char inner[64];
	unlink(path);
	snprintf(inner, sizeof(inner), "%s/a/b", directory);
	rmdir(inner);
	snprintf(inner, sizeof(inner), "%s/a", directory);
	rmdir(inner);
	rmdir(directory);
}

TestSuite(pidfile, .init = make_directory, .fini = remove_directory);

/* Holds the file until killed. Returns the child's pid once it holds it. */
static pid_t holder(void)
{
	int ready[2];
	cr_assert(pipe(ready) == 0);
	pid_t child = fork();
	if (child == 0) {
		int fd;
		pid_t other;
		if (ctl_pidfile_acquire(path, &fd, &other) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	char x;
	cr_assert(read(ready[0], &x, 1) == 1);
	return child;
}

Test(pidfile, a_second_holder_is_refused_and_told_the_first_ones_pid)
{
	pid_t first = holder(), named = 0;
	int fd = -1;
	cr_assert(ctl_pidfile_acquire(path, &fd, &named) == -EBUSY);
	cr_assert(named == first);
	cr_assert(fd == -1);
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
}

Test(pidfile, the_file_of_a_killed_holder_stands_in_nobodys_way)
{
	pid_t first = holder(), named = 0;
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	cr_assert(access(path, F_OK) == 0, "the stale file is there");
	int fd;
	cr_assert(ctl_pidfile_acquire(path, &fd, &named) == 0);
	ctl_pidfile_release(path, fd);
	cr_assert(access(path, F_OK) != 0);
}
