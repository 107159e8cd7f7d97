/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/interface_lock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/kuafu-locks-XXXXXX";

static void make_directory(void)
{
	cr_assert(mkdtemp(directory));
	cr_assert(chmod(directory, 0755) == 0);
}

static void remove_directory(void)
{
	rmdir(directory);
}

TestSuite(interface_lock, .init = make_directory, .fini = remove_directory);

static int lock(const char *program, const char *interface, struct ctl_interface_lock *ret_lock, pid_t *ret_holder)
{
	return ctl_interface_lock(directory, program, interface, ret_lock, ret_holder);
}

/* A process that holds the lock until it is killed. */
static pid_t holder(void)
{
	struct ctl_interface_lock held;
	int ready[2];
	pid_t unused;
	char byte = 0;
	cr_assert(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (lock("test", "eth0", &held, &unused) == 0 && write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	cr_assert(read(ready[0], &byte, 1) == 1);
	return pid;
}

/* Ends it, and removes the file that it leaves. */
static void end_holder(pid_t pid)
{
	struct ctl_interface_lock held;
	pid_t unused;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert(lock("test", "eth0", &held, &unused) == 0, "a dead one holds nothing");
	ctl_interface_unlock(&held);
}

Test(interface_lock, a_second_process_is_told_who_holds_it_until_that_one_dies)
{
	struct ctl_interface_lock held = {.fd = -1};
	pid_t pid = holder(), found = 0;
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(lock("test", "eth0", &held, &found) == -EBUSY);
		cr_assert(found == pid && held.fd == -1, "%d, not %d", (int)found, (int)pid);
	}
	end_holder(pid);
}

Test(interface_lock, other_interfaces_and_other_programs_are_free)
{
	struct ctl_interface_lock held;
	pid_t pid = holder(), unused;
	cr_assert(lock("test", "eth1", &held, &unused) == 0);
	ctl_interface_unlock(&held);
	cr_assert(lock("other", "eth0", &held, &unused) == 0);
	ctl_interface_unlock(&held);
	end_holder(pid);
}

Test(interface_lock, an_interface_of_that_name_in_another_network_namespace_is_free)
{
	struct ctl_interface_lock held;
	pid_t pid = holder(), unused;
	int status = 1;
	pid_t elsewhere = fork();
	if (elsewhere == 0) {
		if (unshare(CLONE_NEWNET))
			_exit(77);
		if (lock("test", "eth0", &held, &unused))
			_exit(1);
		ctl_interface_unlock(&held);
		_exit(0);
	}
	waitpid(elsewhere, &status, 0);
	end_holder(pid);
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("no network namespace can be made");
	cr_assert(status == 0);
}

/* Whoever can open the file, or make one of its name first, could keep a daemon from starting. */
Test(interface_lock, a_user_without_rights_can_neither_hold_it_nor_be_there_first)
{
	struct ctl_interface_lock held;
	pid_t pid = holder(), unused;
	int status = 1;
	pid_t other = fork();
	if (other == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(77);
		bool refused =
		    lock("test", "eth0", &held, &unused) == -EACCES && lock("test", "eth1", &held, &unused) == -EACCES;
		_exit(refused ? 0 : 1);
	}
	waitpid(other, &status, 0);
	end_holder(pid);
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("only root can become somebody else");
	cr_assert(status == 0);
}
