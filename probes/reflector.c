/* SPDX-License-Identifier: BSD-2-Clause */
/* The reflector on a socket, UDP 862: RFC 8762, 4.3. With eBPF it gets what XDP does not answer:
 *
 *   probe ─▶ of a link's far end? ──yes─▶ authenticated link ──▶ verified, counted and answered here
 *                    │                    plain, 44 bytes ─────▶ answered by XDP
 *                    │                    longer, or TWAMP's ──▶ counted by XDP, answered here
 *                    └─no──▶ answered here, uncounted, if strangers are to be answered */
#include "probes/inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEARTBEAT_BYTES (WIRE_BPF_MAX_WORKERS * sizeof(uint64_t))
#define BATCH           256u /* datagrams at a time, so that the loop's other work is not starved */

static int map_heartbeat(struct probe_sessions *s)
{
	int fd = s->kbpf ? kbpf_heartbeat_fd(s->kbpf) : memfd_create("kuafu-heartbeat", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!s->kbpf) {
		s->heartbeat_fd = fd;
		if (ftruncate(fd, HEARTBEAT_BYTES))
			return -errno;
	}
	void *memory = mmap(NULL, HEARTBEAT_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	s->heartbeat = memory;
	return 0;
}

int reflector_open(struct probe_sessions *s, char *why)
{
	int error = map_heartbeat(s);
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "no shared memory for heartbeats: %s", strerror(-error));
	if (error)
		return error;
	error = probe_socket_open(WIRE_STAMP_PORT, &s->reflector);
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "UDP port %u (STAMP reflector): %s", WIRE_STAMP_PORT, strerror(-error));
	/* Where the kernel cannot tell when answers leave, follow-up telemetry says that it is not known. */
	if (!error)
		probe_socket_watch_departures(&s->reflector);
	return error;
}

void reflector_close(struct probe_sessions *s)
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

/* What is known of the sender; a new one takes the place of one that has been silent. NULL: there is none such, or an
 * attacker who makes up senders could make us forget a true one. */
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
	if (oldest->used_ns && now - oldest->used_ns < WIRE_BPF_SESSION_IDLE_NS)
		return NULL;
	*oldest = (struct reflected){.port = port, .session_id = session_id, .used_ns = now};
	return oldest;
}

/* Each sequence number once, and none that is 64 behind the highest; the numbers wrap. */
static bool is_replay(struct reflected *r, uint32_t sequence)
{
	int32_t ahead = (int32_t)(sequence - r->highest);
	if (!r->any || ahead > 0) {
		r->window = r->any && ahead < 64 ? r->window << ahead | 1 : 1;
		r->highest = sequence;
		r->any = true;
		return false;
	}
	uint64_t bit = ahead > -64 ? 1ull << -ahead : 0;
	if (bit == 0 || r->window & bit)
		return true;
	r->window |= bit;
	return false;
}

static void set_facts(const struct probe_sessions *s, const struct probe_datagram *d, struct probe_stamp_answer *answer)
{
	answer->error_estimate = s->clock.error_estimate;
	answer->ttl = d->ttl;
	answer->t2 = d->arrival_ns + (uint64_t)s->clock_offset_ns;
	answer->facts.source = d->remote;
	answer->facts.destination = d->local;
	answer->facts.source_port = d->remote_port;
	answer->facts.destination_port = WIRE_STAMP_PORT;
	answer->facts.tos = d->tos;
	answer->facts.sync = s->clock.sync;
}

static enum probe_stamp_flaw send_answer(struct probe_sessions *s, struct probe_datagram *d,
    const struct probe_keys *keys, struct probe_stamp_answer *answer, uint32_t *ret_id)
{
	struct probe_envelope back = {.local = d->local, .remote = d->remote, .remote_port = d->remote_port};
	bool answerable;
	set_facts(s, d, answer);
	answer->t3 = probe_now() + (uint64_t)s->clock_offset_ns;
	enum probe_stamp_flaw flaw = probe_stamp_reflect(d->data, d->length, keys, answer, &back.tos, &answerable);
	*ret_id = 0;
	if (answerable)
		probe_socket_send(&s->reflector, &back, d->data, d->length, ret_id);
	return flaw;
}

static void answer_stranger(struct probe_sessions *s, struct probe_datagram *d)
{
	struct probe_stamp_probe probe;
	struct probe_stamp_answer answer = {0};
	uint32_t id;
	/* From port 862 comes another reflector's answer: two of them would never stop. */
	bool wanted = s->answer_any && !d->cut && d->remote_port != WIRE_STAMP_PORT;
	if (!wanted || probe_stamp_read_probe(d->data, d->length, NULL, &probe) || !forwarder_lives(s, probe_now())) {
		s->strangers.refused++;
		return;
	}
	answer.sequence = probe.sequence;
	s->strangers.answered++;
	send_answer(s, d, NULL, &answer, &id);
}

/* What a stateful reflector knows of the probe's session. Plain links' probes XDP has counted, if there is XDP; false: it
 * has not. */
static bool count(const struct probe_sessions *s, const struct probe_datagram *d, bool authenticated,
    const struct probe_stamp_probe *probe, struct reflected *r, struct probe_stamp_answer *answer)
{
	struct kbpf_handed handed = {.count = r->next_sequence};
	if (authenticated || !s->kbpf)
		r->next_sequence++;
	else if (kbpf_handed(
	             s->kbpf, &d->local, &d->remote, d->remote_port, probe->session_id, probe->sequence, &handed))
		return false;
	answer->sequence = handed.count;
	answer->facts.counted = true;
	answer->facts.received = handed.count + 1;
	answer->facts.sent = handed.answered + ++r->answered;
	answer->facts.departed = r->departed;
	answer->facts.departed_sequence = r->departed_sequence;
	answer->facts.departed_ns = r->departed_ns;
	return true;
}

static void answer_link(
    struct probe_sessions *s, struct session *session, struct probe_datagram *d, const struct probe_stamp_probe *probe)
{
	const struct probe_keys *keys = session->link.authenticated ? &session->link.their_keys : NULL;
	struct probe_stamp_answer answer = {.sequence = probe->sequence};
	uint64_t now = probe_now();
	uint32_t id;
	struct reflected *r = reflected_of(session, d->remote_port, probe->session_id, now);
	if (!r) {
		session->refused[PROBE_REFUSED_CROWDED]++;
		return;
	}
	if (keys && is_replay(r, probe->sequence)) {
		session->refused[PROBE_REFUSED_REPLAYED]++;
		return;
	}
	probe_estimator_heard(&session->estimator, d->arrival_ns);
	if (!forwarder_lives(s, now))
		return;
	if (!s->stateless && !count(s, d, keys, probe, r, &answer)) {
		session->refused[PROBE_REFUSED_CROWDED]++;
		return;
	}
	if (send_answer(s, d, keys, &answer, &id))
		session->refused[PROBE_REFUSED_FORGED]++;
	departures_await(&s->reflector_departures, (struct departure){.id = id,
	                                               .session_id = session->session_id,
	                                               .sender = (uint8_t)(r - session->reflected),
	                                               .port = d->remote_port,
	                                               .sequence = answer.sequence});
}

static void reflect(struct probe_sessions *s, struct probe_datagram *d)
{
	struct session *session = probe_sessions_by_pair(s, &d->local, &d->remote);
	struct probe_stamp_probe probe;
	if (!session) {
		answer_stranger(s, d);
		return;
	}
	const struct probe_keys *keys = session->link.authenticated ? &session->link.their_keys : NULL;
	enum probe_stamp_flaw flaw =
	    d->cut ? PROBE_STAMP_SHORT : probe_stamp_read_probe(d->data, d->length, keys, &probe);
	if (flaw == PROBE_STAMP_SHORT && keys && d->length >= WIRE_TWAMP_SIZE)
		session->refused[PROBE_REFUSED_UNAUTHENTICATED]++;
	else if (flaw)
		session->refused[flaw == PROBE_STAMP_SHORT ? PROBE_REFUSED_SHORT : PROBE_REFUSED_FORGED]++;
	else
		answer_link(s, session, d, &probe);
}

static void note_departure(struct probe_sessions *s, uint32_t id, uint64_t at_ns)
{
	const struct departure *departure = departures_take(&s->reflector_departures, id);
	struct session *session = departure ? probe_sessions_by_id(s, departure->session_id) : NULL;
	if (!session)
		return;
	struct reflected *r = &session->reflected[departure->sender];
	if (r->port != departure->port)
		return;
	r->departed = true;
	r->departed_sequence = departure->sequence;
	r->departed_ns = at_ns + (uint64_t)s->clock_offset_ns;
}

static void read_departures(struct probe_sessions *s)
{
	uint32_t id;
	uint64_t at;
	for (unsigned i = 0; i < BATCH && probe_socket_departure(&s->reflector, &id, &at) == 0; i++)
		note_departure(s, id, at);
}

void reflector_read(struct probe_sessions *s)
{
	struct probe_datagram d;
	read_departures(s);
	for (unsigned i = 0; i < BATCH && probe_socket_receive(&s->reflector, &d) == 0; i++) {
		reflect(s, &d);
		read_departures(s); /* the next one may ask */
	}
}
