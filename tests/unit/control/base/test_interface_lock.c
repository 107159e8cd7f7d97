/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/interface_lock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[16];

/* A process that holds the lock until it is killed. */
static pid_t holder(void)
{
	int ready[2], fd;
	pid_t unused;
	char byte = 0;
	snprintf(name, sizeof(name), "t%d", (int)getpid());
	cr_assert(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (ctl_interface_lock("test", name, &fd, &unused) == 0 && write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	cr_assert(read(ready[0], &byte, 1) == 1);
	return pid;
}

Test(interface_lock, a_second_process_is_told_who_holds_it_until_that_one_dies)
{
	int fd = -1;
	pid_t pid = holder(), found = 0;
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(ctl_interface_lock("test", name, &fd, &found) == -EBUSY);
		cr_assert(found == pid && fd == -1, "%d, not %d", (int)found, (int)pid);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert(ctl_interface_lock("test", name, &fd, &found) == 0);
	close(fd);
}

Test(interface_lock, other_interfaces_are_free)
{
	int fd;
	pid_t pid = holder(), unused;
	name[0] = 'u';
	cr_assert(ctl_interface_lock("test", name, &fd, &unused) == 0);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(interface_lock, another_program_has_locks_of_its_own)
{
	int fd;
	pid_t pid = holder(), unused;
	cr_assert(ctl_interface_lock("other", name, &fd, &unused) == 0);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
