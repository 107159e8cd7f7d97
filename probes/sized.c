/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes of a size, which find what a link takes: probes/mtu.h. They have a port of their own, so that no program stamps
 * them and their replies come to a socket; and what becomes of them counts for no delay and no loss. */
#include "probes/inside.h"
#include "wire/packet.h"

#define BATCH 64u /* replies at a time; there is one a second and link at most */

static uint16_t headers_of(const struct session *session)
{
	bool four = wire_addr_is_v4(&session->link.local);
	return (uint16_t)((four ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6)) + sizeof(struct wire_udp));
}

static const struct probe_keys *keys_of(const struct session *session)
{
	return session->link.authenticated ? &session->link.keys : NULL;
}

/* What cannot be sent, as when it is larger than the interface takes, is lost as on the way. */
static void send_size(struct probe_sessions *s, struct session *session, uint16_t size, uint64_t now)
{
	const struct probe_envelope to = {
	    .local = session->link.local, .remote = session->link.remote, .remote_port = WIRE_STAMP_PORT};
	const struct probe_stamp_probe probe = {.sequence = session->next_sized++,
	    .session_id = session->session_id,
	    .error_estimate = s->clock.error_estimate,
	    .t1 = now + (uint64_t)s->clock_offset_ns};
	uint8_t packet[PROBE_DATAGRAM_BYTES], t1[8];
	size_t length = probe_stamp_build_sized(packet, size - headers_of(session), &probe, keys_of(session));
	wire_stamp_time_put(t1, probe.t1);
	session->sized[probe.sequence % KEPT_SIZED] =
	    (struct sized){.sequence = probe.sequence, .size = size, .t1 = wire_stamp_time_get(t1)};
	if (length)
		probe_socket_send(&s->sized, &to, packet, length, NULL);
}

void sized_send(struct probe_sessions *s, struct session *session, uint64_t now)
{
	const struct probe_estimator *e = &session->estimator;
	if (!e->up || session->link.mtu == 0)
		return;
	uint16_t size =
	    probe_mtu_next(&session->mtu, now, (struct probe_mtu_small){.sent = e->sent, .answered = e->replies});
	if (size)
		send_size(s, session, size, now);
}

/* Only the answer to a probe of ours, and in its length, says that the link takes it. */
static void take(struct probe_sessions *s, const struct probe_datagram *d)
{
	struct probe_stamp_reply r;
	struct session *session =
	    d->remote_port == WIRE_STAMP_PORT ? probe_sessions_by_pair(s, &d->local, &d->remote) : NULL;
	if (!session || d->cut || probe_stamp_read_reply(d->data, d->length, keys_of(session), &r))
		return;
	struct sized *sized = &session->sized[r.sequence % KEPT_SIZED];
	if (sized->sequence != r.sequence || sized->t1 != r.t1 || d->length + headers_of(session) != sized->size ||
	    !probe_session_is(session, r.session_id))
		return;
	probe_mtu_answered(&session->mtu, sized->size, d->arrival_ns);
	sized->size = 0;
}

void sized_read(struct probe_sessions *s)
{
	struct probe_datagram d;
	for (unsigned i = 0; i < BATCH && probe_socket_receive(&s->sized, &d) == 0; i++)
		take(s, &d);
}
