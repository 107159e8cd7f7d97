/* SPDX-License-Identifier: BSD-2-Clause */
/* STAMP probes are answered in the driver, byte for byte, while the forwarder lives. */
#include "permitted.h"

#include <linux/bpf.h>

#include "port.h"

TestSuite(reflector, .init = a_living_port, .fini = close_port);

/* What RFC 8762, 4.3.1 makes of the probe, but for the times and checksums, which are taken from the answer. */
static struct frame expected_answer(const struct frame *probe, uint32_t count)
{
	struct frame f = *probe;
	uint32_t l4 = l4_of(probe), n = l4 == L4_6 ? 16 : 4, src = l4 == L4_6 ? 22 : 26;
	const uint8_t *asked = probe->data + l4 + 8, *given = out.data + l4 + 8;
	uint8_t *answer = f.data + l4 + 8;
	memcpy(f.data, probe->data + 6, 6);
	memcpy(f.data + 6, probe->data, 6);
	memcpy(f.data + src, probe->data + src + n, n);
	memcpy(f.data + src + n, probe->data + src, n);
	f.data[l4 == L4_6 ? 21 : 22] = 255;
	memcpy(f.data + l4, probe->data + l4 + 2, 2);
	memcpy(f.data + l4 + 2, probe->data + l4, 2);
	memset(answer, 0, WIRE_STAMP_SIZE);
	wire_put_be32(answer, count);
	memcpy(answer + 4, given + 4, 8);
	memcpy(answer + 12, "\x80\x01", 2);
	memcpy(answer + 14, asked + 14, 2);
	memcpy(answer + 16, given + 16, 8);
	memcpy(answer + 24, asked, 14);
	answer[40] = 61;
	if (l4 == L4_4)
		finish_ipv4(&f);
	if (wire_be16(probe->data + l4 + 6))
		finish_udp(&f);
	return f;
}

static void expect_answer(const struct frame *probe, uint32_t count)
{
	uint64_t before = now() + OFFSET_NS;
	uint32_t verdict = receive(probe);
	uint64_t after = now() + OFFSET_NS;
	cr_assert(verdict == XDP_TX, "verdict %u", verdict);
	cr_assert(out.bytes == probe->bytes, "an answer is never longer or shorter than the question");
	struct frame want = expected_answer(probe, count);
	for (uint32_t i = 0; i < want.bytes; i++)
		cr_assert(out.data[i] == want.data[i], "byte %u: %02x, not %02x", i, out.data[i], want.data[i]);
	const uint8_t *answer = out.data + l4_of(&out) + 8;
	uint64_t t3 = wire_stamp_time_get(answer + 4), t2 = wire_stamp_time_get(answer + 16);
	cr_assert(before <= t2 + 1 && t2 <= t3 && t3 <= after + 1);
}

Test(reflector, a_probe_is_answered_byte_for_byte)
{
	for (uint32_t i = 0; i < 300; i++) {
		struct frame probe = stamp_probe(false, 1000 + i, 0x1234, WIRE_STAMP_SIZE);
		expect_answer(&probe, i);
		cr_assert(checksums_good(&out));
	}
	cr_assert(counted(WIRE_BPF_REFLECTED) == 300);
}

Test(reflector, a_probe_over_ipv6_is_answered_byte_for_byte)
{
	for (uint32_t i = 0; i < 300; i++) {
		struct frame probe = stamp_probe(true, 1000 + i, 0x1234, WIRE_STAMP_SIZE);
		expect_answer(&probe, i);
		cr_assert(checksums_good(&out));
	}
}

Test(reflector, each_session_is_counted_for_itself)
{
	struct frame one = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE), two = stamp_probe(false, 5, 2, WIRE_STAMP_SIZE);
	struct frame other_port = one;
	wire_put_be16(other_port.data + L4_4, 999);
	finish_udp(&other_port);
	expect_answer(&one, 0);
	expect_answer(&two, 0);
	expect_answer(&one, 1);
	expect_answer(&other_port, 0);
	expect_answer(&two, 1);
	expect_answer(&one, 2);
}

/* All of these want the same place first. */
Test(reflector, sessions_that_meet_in_a_place_are_told_apart)
{
	for (uint32_t round = 0; round < 3; round++)
		for (uint16_t i = 0; i < WIRE_BPF_PEER_SESSIONS; i++) {
			struct frame probe =
			    stamp_probe(false, 5, (uint16_t)(3 + i * WIRE_BPF_PEER_SESSIONS), WIRE_STAMP_SIZE);
			expect_answer(&probe, round);
		}
}

/* Forged probes, a session each, take no memory beyond the pair's places and nothing from a session that lives. */
Test(reflector, a_pair_of_addresses_has_a_few_sessions_and_a_living_one_stays)
{
	struct frame ours = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE);
	struct wire_bpf_session_key key = {0}, next;
	expect_answer(&ours, 0);
	for (uint16_t id = 2; id < 1000; id++) {
		struct frame forged = stamp_probe(false, 5, id, WIRE_STAMP_SIZE);
		receive(&forged);
	}
	unsigned n = 0;
	for (void *at = NULL; bpf_map_get_next_key(map_fd("sessions"), at, &next) == 0; at = &key, n++)
		key = next;
	cr_assert(n == WIRE_BPF_PEER_SESSIONS, "%u", n);
	expect_answer(&ours, 1);
	struct frame later = stamp_probe(false, 5, 1 + WIRE_BPF_PEER_SESSIONS, WIRE_STAMP_SIZE);
	expect_silence(&later, WIRE_BPF_REFLECT_SILENT);
	usleep(1100000);
	beat(0, now());
	beat(1, now());
	expect_answer(&later, 0);
}

static struct wire_bpf_session session_of(uint16_t id)
{
	struct wire_bpf_session_key key = {.sender = wire_addr_from_v4(THEIR_4),
	    .reflector = wire_addr_from_v4(OURS_4),
	    .place = (18862u ^ id) % WIRE_BPF_PEER_SESSIONS};
	struct wire_bpf_session session;
	cr_assert(bpf_map_lookup_elem(map_fd("sessions"), &key, &session) == 0 && session.session_id == id);
	return session;
}

/* Extensions, padding and TWAMP's short packets are user space's, which finds the count that XDP gave them. */
Test(reflector, what_is_no_plain_probe_is_counted_and_left_to_user_space)
{
	struct frame plain = stamp_probe(false, 1, 1, WIRE_STAMP_SIZE);
	uint32_t count = 0;
	for (uint32_t bytes = WIRE_TWAMP_SIZE; bytes <= 1472; bytes += bytes < 60 ? 1 : 353) {
		if (bytes == WIRE_STAMP_SIZE)
			continue;
		struct frame probe = stamp_probe(false, 1000 + count, 1, bytes);
		cr_assert(receive(&probe) == XDP_PASS, "%u bytes", bytes);
		cr_assert(out.bytes == probe.bytes && memcmp(out.data, probe.data, probe.bytes) == 0);
		struct wire_bpf_session session = session_of(1);
		cr_assert(session.handed[(1000 + count) % WIRE_BPF_HANDED].asked == 1000 + count);
		cr_assert(session.handed[(1000 + count) % WIRE_BPF_HANDED].count == count);
		count++;
		cr_assert(counted(WIRE_BPF_REFLECT_HANDED) == count && session.answered == 0);
	}
	expect_answer(&plain, count);
	cr_assert(session_of(1).answered == 1);
}

Test(reflector, a_stateless_reflector_gives_the_senders_sequence_number_back)
{
	struct frame one = stamp_probe(false, 0xfffffffe, 1, WIRE_STAMP_SIZE),
	             two = stamp_probe(false, 7, 2, WIRE_STAMP_SIZE);
	struct frame longer = stamp_probe(false, 8, 2, 60);
	struct wire_bpf_session_key key;
	configure_stateless();
	expect_answer(&one, 0xfffffffe);
	expect_answer(&two, 7);
	expect_answer(&two, 7);
	cr_assert(receive(&longer) == XDP_PASS);
	cr_assert(bpf_map_get_next_key(map_fd("sessions"), NULL, &key) != 0, "nothing is remembered");
}

/* Only user space can verify them; and one that is not verified says nothing, not even that its sender lives. */
Test(reflector, probes_of_an_authenticated_peer_are_user_spaces)
{
	struct wire_bpf_peer_key key = {.remote = wire_addr_from_v4(THEIR_4), .local = wire_addr_from_v4(OURS_4)};
	struct wire_bpf_peer heard;
	peer(key.local, key.remote, true);
	for (uint32_t bytes = WIRE_STAMP_SIZE; bytes < 300; bytes += 68) {
		struct frame probe = stamp_probe(false, 5, 1, bytes);
		cr_assert(receive(&probe) == XDP_PASS && memcmp(out.data, probe.data, probe.bytes) == 0);
	}
	cr_assert(bpf_map_lookup_elem(map_fd("peers"), &key, &heard) == 0);
	cr_assert(heard.packets == 0 && heard.last_arrival_ns == 0);
}

Test(reflector, no_checksum_stays_none_over_ipv4_and_is_refused_over_ipv6)
{
	struct frame four = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE), six = stamp_probe(true, 5, 1, WIRE_STAMP_SIZE);
	memset(four.data + L4_4 + 6, 0, 2);
	memset(six.data + L4_6 + 6, 0, 2);
	expect_answer(&four, 0);
	cr_assert(wire_be16(out.data + L4_4 + 6) == 0);
	cr_assert(receive(&six) == XDP_DROP);
}

Test(reflector, the_reflector_is_silent_while_a_worker_stands_still)
{
	struct frame probe = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE);
	beat(1, now() - 101000000);
	expect_silence(&probe, WIRE_BPF_REFLECT_SILENT);
	beat(1, now());
	beat(0, 0);
	expect_silence(&probe, WIRE_BPF_REFLECT_SILENT);
	configure(0, SENDER_PORT);
	expect_silence(&probe, WIRE_BPF_REFLECT_SILENT);
	configure(2, SENDER_PORT);
	expect_answer(&probe, 0);
}

Test(reflector, the_reflector_is_silent_without_a_socket_on_the_queue)
{
	struct frame probe = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE);
	set_socket(false);
	expect_silence(&probe, WIRE_BPF_REFLECT_SILENT);
	set_socket(true);
	expect_answer(&probe, 0);
}

Test(reflector, a_probe_is_heard_even_when_it_is_not_answered)
{
	struct wire_bpf_peer_key key = {.remote = wire_addr_from_v4(THEIR_4), .local = wire_addr_from_v4(OURS_4)};
	struct wire_bpf_peer heard;
	struct frame probe = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE);
	set_socket(false);
	uint64_t before = now();
	receive(&probe);
	cr_assert(bpf_map_lookup_elem(map_fd("peers"), &key, &heard) == 0);
	cr_assert(heard.packets == 1 && heard.last_arrival_ns >= before && heard.last_arrival_ns <= now());
}

Test(reflector, strangers_and_other_addresses_are_the_kernels)
{
	struct frame stranger = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE), elsewhere = stranger;
	stranger.data[29]++;
	elsewhere.data[33]++;
	finish_ipv4(&stranger);
	finish_udp(&stranger);
	finish_ipv4(&elsewhere);
	finish_udp(&elsewhere);
	cr_assert(receive(&stranger) == XDP_PASS && memcmp(out.data, stranger.data, stranger.bytes) == 0);
	cr_assert(counted(WIRE_BPF_REFLECT_UNKNOWN) == 1);
	cr_assert(receive(&elsewhere) == XDP_PASS);
}

Test(reflector, a_probe_cut_anywhere_is_not_answered)
{
	for (int six = 0; six < 2; six++) {
		struct frame whole = stamp_probe(six, 5, 1, WIRE_STAMP_SIZE + 13);
		for (uint32_t bytes = 14; bytes < whole.bytes; bytes++) {
			uint32_t verdict = enter(whole.data, bytes);
			cr_assert(verdict == XDP_PASS || verdict == XDP_DROP, "%u bytes: %u", bytes, verdict);
			cr_assert(memcmp(out.data, whole.data, bytes) == 0);
		}
	}
}

Test(reflector, a_short_probe_with_honest_lengths_is_not_answered)
{
	struct wire_bpf_peer_key key = {.remote = wire_addr_from_v4(THEIR_4), .local = wire_addr_from_v4(OURS_4)};
	struct wire_bpf_peer heard;
	for (uint32_t bytes = 0; bytes < WIRE_TWAMP_SIZE; bytes++) {
		uint8_t payload[WIRE_STAMP_SIZE] = {0};
		struct frame f = udp(false, THEIR_4, 18862, OURS_4, WIRE_STAMP_PORT, payload, bytes);
		expect_silence(&f, WIRE_BPF_REFLECT_BAD);
	}
	cr_assert(bpf_map_lookup_elem(map_fd("peers"), &key, &heard) == 0 && heard.refused == WIRE_TWAMP_SIZE);
}

Test(reflector, probes_that_lie_are_not_answered)
{
	struct frame sound = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE), f = sound;
	for (uint32_t i = L4_4; i < sound.bytes; i++) {
		if (i == L4_4 + 2 || i == L4_4 + 3)
			continue; /* another port: no probe */
		f = sound;
		f.data[i] ^= 0x10;
		expect_silence(&f, WIRE_BPF_REFLECT_BAD);
	}
	f = sound;
	wire_put_be16(f.data + L4_4 + 4, 8 + WIRE_STAMP_SIZE + 1);
	finish_udp(&f);
	expect_silence(&f, WIRE_BPF_REFLECT_BAD);
	cr_assert(counted(WIRE_BPF_REFLECTED) == 0);
}

Test(reflector, probes_with_ip_options_or_in_fragments_are_not_answered)
{
	struct frame sound = stamp_probe(false, 5, 1, WIRE_STAMP_SIZE), f = sound;
	wire_put_be16(f.data + 20, WIRE_IPV4_MF);
	expect_silence(&f, WIRE_BPF_REFLECT_BAD);
	wire_put_be16(f.data + 20, 3);
	cr_assert(enter(f.data, f.bytes) == XDP_PASS, "no port can be read in it");
	f = sound;
	memmove(f.data + L4_4 + 4, f.data + L4_4, 8 + WIRE_STAMP_SIZE);
	memcpy(f.data + L4_4, "\x01\x01\x01\x00", 4);
	f.data[14] = 0x46;
	wire_put_be16(f.data + 16, 24 + 8 + WIRE_STAMP_SIZE);
	f.bytes += 4;
	expect_silence(&f, WIRE_BPF_REFLECT_BAD);
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
