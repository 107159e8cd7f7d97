/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/session_impl.h"

#define DATAGRAMS_PER_TURN 64u /* so that a client that floods does not keep the workers' events waiting */
#define SETTLE_MS          1   /* no descriptor tells that workers have taken a state */

struct dp_server {
	struct dp_session *session;
	struct dp_server_events events;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listener;
	int client; /* -1: none */
	pid_t client_pid;
};

static pid_t peer_of(int fd)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

static void hang_up(struct dp_server *server, const char *why)
{
	close(server->client);
	server->client = -1;
	dp_session_end(server->session);
	if (server->events.disconnected != NULL)
		server->events.disconnected(server->events.arg, server->client_pid, why);
}

/* ---- out ---- */

static ssize_t send_with_fd(int to, const void *bytes, size_t length, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What the client does not take now stays in the outbox. */
static void flush(struct dp_server *server)
{
	struct dp_outbox *out = dp_session_outbox(server->session);
	if (server->client < 0 || out->used == 0)
		return;
	if (send_with_fd(server->client, out->bytes, out->used, out->fd) < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			hang_up(server, strerror(errno));
		return;
	}
	out->used = 0;
	out->fd = -1;
}

static void refuse_client(struct dp_server *server, int fd, pid_t pid)
{
	struct {
		struct wire_ctl_header header;
		struct wire_ctl_error error;
	} message = {.header = {.type = WIRE_CTL_ERROR, .length = sizeof(message)}, .error = {.code = -EBUSY}};
	snprintf(message.error.text, sizeof(message.error.text),
	    "another client is connected: pid %d; end it first, this data plane serves one", server->client_pid);
	(void)send_with_fd(fd, &message, sizeof(message), -1);
	close(fd);
	if (server->events.refused != NULL)
		server->events.refused(server->events.arg, pid, server->client_pid);
}

/* ---- in ---- */

static bool is_dead(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void accept_client(struct dp_server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	pid_t pid = peer_of(fd);
	if (server->client >= 0 && is_dead(server->client))
		hang_up(server, "it died");
	if (server->client >= 0) {
		refuse_client(server, fd, pid);
		return;
	}
	server->client = fd;
	server->client_pid = pid;
	dp_session_start(server->session);
	if (server->events.connected != NULL)
		server->events.connected(server->events.arg, pid);
}

/* Bytes, 0 at the end, or -errno. -EMSGSIZE: more than a datagram may hold. *ret_fd: what came with it, or -1. */
static ssize_t receive_datagram(int from, void *bytes, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	ssize_t length = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*ret_fd = -1;
	if (length < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*ret_fd < 0)
				*ret_fd = fd;
			else
				close(fd);
		}
	}
	if ((message.msg_flags & MSG_TRUNC) == 0)
		return length;
	return -EMSGSIZE;
}

/* false: nothing more now. */
static bool receive_one(struct dp_server *server)
{
	_Alignas(8) static uint8_t bytes[WIRE_CTL_MAX_DATAGRAM];
	int fd = -1;
	ssize_t length = receive_datagram(server->client, bytes, sizeof(bytes), &fd);
	if (length == -EAGAIN || length == -EINTR)
		return false;
	if (length <= 0) {
		if (fd >= 0)
			close(fd);
		hang_up(server, length == 0 ? "it closed the connection" : strerror((int)-length));
		return false;
	}
	bool ended = dp_session_receive(server->session, bytes, (size_t)length, fd) != 0;
	flush(server);
	if (ended && server->client >= 0)
		hang_up(server, "it does not speak our protocol");
	return server->client >= 0;
}

static void receive(struct dp_server *server)
{
	for (unsigned n = 0; n < DATAGRAMS_PER_TURN && dp_session_ready(server->session); n++)
		if (!receive_one(server))
			return;
}

/* ---- the turn ---- */

bool dp_server_serve(struct dp_server *server, int other_fd, int timeout_ms)
{
	struct dp_session *session = server->session;
	struct dp_workers *set = session->set;
	enum { LISTENER, WORKERS, OTHER, CLIENT, N };
	struct pollfd fds[N] = {
	    [LISTENER] = {.fd = server->listener, .events = POLLIN},
	    [WORKERS] = {.fd = set->main_fd, .events = POLLIN},
	    [OTHER] = {.fd = other_fd, .events = POLLIN},
	    [CLIENT] = {.fd = server->client},
	};
	if (dp_session_ready(session))
		fds[CLIENT].events |= POLLIN;
	if (dp_session_outbox(session)->used > 0)
		fds[CLIENT].events |= POLLOUT;
	if (dp_session_busy(session) || !dp_transaction_settle(session->transactions))
		timeout_ms = SETTLE_MS;
	atomic_store(&set->main_waits, true);
	if (dp_session_events_wait(session))
		timeout_ms = 0;
	(void)poll(fds, N, timeout_ms);
	atomic_store(&set->main_waits, false);
	if (fds[WORKERS].revents & POLLIN) {
		uint64_t count;
		ssize_t got = read(set->main_fd, &count, sizeof(count));
		(void)got; /* non-blocking; nothing there is as well */
	}
	if (fds[LISTENER].revents & POLLIN)
		accept_client(server);
	bool ended = dp_session_poll(session) != 0;
	flush(server);
	if (server->client >= 0 && ended)
		hang_up(server, "it does not speak our protocol");
	else if (server->client >= 0 && server->client == fds[CLIENT].fd &&
	         fds[CLIENT].revents & (POLLIN | POLLHUP | POLLERR))
		receive(server);
	return (fds[OTHER].revents & POLLIN) != 0;
}

/* ---- the socket ---- */

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (unlink(path) != 0 && errno != ENOENT) {
		int error = -errno;
		close(fd);
		return error;
	}
	mode_t old = umask(0177); /* our own user only: who connects rules the traffic */
	int bound = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	int error = bound != 0 ? -errno : 0;
	umask(old);
	if (error == 0 && listen(fd, 4) != 0)
		error = -errno;
	if (error != 0) {
		close(fd);
		return error;
	}
	return fd;
}

int dp_server_create(
    const char *path, struct dp_session *session, const struct dp_server_events *events, struct dp_server **ret_server)
{
	struct dp_server *server = calloc(1, sizeof(*server));
	if (server == NULL)
		return -ENOMEM;
	server->session = session;
	server->events = *events;
	server->client = -1;
	server->listener = listen_on(path);
	if (server->listener < 0) {
		int error = server->listener;
		free(server);
		return error;
	}
	snprintf(server->path, sizeof(server->path), "%s", path);
	*ret_server = server;
	return 0;
}

void dp_server_destroy(struct dp_server *server)
{
	if (server == NULL)
		return;
	if (server->client >= 0)
		hang_up(server, "the data plane ends");
	close(server->listener);
	unlink(server->path);
	free(server);
}
