/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole connections through fra1, over a network that loses, repeats and exchanges segments, between two simple TCPs that
 * repeat themselves in other pieces than before and acknowledge selectively. With proxy-v2 the server must receive exactly the
 * header and the client's stream, and the client exactly the server's; what the client is told that the server has, the
 * server must have. With toa the segment that makes the server's socket must name the client.
 *
 *    client --[ network ]-- fra1, ingress and egress at once --[ network ]-- server
 *
 * There is no time: what would happen after a timeout may happen at any moment. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/proxy.h"
#include "dataplane/tcp_option.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"
#include "wire/ip.h"

#define CONNECTIONS 150u
#define STREAM_MAX  6000u
#define BYTES_MAX   (STREAM_MAX + sizeof(struct wire_proxy_v6))
#define MSS         700u
#define IN_FLIGHT   32u     /* packets in the network, each way */
#define STEPS_MAX   200000u /* of one connection, before it counts as stuck */
#define BLOCKS      3u

/* One end of the connection. Offsets count its own bytes, or those of the other; the FIN counts as one more. */
struct side {
	const char *name;
	uint32_t isn, their_isn;
	bool begun, established; /* knows the other's SYN; its own was acknowledged */
	const uint8_t *out;
	uint32_t out_length, acked, sent;
	const uint8_t *expected;
	uint32_t in_length, received; /* without a gap */
	bool has[BYTES_MAX + 1];
	bool patient; /* says nothing before it has received `hears` bytes */
	uint32_t hears;
	bool owes_ack;
	uint32_t again_left, again_right; /* what came twice: RFC 2883 */
	struct packet in[IN_FLIGHT];
	unsigned n_in;
	char here[64], there[64];
};

static struct side client, server;
static uint8_t to_server[BYTES_MAX], to_client[STREAM_MAX];
static uint32_t header_size;
static enum wire_ctl_client_ip how;

static unsigned dice(unsigned n)
{
	return (unsigned)random() % n;
}

static bool is_done(const struct side *s)
{
	return s->acked == s->out_length + 1 && s->received == s->in_length + 1;
}

/* ---- sending ---- */

/* Up to BLOCKS runs of bytes that came beyond a gap, and first what came twice. Returns the option's length. */
static uint8_t put_sack(const struct side *s, uint8_t options[40])
{
	unsigned n = 0, skew = dice(3);
	memset(options, WIRE_TCP_OPT_NOP, 40);
	uint8_t *at = options + skew + 2;
	if (s->again_right) {
		wire_put_be32(at, s->their_isn + 1 + s->again_left);
		wire_put_be32(at + 4, s->their_isn + 1 + s->again_right);
		n++;
	}
	for (uint32_t left = s->received; left <= s->in_length && n < BLOCKS; left++) {
		if (!s->has[left])
			continue;
		uint32_t right = left;
		while (right <= s->in_length && s->has[right])
			right++;
		wire_put_be32(at + 8 * n, s->their_isn + 1 + left);
		wire_put_be32(at + 8 * n + 4, s->their_isn + 1 + right);
		n++;
		left = right;
	}
	if (n == 0)
		return 0;
	options[skew] = WIRE_TCP_OPT_SACK;
	options[skew + 1] = (uint8_t)(2 + 8 * n);
	return (uint8_t)((skew + 2 + 8 * n + 3) / 4 * 4);
}

static void send_segment(struct side *s, uint8_t flags, uint32_t from, uint32_t length)
{
	uint8_t options[40];
	bool fin = length && from + length > s->out_length;
	struct more more = {.flags = (uint8_t)(flags | (fin ? WIRE_TCP_FIN : 0)),
	    .seq = s->isn + 1 + from,
	    .data =
	        length && from < s->out_length ? s->out + from : NULL, /* NULL: the byte of a keepalive, which is any */
	    .payload = (uint16_t)(length - fin),
	    .df = true};
	if (flags & WIRE_TCP_SYN)
		more.seq--;
	if (s->begun) {
		more.flags |= WIRE_TCP_ACK;
		more.ack = s->their_isn + 1 + s->received;
		more.options = options;
		more.options_length = flags & WIRE_TCP_SYN ? 0 : put_sack(s, options);
		s->again_right = 0;
	}
	s->owes_ack = false;
	receive(FRA1, make_tcp(s->here, s->there, more));
	carry();
}

/* New bytes, or some of those that were not acknowledged, cut anew. */
static void send_data(struct side *s)
{
	bool again = s->acked < s->sent && dice(3) == 0;
	uint32_t from = again ? s->acked + (dice(2) ? dice(s->sent - s->acked) : 0) : s->sent;
	uint32_t end = again ? s->sent : s->out_length + 1, length = end - from;
	if (length == 0)
		return;
	uint32_t most = 1 + dice(dice(4) ? MSS : 20);
	length = length < most ? length : most;
	send_segment(s, WIRE_TCP_PSH, from, length);
	if (from + length > s->sent)
		s->sent = from + length;
}

/* Something that this side may do now. */
static void act(struct side *s)
{
	bool is_client = s == &client;
	if (!s->established) {
		if (is_client || s->begun)
			send_segment(s, WIRE_TCP_SYN, 0, 0);
		return;
	}
	bool may_speak = !s->patient || s->received >= s->hears;
	unsigned what = dice(20);
	if (what == 0 && s->acked == s->sent) /* keepalive, with or without a byte: RFC 9293, 3.8.4 */
		send_segment(s, 0, s->acked - 1, dice(2));
	else if (may_speak && what < 14)
		send_data(s);
	else if (s->owes_ack)
		send_segment(s, 0, s->sent, 0);
}

/* ---- receiving ---- */

static void check_sum(const struct packet *p)
{
	struct packet copy = *p;
	uint8_t *l4 = l4_of(&copy);
	uint16_t length = (uint16_t)(copy.bytes + copy.length - l4);
	cr_assert_eq(
	    wire_csum_fold(wire_csum_add(wire_ip_pseudo(p->bytes, WIRE_PROTO_TCP, length), l4, length)), 0xffff);
}

static void take_bytes(struct side *s, uint32_t at, const uint8_t *data, uint32_t length, bool fin)
{
	bool news = false;
	for (uint32_t i = 0; i < length; i++) {
		cr_assert(at + i < s->in_length, "%s: byte %u is beyond the stream", s->name, at + i);
		cr_assert(at + i < s->received || data[i] == s->expected[at + i], "%s: byte %u", s->name, at + i);
		news |= !s->has[at + i];
		s->has[at + i] = true;
	}
	if (fin) {
		cr_assert_eq(at + length, s->in_length, "%s: FIN at %u", s->name, at + length);
		news |= !s->has[s->in_length];
		s->has[s->in_length] = true;
	}
	while (s->received <= s->in_length && s->has[s->received])
		s->received++;
	s->owes_ack |= length || fin;
	if (!news && length) {
		s->again_left = at;
		s->again_right = at + length;
	}
}

/* What the client is told of its own stream must be true. */
static void check_sack(const struct wire_tcp *tcp, uint16_t length)
{
	uint8_t *option = dp_tcp_option((struct wire_tcp *)(uintptr_t)tcp, length, WIRE_TCP_OPT_SACK);
	uint32_t shift = how == WIRE_CLIENT_IP_PROXY_V2 ? header_size : 0;
	for (unsigned at = 2; option && at < option[1]; at += 8) {
		uint32_t left = wire_be32(option + at) - client.isn - 1,
		         right = wire_be32(option + at + 4) - client.isn - 1;
		cr_assert(left < right && right <= client.sent, "SACK %u-%u of %u", left, right, client.sent);
		for (uint32_t i = left; i < right; i++)
			cr_assert(server.has[shift + i], "SACK of byte %u", i);
	}
}

static void take_ack(struct side *s, const struct wire_tcp *tcp, uint16_t length)
{
	uint32_t acked = wire_be32(&tcp->ack) - s->isn - 1;
	if (!(tcp->flags & WIRE_TCP_ACK))
		return;
	cr_assert(acked <= s->sent, "%s: %u bytes are acknowledged, of %u", s->name, acked, s->sent);
	if (acked > s->acked)
		s->acked = acked;
	s->established |= s->begun;
	if (s == &client)
		check_sack(tcp, length);
}

static bool names_the_client(struct packet *p)
{
	const uint8_t *option = dp_tcp_option((struct wire_tcp *)l4_of(p), 60, WIRE_TCP_OPT_TOA);
	struct end from = end_of(client.here);
	unsigned address = option ? option[1] - 4u : 0;
	return option && wire_be16(option + 2) == from.port &&
	       memcmp(option + 4, from.address.bytes + 16 - address, address) == 0;
}

static void learn_ends(struct side *s, const struct packet *p)
{
	struct wire_addr nat = source_of(p);
	snprintf(s->there, sizeof(s->there), wire_addr_is_v4(&nat) ? "10.3.1.1:%u" : "[2001:db8:3::1:1]:%u",
	    source_port_of(p));
}

static void take(struct side *s, struct packet *p)
{
	const struct wire_tcp *tcp = (const struct wire_tcp *)l4_of(p);
	uint16_t length = (uint16_t)(p->bytes + p->length - (const uint8_t *)tcp), header = dp_tcp_header_size(tcp);
	cr_assert(!(tcp->flags & WIRE_TCP_RST), "%s is reset", s->name);
	check_sum(p);
	if (tcp->flags & WIRE_TCP_SYN) {
		s->their_isn = s->begun ? s->their_isn : wire_be32(&tcp->seq);
		s->begun = true;
		if (s == &server)
			learn_ends(s, p);
		take_ack(s, tcp, length);
		s->owes_ack |= s->established;
		return;
	}
	if (!s->begun)
		return;
	bool makes_socket = s == &server && !s->established && tcp->flags & WIRE_TCP_ACK;
	if (makes_socket && how == WIRE_CLIENT_IP_TOA)
		cr_assert(names_the_client(p), "a socket without the client's address");
	take_ack(s, tcp, length);
	uint32_t at = wire_be32(&tcp->seq) - s->their_isn - 1;
	if ((int32_t)at < 0 || (length == header && !(tcp->flags & WIRE_TCP_FIN))) {
		s->owes_ack |= (int32_t)at < (int32_t)s->received; /* a keepalive is answered */
		return;
	}
	uint32_t bytes = (uint32_t)(length - header), fit = dice(10) ? bytes : dice(bytes + 1); /* of the window */
	if (s->established)
		take_bytes(s, at, (const uint8_t *)tcp + header, fit, fit == bytes && tcp->flags & WIRE_TCP_FIN);
}

/* ---- the network ---- */

static void collect(void)
{
	struct packet p;
	while (was_delivered(&p)) {
		struct wire_addr to = destination_of(&p), home = end_of(client.here).address;
		struct side *s = wire_addr_equal(&to, &home) ? &client : &server;
		for (unsigned copies = dice(20) ? 1 : 2; copies && dice(100) >= 15 && s->n_in < IN_FLIGHT; copies--)
			s->in[s->n_in++] = p;
	}
}

/* Mostly the oldest. */
static void arrive(struct side *s)
{
	if (s->n_in == 0)
		return;
	unsigned k = dice(4) ? 0 : dice(s->n_in);
	struct packet p = s->in[k];
	memmove(&s->in[k], &s->in[k + 1], (s->n_in - k - 1) * sizeof(p));
	s->n_in--;
	take(s, &p);
}

/* ---- connections ---- */

static uint32_t write_header(uint8_t *at)
{
	struct end from = end_of(client.here), to = end_of(client.there);
	struct lb_flow_key key = {.client = from.address,
	    .vip = to.address,
	    .client_port = from.port,
	    .vip_port = to.port,
	    .protocol = WIRE_PROTO_TCP};
	struct wire_addr any = from.address;
	struct dp_ends ends = dp_ends(&any, 1, &any, 1);
	struct dp_proxy proxy = {.size = dp_proxy_size(&key.client)};
	uint8_t segment[DP_PROXY_SEGMENT_MAX], ip[40] = {wire_addr_is_v4(&any) ? 0x45 : 0x60};
	struct wire_tcp tcp = {.offset = 5 << 4};
	uint16_t length = dp_proxy_segment(segment, &proxy, &key, &ends, ip, &tcp);
	memcpy(at, segment + length - proxy.size, proxy.size);
	return proxy.size;
}

static void begin_connection(unsigned number, bool v6_client, bool v6_endpoint)
{
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	client.name = "client";
	server.name = "server";
	snprintf(client.here, sizeof(client.here), v6_client ? "[" CLIENT6 "]:%u" : CLIENT ":%u", 2000 + number);
	snprintf(client.there, sizeof(client.there), "%s", v6_client ? "[" VIP6 "]:443" : VIP ":443");
	snprintf(server.here, sizeof(server.here), "%s", v6_endpoint ? "[" ENDPOINT6 "]:8443" : ENDPOINT ":8443");
	header_size = how == WIRE_CLIENT_IP_PROXY_V2 ? write_header(to_server) : 0;
	client.isn = dice(2) ? (uint32_t)random() * 2 : 0u - dice(STREAM_MAX);
	server.isn = (uint32_t)random() * 2;
	client.out = server.expected = to_server;
	server.out = client.expected = to_client;
	client.out += header_size;
	client.out_length = dice(4) ? dice(STREAM_MAX) : 0;
	server.out_length = client.in_length = dice(STREAM_MAX);
	server.in_length = header_size + client.out_length;
	for (uint32_t i = header_size; i < BYTES_MAX; i++)
		to_server[i] = (uint8_t)random();
	for (uint32_t i = 0; i < STREAM_MAX; i++)
		to_client[i] = (uint8_t)random();
	server.patient = true;
	server.hears = header_size;
	client.patient = dice(2); /* the server speaks first */
	client.hears = client.in_length < 10 ? client.in_length : 10;
}

static void run_connection(unsigned number)
{
	unsigned steps = 0;
	for (; !is_done(&client) || !is_done(&server); steps++) {
		cr_assert(steps < STEPS_MAX, "connection %u is stuck: client %u/%u of %u, server %u/%u of %u", number,
		    client.acked, client.sent, client.out_length, server.acked, server.sent, server.out_length);
		switch (dice(6)) {
		case 0:
			act(&client);
			break;
		case 1:
			act(&server);
			break;
		case 2:
		case 3:
			arrive(&client);
			break;
		default:
			arrive(&server);
		}
		collect();
	}
}

static void run_all(enum wire_ctl_client_ip client_ip)
{
	how = client_ip;
	srandom(1);
	world_begin(1);
	struct wire_ctl_listener four = listener_row(LISTENER, VIP, WIRE_PROTO_TCP, 443),
	                         six = listener_row(LISTENER6, VIP6, WIRE_PROTO_TCP, 443);
	four.client_ip = six.client_ip = (uint8_t)how;
	change(FRA1, WIRE_OBJ_LISTENER, &four, sizeof(four), false);
	change(FRA1, WIRE_OBJ_LISTENER, &six, sizeof(six), false);
	for (unsigned n = 0; n < CONNECTIONS; n++) {
		struct wire_ctl_endpoint at = endpoint_row(100, n & 2 ? "[" ENDPOINT6 "]:8443" : ENDPOINT ":8443");
		change(FRA1, WIRE_OBJ_ENDPOINT, &at, sizeof(at), false);
		begin_connection(n, n & 1, n & 2);
		run_connection(n);
	}
	cr_assert_eq(counter(FRA1, WIRE_COUNTER_CLIENT_UNTOLD), 0);
	world_end();
}

Test(client_ip_stream, proxy_v2_puts_the_header_before_the_stream_and_changes_nothing_else, .timeout = 120)
{
	run_all(WIRE_CLIENT_IP_PROXY_V2);
}

Test(client_ip_stream, toa_changes_nothing_and_the_socket_knows_its_client, .timeout = 120)
{
	run_all(WIRE_CLIENT_IP_TOA);
}

/* The oracle of the oracle: the same without. */
Test(client_ip_stream, none_changes_nothing, .timeout = 120)
{
	run_all(WIRE_CLIENT_IP_NONE);
}
