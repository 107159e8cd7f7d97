/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies that come to sockets: all without eBPF, and those of authenticated links always. */
#include "probes/inside.h"

#define BATCH 256u /* datagrams at a time, so that the loop's other work is not starved */

static void refuse(struct session *session, enum probe_stamp_flaw flaw)
{
	session->refused[flaw == PROBE_STAMP_SHORT ? PROBE_REFUSED_SHORT : PROBE_REFUSED_FORGED]++;
}

static struct probe_reply reply_of(
    const struct probe_sessions *s, const struct probe_stamp_reply *r, const struct probe_datagram *d)
{
	return (struct probe_reply){
	    .sequence = r->sequence,
	    .reflector_sequence = r->reflector_sequence,
	    .t1 = r->t1,
	    .t2 = r->t2,
	    .t3 = r->t3,
	    .t4 = d->arrival_ns + (uint64_t)s->clock_offset_ns,
	    .arrival_ns = d->arrival_ns,
	};
}

static struct session *session_of(struct probe_sessions *s, const struct probe_datagram *d)
{
	return d->remote_port == WIRE_STAMP_PORT ? probe_sessions_by_pair(s, &d->local, &d->remote) : NULL;
}

static void take_open(struct probe_sessions *s, const struct probe_datagram *d)
{
	struct probe_stamp_reply r;
	struct session *session = session_of(s, d);
	if (!session)
		return;
	if (session->link.authenticated) {
		session->refused[PROBE_REFUSED_UNAUTHENTICATED]++;
		return;
	}
	enum probe_stamp_flaw flaw = d->cut ? PROBE_STAMP_SHORT : probe_stamp_read_reply(d->data, d->length, NULL, &r);
	if (flaw) {
		refuse(session, flaw);
		return;
	}
	if (!probe_session_is(session, r.session_id))
		return;
	struct probe_reply reply = reply_of(s, &r, d);
	probe_sessions_take(s, session, &reply);
}

void stamps_user_read(struct probe_sessions *s)
{
	struct probe_datagram d;
	for (unsigned i = 0; i < BATCH && probe_socket_receive(&s->sender, &d) == 0; i++)
		take_open(s, &d);
}

/* The answer before this one left later than it could say. */
static void follow_up(struct session *session, const struct probe_stamp_reply *r)
{
	if (r->followed && session->last_reply.any && r->followed_sequence == session->last_reply.reflector_sequence &&
	    r->followed_t3 > session->last_reply.t3)
		probe_estimator_left_later(
		    &session->estimator, session->last_reply.sequence, r->followed_t3 - session->last_reply.t3);
	session->last_reply.any = true;
	session->last_reply.sequence = r->sequence;
	session->last_reply.reflector_sequence = r->reflector_sequence;
	session->last_reply.t3 = r->t3;
}

static void take_sealed(struct probe_sessions *s, const struct probe_datagram *d)
{
	struct probe_stamp_reply r;
	struct session *session = session_of(s, d);
	if (!session || !session->link.authenticated)
		return;
	enum probe_stamp_flaw flaw =
	    d->cut ? PROBE_STAMP_SHORT : probe_stamp_read_reply(d->data, d->length, &session->link.keys, &r);
	if (flaw) {
		refuse(session, flaw);
		return;
	}
	const struct kept *kept = &session->kept[r.sequence % KEPT_PROBES];
	bool ours = r.session_id == session->session_id && kept->sequence == r.sequence && kept->t1 == r.t1;
	if (!ours)
		r.t1 = 0; /* signed, but no answer to what we sent: the estimator counts it as ignored */
	else
		follow_up(session, &r);
	struct probe_reply reply = reply_of(s, &r, d);
	if (ours && kept->left_t1)
		reply.t1 = kept->left_t1;
	probe_sessions_take(s, session, &reply);
}

static void keep_departure(struct probe_sessions *s, uint32_t id, uint64_t at_ns)
{
	const struct departure *departure = departures_take(&s->sealed_departures, id);
	struct session *session = departure ? probe_sessions_by_id(s, departure->session_id) : NULL;
	if (!session)
		return;
	struct kept *kept = &session->kept[departure->sequence % KEPT_PROBES];
	uint64_t left = at_ns + (uint64_t)s->clock_offset_ns;
	if (kept->sequence == departure->sequence && left > kept->t1)
		kept->left_t1 = left;
}

void stamps_sealed_read(struct probe_sessions *s)
{
	struct probe_datagram d;
	uint32_t id;
	uint64_t at;
	for (unsigned i = 0; i < BATCH && probe_socket_departure(&s->sealed, &id, &at) == 0; i++)
		keep_departure(s, id, at);
	for (unsigned i = 0; i < BATCH && probe_socket_receive(&s->sealed, &d) == 0; i++)
		take_sealed(s, &d);
}
