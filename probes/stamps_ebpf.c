/* SPDX-License-Identifier: BSD-2-Clause */
/* Stamps and reflection by the programs of ebpf/. */
#include "probes/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/stamp.h"

/* Two measurements of one clock differ by less; a real step is larger, or of no consequence. */
#define SAME_CLOCK_NS 1000000

int stamps_ebpf_configure(struct probe_sessions *s)
{
	struct wire_bpf_config config = {
	    .clock_offset_ns = s->clock_offset_ns,
	    .heartbeat_max_age_ns = PROBE_HEARTBEAT_NS,
	    .workers = s->workers,
	    .error_estimate = WIRE_STAMP_ERROR_UNIT,
	    .sender_port = PROBE_SENDER_PORT,
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

int stamps_ebpf_open(struct probe_sessions *s, char *why)
{
	int error = stamps_ebpf_configure(s);
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "the BPF programs cannot be configured: %s", strerror(-error));
	return error;
}

static void on_sample(void *context, const struct wire_bpf_sample *sample)
{
	struct probe_sessions *s = context;
	if (sample->session_id == 0 || sample->session_id > s->n_slots)
		return;
	struct session *session = s->slots[sample->session_id - 1];
	if (!session || !wire_addr_equal(&session->link.remote, &sample->reflector))
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
	kbpf_read_samples(s->kbpf, on_sample, s);
}

void stamps_ebpf_hear(struct probe_sessions *s, struct session *session)
{
	struct wire_bpf_peer peer;
	if (kbpf_get_peer(s->kbpf, &session->link.local, &session->link.remote, &peer) == 0 && peer.last_arrival_ns)
		probe_estimator_heard(&session->estimator, peer.last_arrival_ns);
}
