/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* STAMP in the driver: the stateful reflector of RFC 8762, 4.3, and the last stamp of our own senders' replies. */
#pragma once

#include "ebpf/maps.bpf.h"
#include "ebpf/packet.bpf.h"
#include "wire/checksum.h"
#include "wire/stamp.h"

#define REFLECTED_TTL   255
#define MAX_PROBE_BYTES 9216u /* UDP header and payload whose checksum is verified; longer ones are not answered */

/* A STAMP packet of either direction: fixed header lengths, so all offsets are constants. */
struct probe {
	const struct packet *packet;
	uint8_t *ether;
	struct wire_udp *udp;
	uint8_t *payload; /* WIRE_TWAMP_SIZE bytes are there */
	uint32_t l4;      /* offset of udp */
	uint32_t udp_bytes;
};

typedef uint32_t __attribute__((may_alias)) any_word;

/* The sum of `bytes` bytes of the frame from offset l4 on, or -1 when they are not all there. A function of its own, so
 * that the verifier walks its loop once. */
__attribute__((noinline)) int64_t sum_of_datagram(struct xdp_md *ctx, uint32_t l4, uint32_t bytes)
{
	const uint8_t *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if (l4 > sizeof(struct wire_ether) + sizeof(struct wire_ipv6) || bytes > MAX_PROBE_BYTES)
		return -1;
	const uint8_t *at = data + l4;
	uint64_t sum = 0;
	uint32_t left = bytes;
	for (uint32_t i = 0; i < MAX_PROBE_BYTES / 4 && left >= 4; i++, left -= 4) {
		__asm__ volatile("" : "+r"(at)); /* or the compiler compares with end - 4, which BPF forbids */
		if (at + 4 > end)
			return -1;
		sum += *(const any_word *)at;
		at += 4;
	}
	uint8_t last[4] = {0};
	for (uint32_t i = 0; i < 3 && i < left; i++) {
		__asm__ volatile("" : "+r"(at));
		if (at + 1 > end)
			return -1;
		last[i] = *at++;
	}
	return (int64_t)wire_csum_add(sum, last, sizeof(last));
}

/* RFC 768; over IPv6 there must be one (RFC 8200, 8.1). */
static __always_inline bool udp_checksum_good(struct xdp_md *ctx, const struct probe *probe)
{
	const struct packet *p = probe->packet;
	if (probe->udp->checksum == 0)
		return !p->v6;
	int64_t datagram = sum_of_datagram(ctx, probe->l4, probe->udp_bytes);
	if (datagram < 0)
		return false;
	uint64_t sum = (uint64_t)datagram + bpf_htons(WIRE_PROTO_UDP) + bpf_htons((uint16_t)probe->udp_bytes);
	for (int i = 0; i < 4; i++)
		if (p->v6 || i == 3)
			sum += (uint64_t)p->src.words[i] + p->dst.words[i];
	return wire_csum_fold(sum) == 0xffff;
}

/* Finds the parts of a STAMP packet. False: too short, too long, options, a length that lies, a wrong checksum. */
static __always_inline bool probe_of(struct probe *probe, struct xdp_md *ctx, const struct packet *p)
{
	uint8_t *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	uint32_t l4 = sizeof(struct wire_ether) + (p->v6 ? sizeof(struct wire_ipv6) : sizeof(struct wire_ipv4));
	uint8_t *udp = data + l4;
	if (p->options || p->fragment || udp + sizeof(struct wire_udp) + WIRE_TWAMP_SIZE > end)
		return false;
	probe->packet = p;
	probe->ether = data;
	probe->udp = (void *)udp;
	probe->payload = udp + sizeof(struct wire_udp);
	probe->l4 = l4;
	probe->udp_bytes = bpf_ntohs(probe->udp->length);
	if (probe->udp_bytes < sizeof(struct wire_udp) + WIRE_TWAMP_SIZE || probe->udp_bytes > p->l4_bytes)
		return false;
	return udp_checksum_good(ctx, probe);
}

/* Every worker of the forwarder has beaten lately, and a socket takes this queue's packets. */
static __always_inline bool forwarder_lives(const struct wire_bpf_config *c, uint32_t queue, uint64_t now)
{
	if (c->workers == 0 || c->workers > WIRE_BPF_MAX_WORKERS || !bpf_map_lookup_elem(&xsks_map, &queue))
		return false;
	for (uint32_t i = 0; i < WIRE_BPF_MAX_WORKERS && i < c->workers; i++) {
		uint32_t worker = i;
		const uint64_t *beat = bpf_map_lookup_elem(&heartbeat, &worker);
		/* A beat from after the packet's arrival is fresh. */
		if (!beat || (int64_t)(now - *beat) > (int64_t)c->heartbeat_max_age_ns)
			return false;
	}
	return true;
}

/* The session's own place is the first that is tried, so that one that lasts is found at once. NULL: all places of this
 * pair of addresses have others, who live. */
static __always_inline struct wire_bpf_session *session_of(const struct probe *probe, uint16_t session_id, uint64_t now)
{
	struct wire_bpf_session fresh = {
	    .sender_port = bpf_ntohs(probe->udp->src), .session_id = session_id, .heard_ns = now};
	struct wire_bpf_session_key key = {.sender = probe->packet->src, .reflector = probe->packet->dst};
	uint32_t first = fresh.sender_port ^ session_id, free = WIRE_BPF_PEER_SESSIONS;
	for (uint32_t i = 0; i < WIRE_BPF_PEER_SESSIONS; i++) {
		key.place = (first + i) % WIRE_BPF_PEER_SESSIONS;
		struct wire_bpf_session *session = bpf_map_lookup_elem(&sessions, &key);
		if (session && session->sender_port == fresh.sender_port && session->session_id == session_id) {
			session->heard_ns = now;
			return session;
		}
		bool idle = !session || (int64_t)(now - session->heard_ns) >= (int64_t)WIRE_BPF_SESSION_IDLE_NS;
		if (idle && free == WIRE_BPF_PEER_SESSIONS)
			free = key.place;
	}
	if (free == WIRE_BPF_PEER_SESSIONS)
		return 0;
	key.place = free;
	bpf_map_update_elem(&sessions, &key, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&sessions, &key);
}

/* The probe becomes its answer in all but the STAMP fields. Sums of swapped words do not change; the TTL's do. */
static __always_inline void turn_round(const struct probe *probe)
{
	struct wire_ether *ether = (void *)probe->ether;
	uint8_t mac[6];
	__builtin_memcpy(mac, ether->dst, 6);
	__builtin_memcpy(ether->dst, ether->src, 6);
	__builtin_memcpy(ether->src, mac, 6);
	if (probe->packet->v6) {
		struct wire_ipv6 *ip = (void *)(ether + 1);
		__builtin_memcpy(ip->src, &probe->packet->dst, 16);
		__builtin_memcpy(ip->dst, &probe->packet->src, 16);
		ip->hop_limit = REFLECTED_TTL;
	} else {
		struct wire_ipv4 *ip = (void *)(ether + 1);
		uint8_t before[2] = {ip->ttl, ip->protocol}, after[2] = {REFLECTED_TTL, ip->protocol};
		__builtin_memcpy(ip->src, &probe->packet->dst.words[3], 4);
		__builtin_memcpy(ip->dst, &probe->packet->src.words[3], 4);
		ip->checksum = wire_csum_replace(ip->checksum, before, after, 2);
		ip->ttl = REFLECTED_TTL;
	}
	uint16_t port = probe->udp->src;
	probe->udp->src = probe->udp->dst;
	probe->udp->dst = port;
}

/* RFC 8762, 4.3.1, of a probe that is just that. */
static __always_inline void write_reply(
    const struct probe *probe, const struct wire_bpf_config *c, uint32_t sequence, uint64_t arrival)
{
	uint8_t before[WIRE_STAMP_SIZE], after[WIRE_STAMP_SIZE] = {0};
	__builtin_memcpy(before, probe->payload, WIRE_STAMP_SIZE);
	const struct wire_stamp_sender *asked = (const void *)before;
	struct wire_stamp_reflector *reply = (void *)after;
	reply->sequence = bpf_htonl(sequence);
	reply->error_estimate = bpf_htons(c->error_estimate);
	reply->session_id = asked->session_id;
	wire_stamp_time_put((void *)&reply->receive_time, arrival + c->clock_offset_ns);
	reply->sender_sequence = asked->sequence;
	reply->sender_time = asked->time;
	reply->sender_error_estimate = asked->error_estimate;
	reply->sender_ttl = probe->packet->ttl;
	wire_stamp_time_put((void *)&reply->time, bpf_ktime_get_ns() + c->clock_offset_ns);
	__builtin_memcpy(probe->payload, after, WIRE_STAMP_SIZE);
	probe->udp->checksum = wire_csum_replace_udp(probe->udp->checksum, before, after, WIRE_STAMP_SIZE);
}

/* A plain probe is answered on the spot. What has extensions or padding, or is too short for a STAMP packet (TWAMP's),
 * the socket on UDP 862 answers, with the count that it has here. */
static __always_inline bool is_plain(const struct xdp_md *ctx, const struct probe *probe)
{
	return probe->udp_bytes == sizeof(struct wire_udp) + WIRE_STAMP_SIZE &&
	       probe->payload + WIRE_STAMP_SIZE <= (uint8_t *)(long)ctx->data_end;
}

static __always_inline int hand_over(struct wire_bpf_session *session, uint32_t asked, uint32_t sequence)
{
	if (session) {
		uint32_t at = asked % WIRE_BPF_HANDED;
		session->handed[at].asked = asked;
		session->handed[at].count = sequence;
	}
	count(WIRE_BPF_REFLECT_HANDED);
	return XDP_PASS;
}

/* A packet to UDP 862 of an address of ours. */
static __always_inline int reflect(struct xdp_md *ctx, const struct packet *p, uint64_t now)
{
	uint32_t queue = ctx->rx_queue_index;
	const struct wire_bpf_config *c = configuration();
	struct wire_bpf_peer_key pair = {.remote = p->src, .local = p->dst};
	struct wire_bpf_peer *peer = bpf_map_lookup_elem(&peers, &pair);
	if (!c || !peer) {
		count(WIRE_BPF_REFLECT_UNKNOWN);
		return XDP_PASS;
	}
	if (peer->authenticated)
		return hand_over(0, 0, 0);
	struct probe probe = {0};
	if (!probe_of(&probe, ctx, p)) {
		count(WIRE_BPF_REFLECT_BAD);
		__sync_fetch_and_add(&peer->refused, 1);
		return XDP_DROP;
	}
	peer->last_arrival_ns = now;
	__sync_fetch_and_add(&peer->packets, 1);
	if (!forwarder_lives(c, queue, now)) {
		count(WIRE_BPF_REFLECT_SILENT);
		return XDP_DROP;
	}
	const struct wire_stamp_sender *asked = (const void *)probe.payload;
	uint32_t asked_sequence = bpf_ntohl(asked->sequence), sequence = asked_sequence;
	struct wire_bpf_session *session = 0;
	if (!c->stateless) {
		session = session_of(&probe, bpf_ntohs(asked->session_id), now);
		if (!session) {
			count(WIRE_BPF_REFLECT_SILENT);
			return XDP_DROP;
		}
		sequence = __sync_fetch_and_add(&session->next_sequence, 1);
	}
	if (!is_plain(ctx, &probe))
		return hand_over(session, asked_sequence, sequence);
	if (session)
		__sync_fetch_and_add(&session->answered, 1);
	turn_round(&probe);
	write_reply(&probe, c, sequence, now);
	count(WIRE_BPF_REFLECTED);
	return XDP_TX;
}

static __always_inline void fill_sample(struct wire_bpf_sample *sample, const struct probe *probe, uint64_t arrival)
{
	const struct wire_stamp_reflector *reply = (const void *)probe->payload;
	uint16_t error_estimate = bpf_ntohs(reply->error_estimate);
	sample->reflector = probe->packet->src;
	sample->local = probe->packet->dst;
	sample->session_id = bpf_ntohs(reply->session_id);
	sample->sender_port = bpf_ntohs(probe->udp->dst);
	sample->sequence = bpf_ntohl(reply->sender_sequence);
	sample->reflector_sequence = bpf_ntohl(reply->sequence);
	sample->ttl = probe->packet->ttl;
	sample->sender_ttl = reply->sender_ttl;
	sample->reserved = 0;
	sample->t1 = wire_stamp_time_get((const void *)&reply->sender_time);
	sample->t2 = wire_stamp_time_read((const void *)&reply->receive_time, error_estimate);
	sample->t3 = wire_stamp_time_read((const void *)&reply->time, error_estimate);
	sample->arrival_ns = arrival;
}

/* Nothing that a peer sends, or somebody in its name, fills the ring. */
static __always_inline bool floods(struct wire_bpf_peer *peer, uint64_t now)
{
	if (now - peer->sampled_from_ns >= WIRE_BPF_FLOOD_NS) {
		peer->sampled_from_ns = now;
		peer->sampled = 0;
	}
	return __sync_fetch_and_add(&peer->sampled, 1) >= WIRE_BPF_FLOOD_SAMPLES;
}

/* A packet from UDP 862 to the port of our senders. */
static __always_inline int take_reply(
    struct xdp_md *ctx, const struct packet *p, const struct wire_bpf_config *c, uint64_t now)
{
	struct wire_bpf_peer_key pair = {.remote = p->src, .local = p->dst};
	struct wire_bpf_peer *peer = bpf_map_lookup_elem(&peers, &pair);
	if (!peer)
		return XDP_PASS;
	if (floods(peer, now)) {
		count(WIRE_BPF_SAMPLE_FLOOD);
		return XDP_DROP;
	}
	struct probe probe = {0};
	if (!probe_of(&probe, ctx, p)) {
		count(WIRE_BPF_REFLECT_BAD);
		__sync_fetch_and_add(&peer->refused, 1);
		return XDP_DROP;
	}
	struct wire_bpf_sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		count(WIRE_BPF_SAMPLE_LOST);
		return XDP_DROP;
	}
	fill_sample(sample, &probe, now);
	sample->t4 = now + c->clock_offset_ns;
	bpf_ringbuf_submit(sample, 0);
	count(WIRE_BPF_SAMPLED);
	return XDP_DROP;
}
