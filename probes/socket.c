/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/socket.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants struct timespec to be known */

#define SENT_TTL       255 /* RFC 4656, 4.1.2: so that the other end can count the hops */
#define SAME_MOMENT_NS 2000u
#define MOST_READINGS  8

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t probe_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

static int configure(int fd, bool v4_only)
{
	int error = set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (!error)
		error = set(fd, IPPROTO_IP, IP_RECVTTL, 1);
	if (!error)
		error = set(fd, IPPROTO_IP, IP_RECVTOS, 1);
	if (!error)
		error = set(fd, IPPROTO_IP, IP_TTL, SENT_TTL);
	if (!error)
		error = set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	if (v4_only)
		return error ? error : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, SENT_TTL);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	return error;
}

/* Returns the length of the socket address. */
static socklen_t address_of(bool v4_only, const struct wire_addr *a, uint16_t port, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (v4_only) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		memcpy(&ret->v4.sin_addr, a->bytes + 12, 4);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	memcpy(&ret->v6.sin6_addr, a->bytes, 16);
	return sizeof(ret->v6);
}

int probe_socket_open(uint16_t port, struct probe_socket *ret)
{
	int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	struct probe_socket s = {.fd = socket(AF_INET6, type, 0)};
	if (s.fd < 0 && errno == EAFNOSUPPORT) {
		s.fd = socket(AF_INET, type, 0);
		s.v4_only = true;
	}
	if (s.fd < 0)
		return -errno;
	union address every;
	struct wire_addr unset = {0};
	socklen_t length = address_of(s.v4_only, &unset, port, &every);
	int error = configure(s.fd, s.v4_only);
	if (!error && bind(s.fd, &every.any, length))
		error = -errno;
	if (error) {
		close(s.fd);
		return error;
	}
	*ret = s;
	return 0;
}

void probe_socket_close(struct probe_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int probe_socket_watch_departures(struct probe_socket *s)
{
	const int what = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
	/* Taking the option off and on again makes the kernel count from 0. */
	int error = set(s->fd, SOL_SOCKET, SO_TIMESTAMPING, what);
	if (!error)
		error = set(s->fd, SOL_SOCKET, SO_TIMESTAMPING, what | SOF_TIMESTAMPING_OPT_ID);
	if (!error)
		error = set(s->fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
	s->departures = error == 0;
	s->next_id = 0;
	return error;
}

/* One control message more, behind those that message->msg_controllen counts. */
static void add_control(struct msghdr *message, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *c = (void *)((uint8_t *)message->msg_control + message->msg_controllen);
	c->cmsg_len = CMSG_LEN(size);
	c->cmsg_level = level;
	c->cmsg_type = type;
	memcpy(CMSG_DATA(c), data, size);
	message->msg_controllen += CMSG_SPACE(size);
}

static void address_letter(const struct probe_socket *s, const struct probe_envelope *e, struct msghdr *message)
{
	struct in_pktinfo v4 = {0};
	struct in6_pktinfo v6 = {0};
	int tos = e->tos;
	bool four = wire_addr_is_v4(&e->remote);
	if (s->v4_only) {
		memcpy(&v4.ipi_spec_dst, e->local.bytes + 12, 4);
		add_control(message, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else {
		memcpy(&v6.ipi6_addr, e->local.bytes, 16);
		add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
	if (tos && four)
		add_control(message, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else if (tos)
		add_control(message, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

int probe_socket_send(
    struct probe_socket *s, const struct probe_envelope *envelope, const void *data, size_t length, uint32_t *ret_id)
{
	union address to;
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
	struct msghdr message = {.msg_name = &to, .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
	message.msg_namelen = address_of(s->v4_only, &envelope->remote, envelope->remote_port, &to);
	address_letter(s, envelope, &message);
	ssize_t sent = sendmsg(s->fd, &message, 0);
	int error = sent < 0 ? -errno : 0;
	if (ret_id)
		*ret_id = s->next_id;
	s->next_id++;
	/* Whether one that failed has got a number depends on where it failed. */
	if (error && s->departures)
		probe_socket_watch_departures(s);
	return error;
}

/* The stamp is of the wall clock, which may be stepped at any time: only its age is used. Both clocks are read at one
 * moment: when something came between, again. */
static uint64_t monotonic_of(const struct timespec *stamp)
{
	uint64_t stamped = (uint64_t)stamp->tv_sec * 1000000000u + (uint64_t)stamp->tv_nsec;
	uint64_t before, wall, now;
	for (int i = 0; i < MOST_READINGS; i++) {
		before = probe_now();
		wall = clock_ns(CLOCK_REALTIME);
		now = probe_now();
		if (now - before < SAME_MOMENT_NS)
			break;
	}
	return stamped < wall && wall - stamped < now ? now - (wall - stamped) : now;
}

static void read_control(struct msghdr *message, struct probe_datagram *d)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		int value;
		struct timespec stamp;
		struct in_pktinfo v4;
		struct in6_pktinfo v6;
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
			d->arrival_ns = monotonic_of(&stamp);
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
			memcpy(&value, CMSG_DATA(c), sizeof(value));
			d->ttl = (uint8_t)value;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			d->tos = *CMSG_DATA(c);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&value, CMSG_DATA(c), sizeof(value));
			d->tos = (uint8_t)value;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			d->local = wire_addr_from_v4(&v4.ipi_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			d->local = wire_addr_from_v6(&v6.ipi6_addr);
		}
	}
}

int probe_socket_receive(const struct probe_socket *s, struct probe_datagram *ret)
{
	union address from;
	union {
		struct cmsghdr header;
		uint8_t bytes[256];
	} control;
	struct iovec part = {.iov_base = ret->data, .iov_len = sizeof(ret->data)};
	struct msghdr message = {.msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(s->fd, &message, 0);
	if (length < 0)
		return -errno;
	ret->length = (size_t)length;
	ret->cut = message.msg_flags & MSG_TRUNC;
	ret->ttl = ret->tos = 0;
	ret->arrival_ns = probe_now();
	ret->local = (struct wire_addr){0};
	if (from.any.sa_family == AF_INET) {
		ret->remote = wire_addr_from_v4(&from.v4.sin_addr);
		ret->remote_port = ntohs(from.v4.sin_port);
	} else {
		ret->remote = wire_addr_from_v6(&from.v6.sin6_addr);
		ret->remote_port = ntohs(from.v6.sin6_port);
	}
	read_control(&message, ret);
	return 0;
}

int probe_socket_departure(struct probe_socket *s, uint32_t *ret_id, uint64_t *ret_at_ns)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[256];
	} control;
	for (;;) {
		struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
		bool stamped = false, numbered = false;
		if (recvmsg(s->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return -errno;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			struct sock_extended_err e;
			struct timespec stamp;
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
				memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
				*ret_at_ns = monotonic_of(&stamp);
				stamped = true;
			} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
				memcpy(&e, CMSG_DATA(c), sizeof(e));
				*ret_id = e.ee_data;
				numbered = e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING;
			}
		}
		if (stamped && numbered)
			return 0;
	}
}
