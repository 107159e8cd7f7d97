/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/toa.h"

#include "tests/unit/dataplane/segment.h"

#define ISN 0xfffffff0u

static struct wire_addr client(bool v6)
{
	static const uint8_t four[4] = {192, 0, 2, 7}, six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
	return v6 ? wire_addr_from_v6(six) : wire_addr_from_v4(four);
}

static void insert(struct segment *s, const struct wire_addr *from)
{
	uint16_t size = dp_toa_size(from);
	dp_toa_insert(s->ip, (uint8_t *)s->tcp, s->length, from, 5000);
	s->ip -= size;
	s->tcp = (struct wire_tcp *)((uint8_t *)s->tcp - size);
	s->length = (uint16_t)(s->length + size);
	s->tcp_bytes = (uint16_t)(s->tcp_bytes + size);
}

/* Every size of options, payloads of either parity, each family of client in each of packet. */
Test(toa, the_option_is_the_first_and_the_packet_stays_right)
{
	static const uint8_t expected[2][20] = {
	    {254, 8, 0x13, 0x88, 192, 0, 2, 7},
	    {254, 20, 0x13, 0x88, 0x20, 0x01, 0x0d, 0xb8, [19] = 7},
	};
	for (unsigned n = 0; n < 2 * 2 * 11 * 4; n++) {
		bool v6_packet = n & 1, v6_client = n >> 1 & 1;
		unsigned options = 4 * (n / 4 % 11);
		uint8_t nops[40];
		memset(nops, WIRE_TCP_OPT_NOP, sizeof(nops));
		struct segment *s = segment_make(v6_packet, WIRE_TCP_ACK, nops, options, (uint16_t)(n / 44 * 7));
		struct segment was = *s;
		struct wire_addr from = client(v6_client);
		uint16_t size = dp_toa_size(&from);
		cr_assert_eq(dp_toa_fits(s->tcp, &from), 20 + options + size <= 60, "%u bytes of options", options);
		if (!dp_toa_fits(s->tcp, &from))
			continue;
		insert(s, &from);
		segment_expect_right(s);
		cr_assert_eq((s->tcp->offset >> 4) * 4, 20 + options + size);
		cr_assert_arr_eq(s->tcp + 1, expected[v6_client], size);
		cr_assert_arr_eq((uint8_t *)(s->tcp + 1) + size, was.bytes + ((uint8_t *)(was.tcp + 1) - s->bytes),
		    was.tcp_bytes - sizeof(*was.tcp), "options and payload are as they were");
	}
}

Test(toa, a_wrong_checksum_stays_wrong)
{
	struct segment *s = segment_make(false, WIRE_TCP_ACK, "\1\1\1\1", 4, 3);
	struct wire_addr from = client(false);
	s->tcp->checksum ^= 0x0100;
	uint16_t before = segment_checksum(s);
	insert(s, &from);
	cr_assert_eq(segment_checksum(s), before);
}

Test(toa, what_the_client_wrote_itself_is_blanked)
{
	static const struct {
		const char *options, *blanked;
		unsigned length, n;
	} rows[] = {
	    {"\1\1\1\1", "\1\1\1\1", 4, 0},
	    {"\xfe\x08"
	     "aaaabb",
	        "\1\1\1\1\1\1\1\1", 8, 1},
	    {"\1\xfe\x08"
	     "aaaabb\1\1\1",
	        "\1\1\1\1\1\1\1\1\1\1\1\1", 12, 1}, /* at an odd place */
	    {"\xfe\x02\xfe\x04"
	     "aa\1\1",
	        "\1\1\1\1\1\1\1\1", 8, 2},
	    {"\x02\x04\x05\xb4\xfe\x03"
	     "a\0",
	        "\x02\x04\x05\xb4\1\1\1\0", 8, 1},
	    {"\1\1\1\0\xfe\x03"
	     "a\1",
	        "\1\1\1\0\xfe\x03"
	        "a\1",
	        8, 0}, /* behind the end nobody reads */
	    {"\x08\x01\1\1\xfe\x03"
	     "a\1",
	        "\x08\x01\1\1\xfe\x03"
	        "a\1",
	        8, 0},                              /* nor behind what is malformed */
	    {"\1\1\xfe\x03", "\1\1\xfe\x03", 4, 0}, /* cut off */
	    {"\1\1\1\xfe", "\1\1\1\xfe", 4, 0},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment *s = segment_make(i & 1, WIRE_TCP_ACK, rows[i].options, rows[i].length, 5);
		cr_assert_eq(dp_toa_blank(s->tcp, s->tcp_bytes), rows[i].n, "row %u", i);
		cr_assert_arr_eq(s->tcp + 1, rows[i].blanked, rows[i].length, "row %u", i);
		segment_expect_right(s);
	}
}

Test(toa, an_endpoint_has_a_socket_when_it_acknowledges_more_than_the_syn_or_speaks)
{
	static const struct {
		uint8_t flags;
		uint32_t ack;
		uint16_t payload;
		bool read;
	} rows[] = {
	    {WIRE_TCP_SYN | WIRE_TCP_ACK, ISN + 1, 0, false},
	    {WIRE_TCP_SYN | WIRE_TCP_ACK, ISN + 9, 0, false},
	    {WIRE_TCP_ACK, ISN + 1, 0, false}, /* Linux, of a socket that is none yet */
	    {WIRE_TCP_ACK, ISN + 2, 0, true},
	    {WIRE_TCP_ACK, ISN + 0x20, 0, true}, /* past 2^32 */
	    {WIRE_TCP_ACK, ISN + 1, 1, true},
	    {WIRE_TCP_ACK | WIRE_TCP_FIN, ISN + 1, 0, true},
	    {WIRE_TCP_RST, 0, 0, false},
	    {WIRE_TCP_RST | WIRE_TCP_ACK, ISN + 2, 0, false},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment *s = segment_make(false, rows[i].flags, NULL, 0, rows[i].payload);
		wire_put_be32(&s->tcp->ack, rows[i].ack);
		cr_assert_eq(dp_toa_is_read(s->tcp, rows[i].payload, ISN), rows[i].read, "row %u", i);
	}
}
