/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "dataplane/capture.h"
#include "dataplane/workers.h"
#include "shell.h"
#include "wire/checksum.h"

#define NOW UINT64_C(1000000000)

/* Ethernet, IPv4, UDP from 192.0.2.CLIENT:5000 to 203.0.113.1:443; checksums do not matter here. */
static void receive(struct shell *s, uint8_t client, uint16_t length)
{
	struct dp_worker *w = dp_workers_get(s->set, 0);
	static const uint8_t head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,   /* Ethernet */
	    0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 0, 203, 0, 113, 1, /* IPv4 */
	    5000 >> 8, 5000 & 255, 443 >> 8, 443 & 255, 0, 0, 0, 0};               /* UDP */
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, length);
	memset(at, 0xaa, length);
	memcpy(at, head, sizeof(head));
	at[14 + 2] = (uint8_t)((length - 14) >> 8);
	at[14 + 3] = (uint8_t)(length - 14);
	at[14 + 15] = client;
	uint16_t sum = wire_csum(at + 14, 20);
	memcpy(at + 14 + 10, &sum, sizeof(sum));
	at[34 + 4] = (uint8_t)((length - 34) >> 8);
	at[34 + 5] = (uint8_t)(length - 34);
	dp_workers_receive(w, &m, 1, 1, NOW, NOW);
}

static void start(struct shell *s, const struct wire_ctl_filter *filter)
{
	shell_start(s, 1);
	shell_hello(s);
	(void)shell_error(s);
	shell_send(s, WIRE_CTL_CAPTURE_START, 0, 0, filter, sizeof(*filter));
	cr_assert_str_eq(shell_error(s), "");
}

/* The next copy; false: there is none. */
static bool take(struct shell *s, struct dp_captured *ret_captured)
{
	struct wire_ctl_header header;
	const void *body = NULL;
	dp_session_poll(s->session);
	for (enum wire_ctl_type type; (type = shell_take(s, &header, &body)) != 0;) {
		if (type != WIRE_CTL_CAPTURED)
			continue;
		memcpy(ret_captured, body, header.length - sizeof(header));
		return true;
	}
	return false;
}

Test(capture, copies_what_matches_and_nothing_else)
{
	struct shell s;
	struct dp_captured c;
	start(&s, &(struct wire_ctl_filter){.address = shell_address("192.0.2.7"), .l4_port = 443});
	receive(&s, 8, 100);
	cr_assert_not(take(&s, &c));
	receive(&s, 7, 100);
	cr_assert(take(&s, &c));
	cr_assert_eq(c.head.length, 100);
	cr_assert_eq(c.head.captured, 100);
	cr_assert_eq(c.head.port, 1);
	cr_assert_eq(c.head.direction, WIRE_CAPTURE_IN);
	cr_assert_eq(c.head.at_ns, NOW);
	cr_assert_eq(c.bytes[14 + 15], 7);
	cr_assert_eq(c.bytes[99], 0xaa);
	cr_assert_not(take(&s, &c), "one packet, one copy");
	shell_end(&s);
}

Test(capture, keeps_as_much_of_a_packet_as_was_asked_for)
{
	struct shell s;
	struct dp_captured c;
	start(&s, &(struct wire_ctl_filter){.snap = 60});
	receive(&s, 7, 1400);
	cr_assert(take(&s, &c));
	cr_assert_eq(c.head.length, 1400);
	cr_assert_eq(c.head.captured, 60);
	shell_end(&s);
}

Test(capture, counts_what_it_has_no_room_for)
{
	struct shell s;
	struct dp_captured c;
	unsigned copies = 0;
	start(&s, &(struct wire_ctl_filter){0});
	for (unsigned i = 0; i < DP_CAPTURE_SLOTS + 100; i++)
		receive(&s, 7, 60);
	for (; take(&s, &c); copies++)
		cr_assert_eq(c.head.missed, 0);
	cr_assert_leq(copies, DP_CAPTURE_SLOTS);
	receive(&s, 7, 60);
	cr_assert(take(&s, &c));
	cr_assert_eq(copies + c.head.missed, DP_CAPTURE_SLOTS + 100);
	shell_end(&s);
}

Test(capture, ends_and_costs_nothing_then)
{
	struct shell s;
	struct dp_captured c;
	start(&s, &(struct wire_ctl_filter){0});
	shell_send(&s, WIRE_CTL_CAPTURE_STOP, 0, 0, NULL, 0);
	cr_assert_null(atomic_load(&dp_shared(dp_workers_get(s.set, 0))->capture));
	receive(&s, 7, 60);
	cr_assert_not(take(&s, &c));
	shell_end(&s);
}
