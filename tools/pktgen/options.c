/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/packet.h"

static const char help[] =
    "Usage: kuafu-pktgen --tx PORT [--rx PORT] --dst ADDRESS [OPTION...]\n"
    "Sends packets, checks what comes back, and tells loss, order and latency.\n"
    "\n"
    "Ports: af_xdp:IFACE, tap:IFACE, memif:SOCKET[,role=client], pcap:FILE, null, ring, pci:ADDRESS\n"
    "  --tx PORT            send here\n"
    "  --rx PORT            receive here (default: the same port)\n"
    "Packets:\n"
    "  --dst ADDRESS        destination, IPv4 or IPv6\n"
    "  --dst-port N         destination port (default 7)\n"
    "  --src ADDRESS        first source address (default 192.0.2.2 or 2001:db8::2)\n"
    "  --src-count N        number of source addresses (default 1)\n"
    "  --src-ports LO-HI    source ports (default 1024-65535)\n"
    "  --flows N            number of flows (default 1)\n"
    "  --protocol udp|tcp   (default udp)\n"
    "  --size N|imix        frame size with FCS (default 64)\n"
    "  --src-mac, --dst-mac Ethernet addresses\n"
    "Trial:\n"
    "  --rate N             packets per second, 0 for as many as the port takes (default 1000)\n"
    "  --seconds N          length of a trial (default 5)\n"
    "  --search             throughput after RFC 2544: the highest rate up to --rate without loss\n"
    "  --loss SHARE         loss that --search allows (default 0)\n"
    "  --json               one JSON object on standard output\n"
    "  --no-huge            do without hugepages\n"
    "  --lcore N            run on this core (default 0)\n"
    "  --help, --version\n"
    "\n"
    "Examples:\n"
    "  kuafu-pktgen --tx af_xdp:eth1 --dst 203.0.113.10 --dst-mac 02:00:00:00:00:01 --rate 50000\n"
    "  kuafu-pktgen --tx memif:/run/kuafu/gen.sock --dst 203.0.113.10 --flows 1000000 --search --rate 2000000\n";

enum option_id {
	OPT_TX = 256,
	OPT_RX,
	OPT_DST,
	OPT_DST_PORT,
	OPT_SRC,
	OPT_SRC_COUNT,
	OPT_SRC_PORTS,
	OPT_FLOWS,
	OPT_PROTOCOL,
	OPT_SIZE,
	OPT_SRC_MAC,
	OPT_DST_MAC,
	OPT_RATE,
	OPT_SECONDS,
	OPT_SEARCH,
	OPT_LOSS,
	OPT_JSON,
	OPT_NO_HUGE,
	OPT_LCORE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option table[] = {
    {"tx", required_argument, NULL, OPT_TX},
    {"rx", required_argument, NULL, OPT_RX},
    {"dst", required_argument, NULL, OPT_DST},
    {"dst-port", required_argument, NULL, OPT_DST_PORT},
    {"src", required_argument, NULL, OPT_SRC},
    {"src-count", required_argument, NULL, OPT_SRC_COUNT},
    {"src-ports", required_argument, NULL, OPT_SRC_PORTS},
    {"flows", required_argument, NULL, OPT_FLOWS},
    {"protocol", required_argument, NULL, OPT_PROTOCOL},
    {"size", required_argument, NULL, OPT_SIZE},
    {"src-mac", required_argument, NULL, OPT_SRC_MAC},
    {"dst-mac", required_argument, NULL, OPT_DST_MAC},
    {"rate", required_argument, NULL, OPT_RATE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"search", no_argument, NULL, OPT_SEARCH},
    {"loss", required_argument, NULL, OPT_LOSS},
    {"json", no_argument, NULL, OPT_JSON},
    {"no-huge", no_argument, NULL, OPT_NO_HUGE},
    {"lcore", required_argument, NULL, OPT_LCORE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static bool parse_number(const char *text, double least, double most, double *ret)
{
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end || !(v >= least && v <= most))
		return false;
	*ret = v;
	return true;
}

static bool parse_integer(const char *text, unsigned long least, unsigned long most, unsigned long *ret)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (end == text || *end || errno || *text == '-' || v < least || v > most)
		return false;
	*ret = v;
	return true;
}

static bool parse_address(const char *text, struct wire_addr *ret)
{
	uint8_t b[16];
	if (inet_pton(AF_INET, text, b) == 1)
		*ret = wire_addr_from_v4(b);
	else if (inet_pton(AF_INET6, text, b) == 1)
		*ret = wire_addr_from_v6(b);
	else
		return false;
	return true;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	int used = 0;
	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
	           &mac[5], &used) == 6 &&
	       !text[used];
}

static bool parse_ports(const char *text, uint16_t *ret_lo, uint16_t *ret_hi)
{
	int used = 0;
	unsigned lo, hi;
	if (sscanf(text, "%5u-%5u%n", &lo, &hi, &used) != 2 || text[used] || lo > hi || hi > 65535)
		return false;
	*ret_lo = (uint16_t)lo;
	*ret_hi = (uint16_t)hi;
	return true;
}

static bool parse_size(const char *text, uint16_t *ret)
{
	unsigned long n;
	if (!strcmp(text, "imix")) {
		*ret = 0;
		return true;
	}
	if (!parse_integer(text, 64, 1518, &n))
		return false;
	*ret = (uint16_t)(n - 4); /* without FCS */
	return true;
}

/* What is right, for the message about a value that is not. NULL: the value was taken. */
static const char *take_packet_option(int id, struct options *o)
{
	unsigned long n;
	switch (id) {
	case OPT_DST:
		return parse_address(optarg, &o->set.dst) ? NULL : "an IPv4 or IPv6 address";
	case OPT_SRC:
		return parse_address(optarg, &o->set.src) ? NULL : "an IPv4 or IPv6 address";
	case OPT_DST_PORT:
		if (!parse_integer(optarg, 1, 65535, &n))
			return "a port, 1 to 65535";
		o->set.dst_port = (uint16_t)n;
		return NULL;
	case OPT_SRC_COUNT:
		if (!parse_integer(optarg, 1, UINT32_MAX, &n))
			return "a number from 1";
		o->set.addresses = (uint32_t)n;
		return NULL;
	case OPT_SRC_PORTS:
		return parse_ports(optarg, &o->set.src_port_lo, &o->set.src_port_hi) ? NULL : "LO-HI, 0 to 65535";
	case OPT_FLOWS:
		if (!parse_integer(optarg, 1, UINT32_MAX, &n))
			return "a number from 1";
		o->set.flows = (uint32_t)n;
		return NULL;
	case OPT_PROTOCOL:
		o->set.protocol = !strcmp(optarg, "tcp") ? WIRE_PROTO_TCP : !strcmp(optarg, "udp") ? WIRE_PROTO_UDP : 0;
		return o->set.protocol ? NULL : "udp or tcp";
	case OPT_SIZE:
		return parse_size(optarg, &o->size) ? NULL : "64 to 1518, or imix";
	case OPT_SRC_MAC:
		return parse_mac(optarg, o->set.src_mac) ? NULL : "an Ethernet address, xx:xx:xx:xx:xx:xx";
	default:
		return parse_mac(optarg, o->set.dst_mac) ? NULL : "an Ethernet address, xx:xx:xx:xx:xx:xx";
	}
}

static const char *take_trial_option(int id, struct options *o)
{
	unsigned long n;
	switch (id) {
	case OPT_TX:
		o->tx = optarg;
		return NULL;
	case OPT_RX:
		o->rx = optarg;
		return NULL;
	case OPT_RATE:
		return parse_number(optarg, 0, 1e9, &o->rate) ? NULL : "packets per second, 0 to 1e9";
	case OPT_SECONDS:
		return parse_number(optarg, 0.1, 86400, &o->seconds) ? NULL : "seconds, 0.1 to 86400";
	case OPT_SEARCH:
		o->search = true;
		return NULL;
	case OPT_LOSS:
		return parse_number(optarg, 0, 1, &o->loss_allowed) ? NULL : "a share, 0 to 1";
	case OPT_JSON:
		o->json = true;
		return NULL;
	case OPT_NO_HUGE:
		o->no_huge = true;
		return NULL;
	default:
		o->lcore = optarg;
		return parse_integer(optarg, 0, 1023, &n) ? NULL : "a core's number";
	}
}

static int complain(const char *option, const char *value, const char *right)
{
	fprintf(stderr, "kuafu-pktgen: --%s %s: must be %s\n", option, value, right);
	return -EINVAL;
}

static int finish(struct options *o)
{
	if (!o->tx) {
		fprintf(stderr, "kuafu-pktgen: --tx is missing; see kuafu-pktgen --help\n");
		return -EINVAL;
	}
	if (wire_addr_is_unset(&o->set.dst)) {
		fprintf(stderr, "kuafu-pktgen: --dst is missing; see kuafu-pktgen --help\n");
		return -EINVAL;
	}
	if (wire_addr_is_unset(&o->set.src))
		parse_address(wire_addr_is_v4(&o->set.dst) ? "192.0.2.2" : "2001:db8::2", &o->set.src);
	if (wire_addr_is_v4(&o->set.src) != wire_addr_is_v4(&o->set.dst)) {
		fprintf(stderr, "kuafu-pktgen: --src and --dst must be of one family\n");
		return -EINVAL;
	}
	if (o->search && o->rate <= 0) {
		fprintf(stderr, "kuafu-pktgen: --search needs --rate, the highest rate to try\n");
		return -EINVAL;
	}
	uint16_t least = flows_min_size(&o->set);
	if (o->size && o->size < least) {
		fprintf(stderr, "kuafu-pktgen: --size %u: these headers and the stamp need at least %u\n", o->size + 4u,
		    least + 4u);
		return -EINVAL;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {
	    .size = 60,
	    .rate = 1000,
	    .seconds = 5,
	    .resolution = 0.005,
	    .lcore = "0",
	    .set = {.addresses = 1,
	        .src_port_lo = 1024,
	        .src_port_hi = 65535,
	        .dst_port = 7,
	        .protocol = WIRE_PROTO_UDP,
	        .flows = 1,
	        .src_mac = {2, 0, 0, 0, 0, 1},
	        .dst_mac = {2, 0, 0, 0, 0, 2}},
	};
	int id, index = 0;
	while ((id = getopt_long(argc, argv, "", table, &index)) != -1) {
		if (id == OPT_HELP || id == OPT_VERSION) {
			fputs(id == OPT_HELP ? help : "kuafu-pktgen " KUAFU_VERSION "\n", stdout);
			return 1;
		}
		if (id < OPT_TX)
			return -EINVAL; /* getopt has said why */
		bool packet = id >= OPT_DST && id <= OPT_DST_MAC;
		const char *right = packet ? take_packet_option(id, &o) : take_trial_option(id, &o);
		if (right)
			return complain(table[index].name, optarg, right);
	}
	if (optind < argc) {
		fprintf(stderr, "kuafu-pktgen: %s: not an option; see kuafu-pktgen --help\n", argv[optind]);
		return -EINVAL;
	}
	int err = finish(&o);
	if (!err)
		*ret_options = o;
	return err;
}
