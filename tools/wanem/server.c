/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/wanem/command.h"

#define BACKLOG 8

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(ret_address->sun_path, path);
	return 0;
}

static int open_socket(int flags)
{
	int size = (int)WANEM_MAX_ANSWER * 2; /* the kernel counts its own overhead too */
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

/* The pid behind a live socket, or 0. */
static pid_t owner_of(const struct sockaddr_un *address)
{
	struct ucred owner = {0};
	socklen_t size = sizeof(owner);
	int fd = open_socket(0);
	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &size);
	close(fd);
	return owner.pid;
}

int wanem_server_listen(const char *path, int *ret_fd, pid_t *ret_owner)
{
	struct sockaddr_un address;
	int error = address_of(path, &address);
	if (error)
		return error;
	pid_t owner = owner_of(&address);
	if (owner) {
		*ret_owner = owner;
		return -EADDRINUSE;
	}
	int fd = open_socket(SOCK_NONBLOCK);
	if (fd < 0)
		return fd;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0) {
		error = -errno;
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int wanem_server_accept(int fd)
{
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int size = (int)WANEM_MAX_ANSWER * 2;
	if (client < 0)
		return -errno;
	(void)setsockopt(client, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return client;
}

int wanem_server_answer(int client, struct wanem_emulator *e)
{
	char request[WANEM_MAX_REQUEST];
	ssize_t n = recv(client, request, sizeof(request) - 1, 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	request[n] = '\0';
	char *answer = wanem_command(e, request);
	if (!answer)
		return -ENOMEM;
	ssize_t sent = send(client, answer, strlen(answer), MSG_NOSIGNAL);
	int error = sent < 0 ? -errno : 0;
	free(answer);
	return error;
}

/* One datagram there and one back. Returns the length of the answer or -errno. */
static ssize_t exchange(int fd, const struct sockaddr_un *address, const char *request, char *answer, size_t size)
{
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
	    send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -errno;
	ssize_t n = recv(fd, answer, size, 0);
	return n < 0 ? -errno : n == 0 ? -ECONNRESET : n;
}

int wanem_server_ask(const char *path, const char *request, char **ret_answer)
{
	struct sockaddr_un address;
	int error = address_of(path, &address);
	if (error)
		return error;
	char *answer = malloc(WANEM_MAX_ANSWER + 1);
	if (!answer)
		return -ENOMEM;
	int fd = open_socket(0);
	ssize_t n = fd < 0 ? fd : exchange(fd, &address, request, answer, WANEM_MAX_ANSWER);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(answer);
		return (int)n;
	}
	answer[n] = '\0';
	*ret_answer = answer;
	return 0;
}
