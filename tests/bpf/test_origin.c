/* SPDX-License-Identifier: BSD-2-Clause */
/* A real kernel as the origin behind an endpoint of mode tunnel: what the data plane wraps is unwrapped by the kernel's own
 * ipip device or by kuafu-endpoint's program, and the kernel answers the client as the VIP.
 *
 *    client 192.0.2.7 --> sgp1 ==> fra1 (in this process) --frame--> tap "wan" 198.51.100.10 | lo 203.0.113.10 (the VIP)
 *                                                                    |  TCP server on VIP:443, UDP on VIP:53
 *    client <------------------------- VIP -> client -----frame------+ */
#include "permitted.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ebpf/endpoint.h"
#include "tests/journey/world.h"
#include "wire/ask.h"
#include "wire/bytes.h"

#define FROM CLIENT ":5000"
#define NAT  "10.3.1.1" /* where fra1's tunnels come from, of either version */
#define NAT6 "2001:db8:3::1:1"

static int tap = -1;

static void command(const char *text)
{
	cr_assert_eq(system(text), 0, "%s", text);
}

static void make_origin(void)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	strcpy(request.ifr_name, "wan");
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	cr_assert(tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0, "%s", strerror(errno));
	command("ip link set lo up && ip address add " VIP "/32 dev lo");
	command("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0");
	command("ip link set wan address 02:00:00:00:00:fe up && ip address add " ENDPOINT "/24 dev wan");
	command("ip route add default via 198.51.100.1 && "
	        "ip neighbour add 198.51.100.1 lladdr 02:00:00:00:00:01 dev wan nud permanent");
}

static void begin_at(const char *endpoint, uint8_t encap)
{
	make_origin();
	world_begin(1);
	struct wire_ctl_endpoint row = endpoint_row(100, endpoint);
	row.mode = WIRE_MODE_TUNNEL;
	row.encap = encap;
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

static void begin(uint8_t encap)
{
	begin_at(ENDPOINT ":443", encap);
}

static void end(void)
{
	world_end();
	close(tap);
}

/* What fra1 makes of the client's packet, which enters at sgp1. */
static struct packet out_of_fra1(struct packet p)
{
	enum pop left_at;
	receive(SGP1, p);
	carry();
	struct packet out = delivered(&left_at);
	cr_assert_eq(left_at, FRA1);
	return out;
}

static void arrive_at_origin(struct packet out)
{
	uint8_t frame[14 + MAX_PACKET] = {0x02, 0, 0, 0, 0, 0xfe, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00};
	if (is_v6(&out))
		wire_put_be16(frame + 12, WIRE_ETHERTYPE_IPV6);
	memcpy(frame + 14, out.bytes, out.length);
	cr_assert_eq(write(tap, frame, 14u + out.length), 14 + out.length);
}

static void client_sends(struct packet p)
{
	arrive_at_origin(out_of_fra1(p));
}

/* What the origin sends to an IPv4 address next, of a protocol. */
static struct packet sent_to(const void *address, uint8_t protocol)
{
	struct packet p = {.length = 0};
	uint8_t frame[14 + MAX_PACKET];
	struct pollfd readable = {.fd = tap, .events = POLLIN};
	while (poll(&readable, 1, 5000) == 1) {
		ssize_t n = read(tap, frame, sizeof(frame));
		if (n < 34 || frame[12] != 0x08 || frame[13] != 0 || frame[23] != protocol ||
		    memcmp(frame + 30, address, 4) != 0)
			continue;
		p.length = wire_be16(frame + 16);
		memcpy(p.bytes, frame + 14, p.length);
		return p;
	}
	cr_assert_fail("the origin does not answer");
	return p;
}

static struct packet origin_sends(uint8_t protocol)
{
	return sent_to("\xc0\x00\x02\x07", protocol); /* the client */
}

static int server_on(int type, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, VIP, &at.sin_addr);
	int fd = socket(AF_INET, type, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0, "%s", strerror(errno));
	cr_assert(type != SOCK_STREAM || listen(fd, 5) == 0);
	return fd;
}

static bool is_from_vip(const struct packet *p, uint16_t port)
{
	return memcmp(p->bytes + 12, "\xcb\x00\x71\x0a", 4) == 0 && source_port_of(p) == port;
}

/* A handshake: the endpoint's kernel has the connection. Its first sequence number. */
static uint32_t begin_tcp(void)
{
	client_sends(tcp(FROM, VIP ":443", .flags = WIRE_TCP_SYN, .seq = 99, .mss = 1300));
	struct packet answer = origin_sends(WIRE_PROTO_TCP);
	cr_assert(is_from_vip(&answer, 443));
	cr_assert_eq(answer.bytes[33], WIRE_TCP_SYN | WIRE_TCP_ACK);
	uint32_t isn = wire_be32(answer.bytes + 24);
	client_sends(tcp(FROM, VIP ":443", .seq = 100, .ack = isn + 1));
	return isn;
}

/* A request and an answer, which the client gets. */
static void talk_tcp(void)
{
	int listener = server_on(SOCK_STREAM, 443);
	uint32_t isn = begin_tcp();
	client_sends(tcp(FROM, VIP ":443", .seq = 100, .ack = isn + 1, .payload = 200));
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int fd = accept(listener, (struct sockaddr *)&peer, &size);
	cr_assert(fd >= 0 && ntohs(peer.sin_port) == 5000);
	cr_assert_arr_eq(&peer.sin_addr, "\xc0\x00\x02\x07", 4, "the origin sees the client");
	uint8_t bytes[256];
	cr_assert_eq(recv(fd, bytes, sizeof(bytes), 0), 200);
	cr_assert_eq(bytes[1], 8);
	struct packet answer = origin_sends(WIRE_PROTO_TCP);
	cr_assert_eq(wire_be32(answer.bytes + 28), 300, "acknowledged");
	close(fd);
	close(listener);
}

static void talk_udp(void)
{
	int fd = server_on(SOCK_DGRAM, 53);
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	uint8_t bytes[2048];
	client_sends(udp(FROM, VIP ":53", .payload = 1200));
	cr_assert_eq(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &size), 1200);
	cr_assert_eq(sendto(fd, bytes, 700, 0, (struct sockaddr *)&peer, size), 700);
	struct packet answer = origin_sends(WIRE_PROTO_UDP);
	cr_assert(is_from_vip(&answer, 53) && answer.length == 728);
	close(fd);
}

static struct kbpf_endpoint *attach(const char *pop)
{
	struct wire_addr address = end_of(pop).address;
	struct kbpf_attachment attachment;
	struct kbpf_endpoint *e;
	char why[KBPF_WHY_SIZE] = "";
	cr_assert_eq(kbpf_endpoint_attach("wan", &address, 1, &e, &attachment, why), 0, "%s", why);
	return e;
}

Test(origin, unwraps_ip_in_ip_by_its_own_kernel, .fini = end)
{
	begin(WIRE_ENCAP_IPIP);
	if (system("ip tunnel add kuafu mode ipip remote any local " ENDPOINT " 2>/dev/null") != 0)
		cr_skip("this kernel has no ipip");
	command("ip link set kuafu up && sysctl -qw net.ipv4.conf.kuafu.rp_filter=0");
	talk_tcp();
	talk_udp();
}

Test(origin, unwraps_ip_in_ip_by_kuafu_endpoint, .fini = end)
{
	begin(WIRE_ENCAP_IPIP);
	struct kbpf_endpoint *e = attach(NAT);
	uint64_t n[KBPF_ENDPOINT_COUNTER_COUNT];
	talk_tcp();
	talk_udp();
	cr_assert(kbpf_endpoint_counters(e, n) == 0 && n[KBPF_ENDPOINT_IPIP] == 4 && n[KBPF_ENDPOINT_STRANGER] == 0);
	kbpf_endpoint_detach(e);
}

Test(origin, unwraps_geneve_by_kuafu_endpoint, .fini = end)
{
	begin(WIRE_ENCAP_GENEVE);
	struct kbpf_endpoint *e = attach(NAT);
	uint64_t n[KBPF_ENDPOINT_COUNTER_COUNT];
	talk_tcp();
	talk_udp();
	cr_assert(kbpf_endpoint_counters(e, n) == 0 && n[KBPF_ENDPOINT_GENEVE] == 4);
	kbpf_endpoint_detach(e);
}

static void tunnel_to(uint32_t id, const char *at, uint8_t state)
{
	struct wire_ctl_endpoint row = endpoint_row(id, at);
	row.mode = WIRE_MODE_TUNNEL;
	row.encap = WIRE_ENCAP_GENEVE;
	row.state = state;
	for (unsigned pop = 1; pop <= POPS; pop++)
		change(pop, WIRE_OBJ_ENDPOINT, &row, sizeof(row), false);
}

/* The POPs forget all; new connections go elsewhere. A connection that only the origin's kernel knows goes on there, and
 * one that it does not know goes to the other endpoint. */
Test(origin, says_by_kuafu_endpoint_whose_connection_it_is, .fini = end)
{
	begin(WIRE_ENCAP_GENEVE);
	struct kbpf_endpoint *e = attach(NAT);
	uint64_t n[KBPF_ENDPOINT_COUNTER_COUNT];
	int listener = server_on(SOCK_STREAM, 443);
	uint32_t isn = begin_tcp();
	tunnel_to(100, ENDPOINT ":443", WIRE_ENDPOINT_DRAINED);
	tunnel_to(101, "198.51.100.11:443", WIRE_ENDPOINT_UP);
	restart(SGP1, 0x111111);
	restart(FRA1, 0x333333);
	pass_ms(200);
	forget_delivered();

	struct packet asked = out_of_fra1(tcp(FROM, VIP ":443", .seq = 100, .ack = isn + 1, .payload = 200));
	cr_assert_arr_eq(asked.bytes + 16, "\xc6\x33\x64\x0b", 4, "the ingress chooses anew");
	struct packet back = asked; /* no such connection at endpoint 101 */
	memcpy(back.bytes + 12, asked.bytes + 16, 4);
	memcpy(back.bytes + 16, asked.bytes + 12, 4);
	memcpy(back.bytes + 20, asked.bytes + 22, 2);
	memcpy(back.bytes + 22, asked.bytes + 20, 2);
	back.bytes[38] = WIRE_OPT_DENIED;
	receive(FRA1, back);
	carry();
	arrive_at_origin(delivered(NULL));
	struct packet answer = origin_sends(WIRE_PROTO_TCP);
	cr_assert_eq(answer.bytes[33], WIRE_TCP_ACK);
	cr_assert_eq(wire_be32(answer.bytes + 28), 300, "acknowledged");

	tunnel_to(100, ENDPOINT ":443", WIRE_ENDPOINT_UP);
	tunnel_to(101, "198.51.100.11:443", WIRE_ENDPOINT_DRAINED);
	arrive_at_origin(out_of_fra1(tcp(CLIENT ":5001", VIP ":443", .seq = 7, .ack = 8)));
	receive(FRA1, sent_to("\x0a\x03\x01\x01", WIRE_PROTO_UDP));
	carry();
	asked = delivered(NULL);
	cr_assert_arr_eq(asked.bytes + 16, "\xc6\x33\x64\x0b", 4);
	cr_assert(kbpf_endpoint_counters(e, n) == 0 && n[KBPF_ENDPOINT_DENIED] == 1 && n[KBPF_ENDPOINT_GENEVE] == 3);
	kbpf_endpoint_detach(e);
	close(listener);
}

Test(origin, unwraps_ipv6_by_kuafu_endpoint, .fini = end)
{
	begin_at("[" ENDPOINT6 "]:443", WIRE_ENCAP_IPIP);
	struct kbpf_endpoint *e = attach(NAT6);
	uint64_t n[KBPF_ENDPOINT_COUNTER_COUNT];
	talk_tcp();
	talk_udp();
	cr_assert(kbpf_endpoint_counters(e, n) == 0 && n[KBPF_ENDPOINT_IPIP] == 4);
	kbpf_endpoint_detach(e);
}

Test(origin, believes_the_pops_alone_that_it_was_told, .fini = end)
{
	begin(WIRE_ENCAP_IPIP);
	struct kbpf_endpoint *e = attach("10.3.1.2");
	uint64_t n[KBPF_ENDPOINT_COUNTER_COUNT];
	int fd = server_on(SOCK_DGRAM, 53);
	uint8_t bytes[16];
	client_sends(udp(FROM, VIP ":53", .payload = 10));
	cr_assert(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0);
	cr_assert(kbpf_endpoint_counters(e, n) == 0 && n[KBPF_ENDPOINT_STRANGER] == 1);
	kbpf_endpoint_detach(e);
	close(fd);
}

int main(int argc, char **argv)
{
	return run_where_permitted(argc, argv);
}
