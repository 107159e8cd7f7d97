/* SPDX-License-Identifier: BSD-2-Clause */
/* Stamps and reflection by the programs of ebpf/. */
#include "probes/inside.h"

#include <stdlib.h>

/* Two measurements of one clock differ by less; a real step is larger, or of no consequence. */
#define SAME_CLOCK_NS 1000000

#define MOST_SAMPLES 4096u /* at a time, so that a flood does not starve the loop's other work */

int stamps_ebpf_configure(struct probe_sessions *s)
{
	struct wire_bpf_config config = {
	    .clock_offset_ns = s->clock_offset_ns,
	    .heartbeat_max_age_ns = PROBE_HEARTBEAT_NS,
	    .workers = s->workers,
	    .error_estimate = s->clock.error_estimate,
	    .sender_port = PROBE_SENDER_PORT,
	    .stateless = s->stateless,
	};
	return kbpf_set_config(s->kbpf, &config);
}

int64_t stamps_ebpf_clock(const struct probe_sessions *s, int64_t measured_ns)
{
	struct wire_bpf_config config;
	if (kbpf_get_config(s->kbpf, &config) || llabs(config.clock_offset_ns - measured_ns) >= SAME_CLOCK_NS)
		return measured_ns;
	return config.clock_offset_ns;
}

static void on_sample(void *context, const struct wire_bpf_sample *sample)
{
	struct probe_sessions *s = context;
	struct session *session = sample->session_id ? probe_sessions_by_id(s, sample->session_id)
	                                             : probe_sessions_by_pair(s, &sample->local, &sample->reflector);
	if (!session || !wire_addr_equal(&session->link.remote, &sample->reflector) ||
	    !wire_addr_equal(&session->link.local, &sample->local))
		return;
	if (session->link.authenticated) {
		session->refused[PROBE_REFUSED_UNAUTHENTICATED]++;
		return;
	}
	if (!probe_session_is(session, sample->session_id))
		return;
	struct probe_reply reply = {
	    .sequence = sample->sequence,
	    .reflector_sequence = sample->reflector_sequence,
	    .t1 = sample->t1,
	    .t2 = sample->t2,
	    .t3 = sample->t3,
	    .t4 = sample->t4,
	    .arrival_ns = sample->arrival_ns,
	};
	probe_sessions_take(s, session, &reply);
}

void stamps_ebpf_read(struct probe_sessions *s)
{
	kbpf_read_samples(s->kbpf, MOST_SAMPLES, on_sample, s);
}

void stamps_ebpf_hear(struct probe_sessions *s, struct session *session)
{
	struct wire_bpf_peer peer;
	if (session->link.authenticated)
		return; /* what XDP has seen was not verified */
	if (kbpf_get_peer(s->kbpf, &session->link.local, &session->link.remote, &peer) == 0 && peer.last_arrival_ns)
		probe_estimator_heard(&session->estimator, peer.last_arrival_ns);
}
