/* SPDX-License-Identifier: BSD-2-Clause */
/* T4 of replies to our probes, and T1 of the probes. */
#include "permitted.h"

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "port.h"

TestSuite(stamping, .init = a_living_port, .fini = close_port);

static struct frame stamp_reply(uint16_t port)
{
	uint8_t payload[WIRE_STAMP_SIZE] = {0};
	struct wire_stamp_reflector *r = (void *)payload;
	wire_put_be32(&r->sequence, 77);
	wire_stamp_time_put((uint8_t *)&r->time, OFFSET_NS + 3000000003ull);
	wire_put_be16(&r->session_id, 0x4321);
	wire_stamp_time_put((uint8_t *)&r->receive_time, OFFSET_NS + 3000000002ull);
	wire_put_be32(&r->sender_sequence, 88);
	wire_stamp_time_put((uint8_t *)&r->sender_time, OFFSET_NS + 1000000001ull);
	r->sender_ttl = 59;
	return udp(false, THEIR_4, WIRE_STAMP_PORT, OURS_4, port, payload, sizeof(payload));
}

static struct wire_bpf_sample sampled;
static int samples;

static int on_sample(void *context, void *data, size_t bytes)
{
	(void)context;
	cr_assert(bytes == sizeof(sampled));
	memcpy(&sampled, data, sizeof(sampled));
	samples++;
	return 0;
}

static int read_samples(void)
{
	struct ring_buffer *ring = ring_buffer__new(map_fd("samples"), on_sample, NULL, NULL);
	samples = 0;
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return samples;
}

Test(stamping, a_reply_to_our_sender_becomes_a_sample)
{
	struct frame reply = stamp_reply(SENDER_PORT);
	struct wire_addr their = wire_addr_from_v4(THEIR_4), ours = wire_addr_from_v4(OURS_4);
	uint64_t before = now();
	cr_assert(receive(&reply) == XDP_DROP);
	cr_assert(read_samples() == 1 && counted(WIRE_BPF_SAMPLED) == 1);
	cr_assert(wire_addr_equal(&sampled.reflector, &their) && wire_addr_equal(&sampled.local, &ours));
	cr_assert(sampled.session_id == 0x4321 && sampled.sender_port == SENDER_PORT);
	cr_assert(sampled.sequence == 88 && sampled.reflector_sequence == 77);
	cr_assert(sampled.ttl == 61 && sampled.sender_ttl == 59 && sampled.reserved == 0);
	cr_assert(sampled.t1 - OFFSET_NS - 1000000000u <= 2 && sampled.t2 - OFFSET_NS - 3000000001u <= 2);
	cr_assert(sampled.t3 - OFFSET_NS - 3000000002u <= 2);
	cr_assert(sampled.arrival_ns >= before && sampled.arrival_ns <= now());
	cr_assert(sampled.t4 == sampled.arrival_ns + OFFSET_NS);
}

Test(stamping, what_is_no_reply_to_us_is_the_kernels)
{
	struct frame other_port = stamp_reply(SENDER_PORT + 1), stranger = stamp_reply(SENDER_PORT);
	stranger.data[29]++;
	finish_ipv4(&stranger);
	finish_udp(&stranger);
	cr_assert(receive(&other_port) == XDP_PASS && receive(&stranger) == XDP_PASS);
	configure(2, 0);
	struct frame reply = stamp_reply(SENDER_PORT);
	cr_assert(receive(&reply) == XDP_PASS, "user space takes the stamps");
	cr_assert(read_samples() == 0);
}

Test(stamping, a_damaged_reply_is_no_sample)
{
	struct frame sound = stamp_reply(SENDER_PORT), f;
	for (uint32_t i = L4_4 + 4; i < sound.bytes; i++) {
		f = sound;
		f.data[i] ^= 0x80;
		cr_assert(receive(&f) == XDP_DROP);
	}
	for (uint32_t bytes = 14; bytes < sound.bytes; bytes++)
		enter(sound.data, bytes);
	cr_assert(read_samples() == 0);
}

Test(stamping, a_reply_in_a_twamp_reflectors_length_or_ptps_format_is_read)
{
	struct frame reply = stamp_reply(SENDER_PORT), f = reply;
	uint8_t *payload = f.data + L4_4 + 8;
	wire_put_be16(payload + 12, WIRE_STAMP_ERROR_Z | 1);
	wire_put_be32(payload + 4, OFFSET_NS / 1000000000 + 3);
	wire_put_be32(payload + 8, 7);
	wire_put_be32(payload + 16, OFFSET_NS / 1000000000 + 3);
	wire_put_be32(payload + 20, 5);
	struct frame twamp = udp(false, THEIR_4, WIRE_STAMP_PORT, OURS_4, SENDER_PORT, payload, WIRE_TWAMP_SIZE);
	cr_assert(receive(&twamp) == XDP_DROP && read_samples() == 1);
	cr_assert(sampled.t2 == OFFSET_NS + 3000000005u && sampled.t3 == OFFSET_NS + 3000000007u);
	cr_assert(sampled.sender_ttl == 59);
}

/* Whoever forges replies of a peer fills the ring no further than that peer may. */
Test(stamping, a_flood_of_replies_of_one_peer_is_cut_and_others_get_through)
{
	struct frame reply = stamp_reply(SENDER_PORT), other = reply;
	other.data[29]++;
	finish_ipv4(&other);
	finish_udp(&other);
	peer(wire_addr_from_v4(OURS_4), wire_addr_from_v4("\x0a\x09\x00\x03"), false);
	uint64_t began = now();
	for (int i = 0; i < 5000; i++)
		cr_assert(enter(reply.data, reply.bytes) == XDP_DROP);
	uint64_t spans = 1 + (now() - began) / WIRE_BPF_FLOOD_NS;
	cr_assert(counted(WIRE_BPF_SAMPLED) + counted(WIRE_BPF_SAMPLE_FLOOD) == 5000);
	cr_assert(counted(WIRE_BPF_SAMPLED) <= (1 + spans) * WIRE_BPF_FLOOD_SAMPLES);
	uint64_t before = counted(WIRE_BPF_SAMPLED);
	cr_assert(enter(other.data, other.bytes) == XDP_DROP && counted(WIRE_BPF_SAMPLED) == before + 1);
	cr_assert((uint64_t)read_samples() == before + 1);
}

Test(stamping, samples_that_nobody_reads_are_counted_as_lost)
{
	struct frame reply = stamp_reply(SENDER_PORT), f;
	for (uint8_t host = 2; host < 52; host++) {
		f = reply;
		f.data[29] = host;
		finish_ipv4(&f);
		finish_udp(&f);
		peer(wire_addr_from_v4(OURS_4), wire_addr_from_v4(f.data + 26), false);
		for (int i = 0; i < 100; i++)
			cr_assert(enter(f.data, f.bytes) == XDP_DROP);
	}
	cr_assert(counted(WIRE_BPF_SAMPLE_LOST) > 0);
	cr_assert(counted(WIRE_BPF_SAMPLED) + counted(WIRE_BPF_SAMPLE_LOST) == 5000);
	cr_assert((uint64_t)read_samples() == counted(WIRE_BPF_SAMPLED));
}

static struct frame our_probe(bool six)
{
	uint8_t payload[WIRE_STAMP_SIZE] = {0};
	wire_put_be32(payload, 4711);
	return six ? udp(true, OURS_6, SENDER_PORT, THEIR_6, WIRE_STAMP_PORT, payload, sizeof(payload))
	           : udp(false, OURS_4, SENDER_PORT, THEIR_4, WIRE_STAMP_PORT, payload, sizeof(payload));
}

Test(stamping, our_probe_is_stamped_as_it_leaves)
{
	for (int i = 0; i < 200; i++) {
		struct frame probe = our_probe(i % 2);
		uint32_t time = l4_of(&probe) + 12;
		uint64_t before = now() + OFFSET_NS;
		cr_assert((int)leave(&probe) == TC_ACT_UNSPEC);
		uint64_t t1 = wire_stamp_time_get(out.data + time);
		cr_assert(before <= t1 + 1 && t1 <= now() + OFFSET_NS + 1);
		cr_assert(out.bytes == probe.bytes && checksums_good(&out));
		memcpy(probe.data + time, out.data + time, 8);
		finish_udp(&probe);
		cr_assert(memcmp(out.data, probe.data, probe.bytes) == 0, "nothing else was changed");
	}
	cr_assert(counted(WIRE_BPF_STAMPED) == 200);
}

Test(stamping, our_probe_without_a_checksum_keeps_none)
{
	struct frame probe = our_probe(false);
	memset(probe.data + L4_4 + 6, 0, 2);
	leave(&probe);
	cr_assert(wire_be16(out.data + L4_4 + 6) == 0 && wire_be32(out.data + L4_4 + 12) != 0);
}

static void expect_unstamped(const struct frame *f)
{
	cr_assert((int)leave(f) == TC_ACT_UNSPEC);
	cr_assert(memcmp(out.data, f->data, f->bytes) == 0 && counted(WIRE_BPF_STAMPED) == 0);
}

Test(stamping, nothing_else_that_leaves_is_touched)
{
	struct frame probe = our_probe(false), f = probe;
	wire_put_be16(f.data + L4_4, SENDER_PORT + 1);
	expect_unstamped(&f);
	f = probe;
	wire_put_be16(f.data + L4_4 + 2, WIRE_STAMP_PORT + 1);
	expect_unstamped(&f);
	f = probe;
	f.data[23] = WIRE_PROTO_TCP;
	expect_unstamped(&f);
	f = probe;
	wire_put_be16(f.data + 20, WIRE_IPV4_MF);
	expect_unstamped(&f);
	f = probe;
	for (f.bytes = L4_4 + 8; f.bytes < probe.bytes; f.bytes++)
		expect_unstamped(&f);
	configure(2, 0);
	expect_unstamped(&probe);
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
