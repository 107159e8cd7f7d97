/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/interface_lock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "control/base/pidfile.h"

/* The number of this thread's network namespace, which no two that exist have in common. */
static int namespace_number(unsigned long long *ret_number)
{
	struct stat about;
	if (stat("/proc/thread-self/ns/net", &about))
		return -errno;
	*ret_number = about.st_ino;
	return 0;
}

int ctl_interface_lock(const char *directory, const char *program, const char *interface,
    struct ctl_interface_lock *ret_lock, pid_t *ret_holder)
{
	struct ctl_interface_lock lock;
	unsigned long long number = 0;
	int error = namespace_number(&number);
	if (error)
		return error;
	int n = snprintf(lock.path, sizeof(lock.path), "%s/%s.%s.%llu", directory, program, interface, number);
	if (n < 0 || n >= (int)sizeof(lock.path))
		return -ENAMETOOLONG;
	error = ctl_pidfile_acquire(lock.path, &lock.fd, ret_holder);
	if (!error)
		*ret_lock = lock;
	return error;
}

void ctl_interface_unlock(const struct ctl_interface_lock *lock)
{
	ctl_pidfile_release(lock->path, lock->fd);
}
