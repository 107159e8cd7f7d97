/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/base/clock.h"
#include "tools/wanem/server.h"

#define MAX_EVENTS     32
#define RECEIVE_BATCH  256u        /* frames of one wire before packets that are due are sent */
#define LONGEST_WAIT   1000000000u /* ns */
/* Under load the loop turns at most this often, ns: enough for 1 ms of accuracy, and the other programs on this
 * machine need the processor. */
#define QUANTUM        100000u
/* A kernel timestamp older than this is from before a step of the clock, ns. */
#define OLDEST_ARRIVAL 100000000u

struct loop {
	struct wanem_emulator *e;
	struct wanem_wire *wire;
	int epoll;
	int server;
};

struct batch {
	struct wanem_packet *packet[WANEM_SEND_BATCH];
	uint8_t *frame[WANEM_SEND_BATCH];
	uint32_t length[WANEM_SEND_BATCH];
	uint32_t n;
};

static void ask(struct loop *l, uint8_t port, const struct wire_addr *address)
{
	uint8_t frame[WANEM_MAX_DISCOVERY], *frames = frame;
	uint32_t length = wanem_router_ask(&l->e->router, port, address, frame);
	(void)wanem_wire_send(&l->wire[port], &frames, &length, 1); /* asked again soon if it is lost */
}

/* Reads what has arrived on one wire. Returns whether more may be waiting. */
static bool receive(struct loop *l, uint8_t port, uint64_t now, uint64_t realtime_offset)
{
	struct wanem_wire *wire = &l->wire[port];
	struct wanem_arrival a;
	struct wanem_answer answer;
	uint8_t *frames = answer.frame;
	for (unsigned i = 0; i < RECEIVE_BATCH; i++) {
		if (wanem_wire_receive(wire, &a) != 0)
			return false;
		uint64_t arrived = a.realtime - realtime_offset;
		if (arrived > now || arrived + OLDEST_ARRIVAL < now)
			arrived = now;
		if (a.full_length != a.length)
			l->e->loss[WANEM_TRUNCATED]++;
		else if (a.unfinished)
			l->e->loss[WANEM_UNFINISHED]++;
		else if (wanem_emulator_receive(l->e, port, a.frame, a.length, arrived, &answer))
			(void)wanem_wire_send(wire, &frames, &answer.length, 1); /* it will ask again */
		wanem_wire_release(wire);
		l->e->traffic[port].received++;
	}
	return true;
}

static void flush(struct loop *l, uint8_t port, struct batch *b)
{
	if (b->n == 0)
		return;
	uint32_t taken = wanem_wire_send(&l->wire[port], b->frame, b->length, b->n);
	uint64_t now = ctl_monotonic_ns();
	for (uint32_t i = 0; i < taken; i++)
		wanem_emulator_done(l->e, b->packet[i], now);
	for (uint32_t i = taken; i < b->n; i++)
		wanem_emulator_retry(l->e, b->packet[i], now);
	l->e->traffic[port].sent += taken;
	b->n = 0;
}

static void send_due(struct loop *l, uint64_t now)
{
	static struct batch batch[WANEM_MAX_PORTS]; /* empty between calls */
	uint8_t ask_port;
	struct wire_addr asked;
	for (;;) {
		struct wanem_packet *p = wanem_emulator_take(l->e, now, &ask_port, &asked);
		bool asks = !wire_addr_is_unset(&asked);
		if (asks)
			ask(l, ask_port, &asked);
		if (!p && !asks)
			break;
		if (!p)
			continue;
		struct batch *b = &batch[p->to];
		b->packet[b->n] = p;
		b->frame[b->n] = p->frame;
		b->length[b->n++] = p->length;
		if (b->n == WANEM_SEND_BATCH)
			flush(l, p->to, b);
	}
	for (uint32_t i = 0; i < l->e->router.n_ports; i++)
		flush(l, (uint8_t)i, &batch[i]);
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static bool is_wire(const struct loop *l, int fd)
{
	for (uint32_t i = 0; i < l->e->router.n_ports; i++)
		if (l->wire[i].fd == fd)
			return true;
	return false;
}

/* A wire that reports an error (its interface went down or away) has it read, or it would be reported for ever. */
static void clear_error(struct loop *l, const struct epoll_event *event)
{
	int error;
	socklen_t size = sizeof(error);
	if (!(event->events & (EPOLLERR | EPOLLHUP)))
		return;
	if (getsockopt(event->data.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0)
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, event->data.fd, NULL);
}

static void count_drops(struct loop *l)
{
	for (uint32_t i = 0; i < l->e->router.n_ports; i++)
		l->e->traffic[i].ring_drops += wanem_wire_drops(&l->wire[i]);
}

static void serve(struct loop *l, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;
		if (is_wire(l, fd)) {
			clear_error(l, &events[i]);
		} else if (fd == l->server) {
			int client = wanem_server_accept(fd);
			if (client >= 0 && watch(l->epoll, client) != 0)
				close(client);
		} else {
			count_drops(l);
			if (wanem_server_answer(fd, l->e) != 0)
				close(fd);
		}
	}
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

/* Until the next packet is due or something arrives. */
static int wait_for_work(struct loop *l, uint64_t now, bool more, struct epoll_event *events)
{
	uint64_t next = wanem_emulator_next(l->e);
	uint64_t wait = next <= now || more ? 0 : next - now;
	struct timespec timeout = timespec_of(wait < LONGEST_WAIT ? wait : LONGEST_WAIT);
	int n = epoll_pwait2(l->epoll, events, MAX_EVENTS, &timeout, NULL);
	return n < 0 && errno != EINTR ? -errno : (n < 0 ? 0 : n);
}

static int turn(struct loop *l)
{
	struct epoll_event events[MAX_EVENTS];
	bool more = false;
	uint64_t started = ctl_monotonic_ns();
	uint64_t realtime_offset = ctl_wall_ns() - started;
	for (uint32_t i = 0; i < l->e->router.n_ports; i++)
		more |= receive(l, (uint8_t)i, started, realtime_offset);
	send_due(l, ctl_monotonic_ns());
	uint64_t now = ctl_monotonic_ns();
	if (!more && now < started + QUANTUM) {
		struct timespec rest = timespec_of(started + QUANTUM);
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &rest, NULL);
		now = ctl_monotonic_ns();
	}
	int n = wait_for_work(l, now, more, events);
	if (n < 0)
		return n;
	serve(l, events, n);
	return 0;
}

int wanem_loop_run(struct wanem_emulator *e, struct wanem_wire *wire, int server, const volatile sig_atomic_t *stop)
{
	struct loop l = {.e = e, .wire = wire, .server = server, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	if (l.epoll < 0)
		return -errno;
	int error = watch(l.epoll, server);
	for (uint32_t i = 0; i < e->router.n_ports && !error; i++)
		error = watch(l.epoll, wire[i].fd);
	while (!error && !*stop)
		error = turn(&l);
	close(l.epoll);
	return error;
}
