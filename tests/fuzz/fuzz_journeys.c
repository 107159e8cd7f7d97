/* SPDX-License-Identifier: BSD-2-Clause */
/* Three POPs with flows under way (tests/journey/world.h) get the input as a list of packets, each
 *
 *   how (1 byte) | length (1 byte) | bytes
 *
 * of which the last may have fewer bytes than it says, and is as short then.
 *
 * How: bits 0..1 the POP; 2: a raw frame, else an IP packet whose length and header checksum are set right; 3: an
 * overlay packet gets a good tag of the pair that its addresses name, and the present time; 4: its ports become those
 * of the last NAT flow, as if an endpoint answered; 5: a millisecond passes; 6: length and checksum stay as they are.
 * Then everything in flight is carried. At the end no buffer may be missing: each was sent, dropped or punted exactly
 * once.
 *
 * With KUAFU_FUZZ_IPV6 in the environment the POPs' links are of IPv6; KUAFU_FUZZ_CLIENT_IP is the listeners' client_ip
 * (enum wire_ctl_client_ip); with KUAFU_FUZZ_TUNNEL, an enum wire_ctl_encap, the endpoints are of mode tunnel. */
#include <stdlib.h>
#include <string.h>

#include "lb/fragment.h"
#include "tests/fuzz/expect.h"
#include "tests/journey/check.h"
#include "tests/journey/world.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define MOST_PACKETS      64u
#define INPUTS_OF_A_WORLD 500u

enum how { POP = 0x03, RAW = 0x04, SIGNED = 0x08, ANSWER = 0x10, TIME = 0x20, AS_IT_IS = 0x40 };

static struct packet to_endpoint[2]; /* by its version: the last packet of a flow that left fra1, of NAT's end */

static void given_flow(const char *from, const char *to)
{
	receive(SGP1, tcp(from, to, .flags = WIRE_TCP_SYN, .mss = 1460));
	carry();
	struct packet out = delivered(NULL);
	to_endpoint[is_v6(&out)] = out;
}

static void listen_with(uint8_t client_ip)
{
	struct wire_ctl_listener row[2] = {
	    listener_row(LISTENER, VIP, WIRE_PROTO_TCP, 443), listener_row(LISTENER6, VIP6, WIRE_PROTO_TCP, 443)};
	for (unsigned i = 0; i < 2; i++) {
		row[i].client_ip = client_ip;
		change(FRA1, WIRE_OBJ_LISTENER, &row[i], sizeof(row[i]), false);
	}
}

static void tunnel_to_endpoints(uint8_t encap)
{
	struct wire_ctl_endpoint row = endpoint_row(100, ENDPOINT ":8443");
	row.mode = WIRE_MODE_TUNNEL;
	row.encap = encap;
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

/* A client of each version with an endpoint of each. */
static void given_flows(void)
{
	if (getenv("KUAFU_FUZZ_TUNNEL")) {
		tunnel_to_endpoints((uint8_t)atoi(getenv("KUAFU_FUZZ_TUNNEL")));
		given_flow(CLIENT ":5000", VIP ":443");
		given_flow("[" CLIENT6 "]:5000", "[" VIP6 "]:443");
		return;
	}
	const char *client_ip = getenv("KUAFU_FUZZ_CLIENT_IP");
	if (client_ip)
		listen_with((uint8_t)atoi(client_ip));
	struct wire_ctl_endpoint six = endpoint_row(100, "[" ENDPOINT6 "]:8443");
	given_flow(CLIENT ":5000", VIP ":443");
	given_flow("[" CLIENT6 "]:5000", "[" VIP6 "]:443");
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &six, sizeof(six), false);
	given_flow(CLIENT ":5001", VIP ":443");
	given_flow("[" CLIENT6 "]:5001", "[" VIP6 "]:443");
}

static void answer(struct packet *p)
{
	const uint8_t *nat = to_endpoint[is_v6(p)].bytes;
	if (p->length >= 44 && is_v6(p)) {
		memcpy(p->bytes + 24, nat + 8, 16);
		memcpy(p->bytes + 42, nat + 40, 2);
	} else if (p->length >= 24) {
		memcpy(p->bytes + 16, nat + 12, 4);
		memcpy(p->bytes + 22, nat + 20, 2);
	}
}

static void sign_overlay(struct packet *p)
{
	unsigned geneve = is_v6(p) ? 48 : 28, covered = p->length > geneve + 8 ? 8u + (p->bytes[geneve] & 63u) * 4u : 0;
	uint8_t from = p->bytes[13], to = p->bytes[is_v6(p) ? 29 : 17];
	if (covered < 24 || geneve + covered > p->length || from < 1 || from > POPS || to < 1 || to > POPS)
		return;
	uint8_t *telemetry = p->bytes + geneve + covered - 16 - 8;
	if (wire_be16(telemetry - 4) == WIRE_OVERLAY_CLASS && telemetry[-2] == WIRE_OPT_TELEMETRY)
		wire_put_be32(telemetry + 4, world_time_us());
	sign(p, secret_of(from, to));
}

static void give(uint8_t how, const uint8_t *bytes, uint8_t length)
{
	enum pop pop = how & POP ? how & POP : SGP1;
	if (how & TIME)
		pass_ms(1);
	if (how & RAW) {
		receive_frame(pop, 0, bytes, length);
		return;
	}
	struct packet p = {.length = length};
	memcpy(p.bytes, bytes, length);
	if (how & ANSWER)
		answer(&p);
	if (!(how & AS_IT_IS))
		set_right(&p);
	if (how & SIGNED)
		sign_overlay(&p);
	receive(pop, p);
}

static unsigned free_buffers(void)
{
	unsigned n = 0;
	for (unsigned pop = 1; pop <= POPS; pop++) {
		struct rte_mbuf *m;
		while ((m = dp_workers_punted(worker(pop, 0)->set, 0)))
			rte_pktmbuf_free(m);
		n += lb_fragment_held(worker(pop, 0)->fragments);
		n += rte_mempool_avail_count(dp_workers_pool(worker(pop, 0)->set));
	}
	return n;
}

/* A world costs milliseconds, so that one serves many inputs; its tables fill meanwhile, which is worth a test, too. */
static void renew_world(void)
{
	static unsigned inputs;
	if (inputs++ % INPUTS_OF_A_WORLD)
		return;
	if (inputs > 1)
		world_end();
	world_begin_over(getenv("KUAFU_FUZZ_IPV6") ? UNDER_V6 : UNDER_V4, 1);
	given_flows();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	renew_world();
	unsigned before = free_buffers();
	for (unsigned n = 0; size >= 2 && n < MOST_PACKETS; n++) {
		uint8_t length = size - 2 < data[1] ? (uint8_t)(size - 2) : data[1];
		give(data[0], data + 2, length);
		carry();
		forget_delivered();
		data += 2u + length;
		size -= 2u + length;
	}
	CHECK(free_buffers() == before, "%u buffers before, %u after", before, free_buffers());
	return 0;
}
