/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/interface_lock.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static pid_t holder_of(const struct sockaddr_un *address, socklen_t size)
{
	struct ucred credentials = {0};
	socklen_t length = sizeof(credentials);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	bool known = connect(fd, (const struct sockaddr *)address, size) == 0 &&
	             getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0;
	close(fd);
	return known ? credentials.pid : 0;
}

int ctl_interface_lock(const char *program, const char *interface, int *ret_fd, pid_t *ret_holder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s/%s", program, interface);
	if (n < 0 || n >= (int)sizeof(address.sun_path) - 1)
		return -ENAMETOOLONG;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, SOMAXCONN)) {
		int error = errno == EADDRINUSE ? EBUSY : errno;
		close(fd);
		if (error == EBUSY)
			*ret_holder = holder_of(&address, size);
		return -error;
	}
	*ret_fd = fd;
	return 0;
}
