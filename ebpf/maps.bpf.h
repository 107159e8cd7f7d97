/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of the programs in port.bpf.c; keys and values are those of wire/bpf.h. All but xsks_map are shared by the
 * POP's interfaces. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "wire/bpf.h"

#define MAX_QUEUES    64u          /* of one interface; what libxdp's own program allows */
#define SAMPLES_BYTES (256u << 10) /* 2,700 samples: 100 links at 20 Hz for 1.3 s */

/* libxdp looks this name up in the program that it adopts: queue to AF_XDP socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, uint32_t);
	__type(value, uint32_t);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_bpf_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_BPF_MAX_WORKERS);
	__type(key, uint32_t);
	__type(value, uint64_t);
} heartbeat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WIRE_BPF_MAX_STEER);
	__type(key, struct wire_addr);
	__type(value, uint32_t);
} steer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WIRE_BPF_MAX_PEERS);
	__type(key, struct wire_bpf_peer_key);
	__type(value, struct wire_bpf_peer);
} peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WIRE_BPF_MAX_SESSIONS);
	__type(key, struct wire_bpf_session_key);
	__type(value, struct wire_bpf_session);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAMPLES_BYTES);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_BPF_COUNTER_COUNT);
	__type(key, uint32_t);
	__type(value, uint64_t);
} counters SEC(".maps");

static __always_inline void count(uint32_t counter)
{
	uint64_t *value = bpf_map_lookup_elem(&counters, &counter);
	if (value)
		*value += 1;
}

static __always_inline const struct wire_bpf_config *configuration(void)
{
	uint32_t zero = 0;
	return bpf_map_lookup_elem(&config, &zero);
}
