/* SPDX-License-Identifier: BSD-2-Clause */
/* Stamps without eBPF: the kernel's receive stamps, our own clock when sending, and a reflector on a socket. */
#include "probes/inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probes/stamp.h"
#include "wire/stamp.h"

#define HEARTBEAT_BYTES (WIRE_BPF_MAX_WORKERS * sizeof(uint64_t))
#define BATCH           256u /* datagrams at a time, so that the loop's other work is not starved */

static int make_heartbeat(struct probe_sessions *s)
{
	int fd = memfd_create("kuafu-heartbeat", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	void *memory = MAP_FAILED;
	if (ftruncate(fd, HEARTBEAT_BYTES) == 0)
		memory = mmap(NULL, HEARTBEAT_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		int error = -errno;
		close(fd);
		return error;
	}
	s->heartbeat_fd = fd;
	s->heartbeat = memory;
	return 0;
}

int stamps_user_open(struct probe_sessions *s, char *why)
{
	int error = make_heartbeat(s);
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "no shared memory for heartbeats: %s", strerror(-error));
	if (error)
		return error;
	error = probe_socket_open(WIRE_STAMP_PORT, &s->reflector);
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "UDP port %u (STAMP reflector): %s", WIRE_STAMP_PORT, strerror(-error));
	return error;
}

void stamps_user_close(struct probe_sessions *s)
{
	probe_socket_close(&s->reflector);
	if (s->heartbeat)
		munmap((void *)(uintptr_t)s->heartbeat, HEARTBEAT_BYTES);
	if (s->heartbeat_fd >= 0)
		close(s->heartbeat_fd);
}

static bool forwarder_lives(const struct probe_sessions *s, uint64_t now)
{
	for (uint32_t i = 0; i < s->workers; i++)
		if ((int64_t)(now - __atomic_load_n(&s->heartbeat[i], __ATOMIC_RELAXED)) > (int64_t)PROBE_HEARTBEAT_NS)
			return false;
	return s->workers > 0;
}

/* The sender's count, made when it is new in the place of the one that was silent longest. */
static struct reflected *reflected_of(struct session *session, uint16_t port, uint16_t session_id, uint64_t now)
{
	struct reflected *oldest = &session->reflected[0];
	for (unsigned i = 0; i < REFLECTED_SENDERS; i++) {
		struct reflected *r = &session->reflected[i];
		if (r->used_ns && r->port == port && r->session_id == session_id) {
			r->used_ns = now;
			return r;
		}
		if (r->used_ns < oldest->used_ns)
			oldest = r;
	}
	*oldest = (struct reflected){.port = port, .session_id = session_id, .used_ns = now};
	return oldest;
}

static void reflect(struct probe_sessions *s, struct probe_datagram *d)
{
	struct session *session = probe_sessions_by_pair(s, &d->local, &d->remote);
	uint16_t session_id;
	if (!session || d->cut || !probe_stamp_read_session(d->data, d->length, &session_id))
		return;
	probe_estimator_heard(&session->estimator, d->arrival_ns);
	uint64_t now = probe_now();
	if (!forwarder_lives(s, now))
		return;
	struct reflected *count = reflected_of(session, d->remote_port, session_id, now);
	uint64_t t2 = d->arrival_ns + (uint64_t)s->clock_offset_ns, t3 = probe_now() + (uint64_t)s->clock_offset_ns;
	if (probe_stamp_reflect(d->data, d->length, count->next_sequence++, d->ttl, t2, t3))
		probe_socket_send(&s->reflector, &d->local, &d->remote, d->remote_port, d->data, d->length);
}

static void take_reply(struct probe_sessions *s, const struct probe_datagram *d)
{
	struct probe_stamp_reply r;
	if (d->remote_port != WIRE_STAMP_PORT || !probe_stamp_read_reply(d->data, d->length, &r))
		return;
	struct session *session = probe_sessions_by_pair(s, &d->local, &d->remote);
	if (!session || r.session_id != session->session_id)
		return;
	struct probe_reply reply = {
	    .sequence = r.sequence,
	    .reflector_sequence = r.reflector_sequence,
	    .t1 = r.t1,
	    .t2 = r.t2,
	    .t3 = r.t3,
	    .t4 = d->arrival_ns + (uint64_t)s->clock_offset_ns,
	    .arrival_ns = d->arrival_ns,
	};
	probe_sessions_take(s, session, &reply);
}

void stamps_user_read(struct probe_sessions *s)
{
	struct probe_datagram d;
	for (unsigned i = 0; i < BATCH && probe_socket_receive(&s->reflector, &d) == 0; i++)
		reflect(s, &d);
	for (unsigned i = 0; i < BATCH && probe_socket_receive(&s->sender, &d) == 0; i++)
		take_reply(s, &d);
}
