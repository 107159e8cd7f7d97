/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pktgen/device.h"
#include "tools/pktgen/recording.h"
#include "tools/pktgen/values.h"
#include "wire/packet.h"

static const char help[] =
    "Usage: kuafu-pktgen --tx PORT [--rx PORT] --dst ADDRESS|--pcap FILE [OPTION...]\n"
    "Sends packets, checks what comes back, and tells loss, order and latency.\n"
    "\n"
    "Ports: af_xdp:IFACE, tap:IFACE, memif:SOCKET[,role=client], pcap:FILE, null, ring, pci:ADDRESS,\n"
    "       dataplane[:WORKERS] (in this process, over rings)\n"
    "  --tx PORT            send here\n"
    "  --rx PORT            receive here (default: the same port)\n"
    "Packets:\n"
    "  --dst ADDRESS        destination, IPv4 or IPv6\n"
    "  --dst-port N         destination port (default 7)\n"
    "  --src ADDRESS        first source address (default 192.0.2.2 or 2001:db8::2)\n"
    "  --src-count N        number of source addresses (default 1)\n"
    "  --src-ports LO-HI    source ports (default 1024-65535)\n"
    "  --flows N            number of flows (default 1)\n"
    "  --pcap FILE          in place of all these: the flows of a capture, in its order and sizes\n"
    "                       unless --popularity or --size say otherwise\n"
    "  --popularity turn|uniform|zipf[:S]\n"
    "                       which flow is next: each in turn (default), any, or after Zipf with\n"
    "                       exponent S (default 1)\n"
    "  --new N              new connections per second, each in place of an old one (default 0)\n"
    "  --seed N             of the random choice (default 1)\n"
    "  --protocol udp|tcp   (default udp)\n"
    "  --size N|imix        frame size with FCS, up to 9234 (default 64, or the least that holds the headers)\n"
    "  --fragments N        each datagram in N fragments, 2 to 8, of that size each\n"
    "  --src-mac, --dst-mac Ethernet addresses\n"
    "Trial:\n"
    "  --rate N[k|M]|P%     packets per second, or percent of the port's speed; 0: as many as it\n"
    "                       takes (default 1000)\n"
    "  --port-speed MBIT    the port's speed, where what it says itself is not right\n"
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
    "  kuafu-pktgen --tx memif:/run/kuafu/gen.sock --dst 203.0.113.10 --flows 60000 --search --rate 2M\n"
    "  kuafu-pktgen --tx af_xdp:eth1 --pcap clients.pcap --rate 20k\n"
    "  kuafu-pktgen --tx dataplane --dst 203.0.113.10 --flows 10000 --search --rate 1M --no-huge\n"
    "  kuafu-pktgen --tx null --dst 2001:db8::10 --src-count 100 --flows 1000000 --popularity zipf:1.1 --size imix \\\n"
    "      --rate 40%\n"
    "  kuafu-pktgen --tx af_xdp:eth1 --dst 203.0.113.10 --protocol tcp --flows 10000 --new 5000 --rate 100k --json\n";

static const unsigned long MOST_FLOWS = 1u << 26; /* four bytes of state each */

/* The smallest frame of Ethernet, or of these headers. */
enum { SIZE_NOT_SAID = 2, SIZE_DEFAULT = 64 - SIZES_FCS };

enum option_id {
	OPT_TX = 256,
	OPT_RX,
	OPT_DST,
	OPT_DST_PORT,
	OPT_SRC,
	OPT_SRC_COUNT,
	OPT_SRC_PORTS,
	OPT_FLOWS,
	OPT_PCAP,
	OPT_FRAGMENTS,
	OPT_POPULARITY,
	OPT_NEW,
	OPT_SEED,
	OPT_PROTOCOL,
	OPT_SIZE,
	OPT_SRC_MAC,
	OPT_DST_MAC,
	OPT_RATE,
	OPT_PORT_SPEED,
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
    {"pcap", required_argument, NULL, OPT_PCAP},
    {"fragments", required_argument, NULL, OPT_FRAGMENTS},
    {"popularity", required_argument, NULL, OPT_POPULARITY},
    {"new", required_argument, NULL, OPT_NEW},
    {"seed", required_argument, NULL, OPT_SEED},
    {"protocol", required_argument, NULL, OPT_PROTOCOL},
    {"size", required_argument, NULL, OPT_SIZE},
    {"src-mac", required_argument, NULL, OPT_SRC_MAC},
    {"dst-mac", required_argument, NULL, OPT_DST_MAC},
    {"rate", required_argument, NULL, OPT_RATE},
    {"port-speed", required_argument, NULL, OPT_PORT_SPEED},
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

static bool parse_size(const char *text, uint16_t *ret)
{
	unsigned long n;
	if (!strcmp(text, "imix")) {
		*ret = SIZES_IMIX;
		return true;
	}
	if (!value_integer(text, 64, SIZES_MOST + SIZES_FCS, &n))
		return false;
	*ret = (uint16_t)(n - SIZES_FCS);
	return true;
}

static bool parse_popularity(const char *text, struct popularity *ret)
{
	ret->exponent = 1;
	if (!strncmp(text, "zipf", 4) && (!text[4] || text[4] == ':')) {
		ret->kind = POPULARITY_ZIPF;
		return !text[4] || value_number(text + 5, 0.01, 10, &ret->exponent);
	}
	ret->kind = !strcmp(text, "uniform") ? POPULARITY_UNIFORM : POPULARITY_TURN;
	return ret->kind == POPULARITY_UNIFORM || !strcmp(text, "turn");
}

/* What is right, for the message about a value that is not. NULL: the value was taken. */
static const char *take_packet_option(int id, struct options *o)
{
	unsigned long n;
	switch (id) {
	case OPT_DST:
		return value_address(optarg, &o->traffic.set.dst) ? NULL : "an IPv4 or IPv6 address";
	case OPT_SRC:
		return value_address(optarg, &o->traffic.set.src) ? NULL : "an IPv4 or IPv6 address";
	case OPT_DST_PORT:
		if (!value_integer(optarg, 1, 65535, &n))
			return "a port, 1 to 65535";
		o->traffic.set.dst_port = (uint16_t)n;
		return NULL;
	case OPT_SRC_COUNT:
		if (!value_integer(optarg, 1, UINT32_MAX, &n))
			return "a number from 1";
		o->traffic.set.addresses = (uint32_t)n;
		return NULL;
	case OPT_SRC_PORTS:
		return value_ports(optarg, &o->traffic.set.src_port_lo, &o->traffic.set.src_port_hi)
		           ? NULL
		           : "LO-HI, 0 to 65535";
	case OPT_FLOWS:
		if (!value_integer(optarg, 1, MOST_FLOWS, &n))
			return "a number, 1 to 67108864";
		o->traffic.flows = (uint32_t)n;
		return NULL;
	case OPT_PCAP:
		o->pcap_path = optarg;
		return NULL;
	case OPT_FRAGMENTS:
		if (!value_integer(optarg, 2, FRAGMENT_MOST, &n))
			return "a number, 2 to 8";
		o->traffic.fragments = (uint8_t)n;
		return NULL;
	case OPT_POPULARITY:
		o->popularity_said = true;
		return parse_popularity(optarg, &o->traffic.popularity)
		           ? NULL
		           : "turn, uniform, zipf or zipf:EXPONENT (0.01 to 10)";
	case OPT_NEW:
		return value_number(optarg, 0, 1e8, &o->traffic.births) ? NULL : "connections per second, 0 to 1e8";
	case OPT_SEED:
		return value_integer(optarg, 0, ULONG_MAX, &o->traffic.popularity.state) ? NULL : "a number";
	case OPT_PROTOCOL:
		o->traffic.set.protocol = !strcmp(optarg, "tcp")   ? WIRE_PROTO_TCP
		                          : !strcmp(optarg, "udp") ? WIRE_PROTO_UDP
		                                                   : 0;
		return o->traffic.set.protocol ? NULL : "udp or tcp";
	case OPT_SIZE:
		return parse_size(optarg, &o->traffic.size) ? NULL : "64 to 9234, or imix";
	case OPT_SRC_MAC:
		return value_mac(optarg, o->traffic.macs + 6) ? NULL : "an Ethernet address, xx:xx:xx:xx:xx:xx";
	default:
		return value_mac(optarg, o->traffic.macs) ? NULL : "an Ethernet address, xx:xx:xx:xx:xx:xx";
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
		return rate_parse(optarg, &o->rate) ? NULL : "packets per second, 0 to 1e9, such as 250k, or 40%";
	case OPT_PORT_SPEED:
		if (!value_integer(optarg, 1, 1000000, &n))
			return "Mbit/s, 1 to 1000000";
		o->port_speed = (uint32_t)n;
		return NULL;
	case OPT_SECONDS:
		return value_number(optarg, 0.1, 86400, &o->seconds) ? NULL : "seconds, 0.1 to 86400";
	case OPT_SEARCH:
		o->search = true;
		return NULL;
	case OPT_LOSS:
		return value_number(optarg, 0, 1, &o->loss_allowed) ? NULL : "a share, 0 to 1";
	case OPT_JSON:
		o->json = true;
		return NULL;
	case OPT_NO_HUGE:
		o->no_huge = true;
		return NULL;
	default:
		o->lcore = optarg;
		return value_integer(optarg, 0, 1023, &n) ? NULL : "a core's number";
	}
}

static int complain(const char *option, const char *value, const char *right)
{
	fprintf(stderr, "kuafu-pktgen: --%s %s: must be %s\n", option, value, right);
	return -EINVAL;
}

static int finish_traffic(struct traffic *t)
{
	struct flow first = flow_set_get(&t->set, 0);
	uint16_t least = t->fragments ? fragment_min_size(&first) : flow_min_size(&first);
	if (t->size == SIZE_NOT_SAID)
		t->size = t->set.pcap ? SIZES_RECORDED : least < SIZE_DEFAULT ? SIZE_DEFAULT : least;
	if (t->size >= SIZE_DEFAULT && t->size < least) {
		fprintf(stderr, "kuafu-pktgen: --size %u: these headers and the stamp need at least %u\n",
		    t->size + SIZES_FCS, least + SIZES_FCS);
		return -EINVAL;
	}
	if (t->fragments && (unsigned)t->fragments * t->size > UINT16_MAX) {
		fprintf(stderr, "kuafu-pktgen: --fragments %u of --size %u: a datagram has at most 65535 bytes\n",
		    t->fragments, t->size + SIZES_FCS);
		return -EINVAL;
	}
	if (t->flows > flow_set_size(&t->set)) {
		fprintf(stderr,
		    "kuafu-pktgen: --flows %u: --src-count times --src-ports make only %lu different ones\n", t->flows,
		    flow_set_size(&t->set));
		return -EINVAL;
	}
	struct popularity *p = &t->popularity;
	popularity_start(p, p->kind, t->flows, p->exponent, p->state);
	return 0;
}

/* In place of ranges. Before finish_traffic. */
static int finish_pcap(struct options *o)
{
	struct traffic *t = &o->traffic;
	if (!wire_addr_is_unset(&t->set.dst) || !wire_addr_is_unset(&t->set.src) || t->flows != 1 || t->births > 0) {
		fprintf(
		    stderr, "kuafu-pktgen: --pcap: brings its own flows, without --dst, --src, --flows and --new\n");
		return -EINVAL;
	}
	int err = recording_load(o->pcap_path, &o->pcap);
	if (err)
		return err;
	t->flows = o->pcap.n_flows;
	t->set.pcap = &o->pcap;
	return finish_traffic(t);
}

/* "dataplane" or "dataplane:WORKERS", 1 to 8; any other port is left to port.c. */
static int finish_device(struct options *o)
{
	static const char name[] = "dataplane";
	unsigned long workers = 1;
	size_t length = sizeof(name) - 1;
	if (strncmp(o->tx, name, length) != 0 || (o->tx[length] && o->tx[length] != ':'))
		return 0;
	if (o->tx[length] && !value_integer(o->tx + length + 1, 1, DEVICE_MAX_WORKERS, &workers))
		return complain("tx", o->tx, "dataplane:WORKERS, 1 to 8");
	if (o->rx || o->pcap_path) {
		fprintf(stderr, "kuafu-pktgen: --tx dataplane needs --dst, and answers where it is sent to: no --rx\n");
		return -EINVAL;
	}
	o->workers = (uint16_t)workers;
	return 0;
}

static int finish(struct options *o)
{
	if (!o->tx) {
		fprintf(stderr, "kuafu-pktgen: --tx is missing; see kuafu-pktgen --help\n");
		return -EINVAL;
	}
	if (finish_device(o))
		return -EINVAL;
	if (!o->pcap_path && wire_addr_is_unset(&o->traffic.set.dst)) {
		fprintf(stderr, "kuafu-pktgen: --dst is missing; see kuafu-pktgen --help\n");
		return -EINVAL;
	}
	if (!o->pcap_path && wire_addr_is_unset(&o->traffic.set.src))
		value_address(wire_addr_is_v4(&o->traffic.set.dst) ? "192.0.2.2" : "2001:db8::2", &o->traffic.set.src);
	if (!o->pcap_path && wire_addr_is_v4(&o->traffic.set.src) != wire_addr_is_v4(&o->traffic.set.dst)) {
		fprintf(stderr, "kuafu-pktgen: --src and --dst must be of one family\n");
		return -EINVAL;
	}
	if (o->search && o->rate.value <= 0) {
		fprintf(stderr, "kuafu-pktgen: --search needs --rate, the highest rate to try\n");
		return -EINVAL;
	}
	return o->pcap_path ? finish_pcap(o) : finish_traffic(&o->traffic);
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {
	    .rate = {.value = 1000},
	    .seconds = 5,
	    .resolution = 0.005,
	    .lcore = "0",
	    .traffic = {.set = {.addresses = 1,
	                    .src_port_lo = 1024,
	                    .src_port_hi = 65535,
	                    .dst_port = 7,
	                    .protocol = WIRE_PROTO_UDP},
	        .flows = 1,
	        .size = SIZE_NOT_SAID,
	        .popularity = {.state = 1},
	        .macs = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}},
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
	if (!err) {
		*ret_options = o;
		ret_options->traffic.set.pcap = o.pcap_path ? &ret_options->pcap : NULL;
		ret_options->traffic.recorded = o.pcap_path && !o.popularity_said;
	}
	return err;
}
