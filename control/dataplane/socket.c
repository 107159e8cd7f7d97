/* SPDX-License-Identifier: BSD-2-Clause */
/* The connection: datagrams out when the socket takes them, messages in as they come. */
#include "control/dataplane/impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One datagram, with its descriptor. Returns 0 or -errno. */
static int send_datagram(int fd, const struct ctl_datagram *datagram)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)datagram->bytes, .iov_len = datagram->length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (datagram->fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &datagram->fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Length, 0 at the end of the connection, or -errno. *ret_fd: a descriptor that came along, or -1. */
static ssize_t receive_datagram(int fd, void *bytes, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*ret_fd = -1;
	if (length < 0)
		return -errno;
	for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&message); part_of; part_of = CMSG_NXTHDR(&message, part_of))
		if (part_of->cmsg_level == SOL_SOCKET && part_of->cmsg_type == SCM_RIGHTS)
			memcpy(ret_fd, CMSG_DATA(part_of), sizeof(int));
	return length;
}

static void receive(struct ctl_dataplane *client)
{
	_Alignas(8) static uint8_t bytes[WIRE_CTL_MAX_DATAGRAM];
	/* A busy peer must not keep the loop from its timers. */
	for (int budget = 64; budget > 0 && client->fd >= 0; budget--) {
		int fd;
		ssize_t length = receive_datagram(client->fd, bytes, sizeof(bytes), &fd);
		if (length == -EAGAIN || length == -EINTR)
			return;
		if (length <= 0) {
			if (fd >= 0)
				close(fd);
			ctl_dataplane_on_lost(
			    client, length ? strerror((int)-length) : "data plane has closed the connection");
			return;
		}
		size_t offset = 0;
		const struct wire_ctl_header *header;
		const void *body;
		int more = 0;
		while (client->fd >= 0 && (more = ctl_frame_next(bytes, (size_t)length, &offset, &header, &body)) > 0)
			ctl_dataplane_on_message(client, header, body, &fd);
		if (fd >= 0)
			close(fd);
		if (more < 0)
			ctl_dataplane_on_lost(client, "malformed message from the data plane");
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct ctl_dataplane *client = poll->data;
	if (status < 0) { /* libuv says EBADF, whatever the socket's error is: what we sent was not read to the end */
		ctl_dataplane_on_lost(client, "the data plane has gone");
		return;
	}
	if (events & (UV_READABLE | UV_DISCONNECT))
		receive(client);
	if (client->fd >= 0 && events & UV_WRITABLE)
		ctl_dataplane_pump(client);
}

void ctl_dataplane_pump(struct ctl_dataplane *client)
{
	while (client->fd >= 0 && client->out.first) {
		int error = send_datagram(client->fd, client->out.first);
		if (error == -EAGAIN || error == -EINTR || error == -ENOBUFS)
			break;
		if (error) {
			ctl_dataplane_on_lost(client, strerror(-error));
			return;
		}
		struct ctl_datagram *sent = ctl_frames_pop(&client->out);
		if (sent->fd >= 0)
			close(sent->fd);
		free(sent);
	}
	if (client->fd >= 0)
		uv_poll_start(
		    &client->poll, UV_READABLE | UV_DISCONNECT | (client->out.first ? UV_WRITABLE : 0), on_poll);
}

int ctl_dataplane_send(struct ctl_dataplane *client, enum wire_ctl_type type, const void *body, size_t size, int fd)
{
	int error = ctl_frame_add(&client->out, type, 0, 0, body, size, fd);
	if (!error)
		ctl_dataplane_pump(client);
	return error;
}

int ctl_dataplane_connect(struct ctl_dataplane *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, client->path, sizeof(address.sun_path));
	if (client->polling) /* the handle of the last connection is still closing */
		return -EAGAIN;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	if (!error)
		error = uv_poll_init(client->loop, &client->poll, fd);
	if (error) {
		close(fd);
		return error;
	}
	client->poll.data = client;
	client->handles++;
	client->polling = true;
	client->fd = fd;
	error = uv_poll_start(&client->poll, UV_READABLE | UV_DISCONNECT, on_poll);
	if (error)
		ctl_dataplane_disconnect(client); /* or the handle would be in the way of every later attempt */
	return error;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct ctl_dataplane *client = handle->data;
	client->polling = false;
	ctl_dataplane_handle_closed(handle);
}

void ctl_dataplane_disconnect(struct ctl_dataplane *client)
{
	if (client->fd < 0)
		return;
	uv_poll_stop(&client->poll);
	uv_close((uv_handle_t *)&client->poll, on_poll_closed);
	close(client->fd);
	client->fd = -1;
	ctl_frames_clear(&client->out);
}
