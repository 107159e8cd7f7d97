/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-endpoint: runs on an origin, attaches the XDP program that unwraps what POPs tunnel to it, counts, and takes it
 * off again at the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ebpf/endpoint.h"

static const char help[] =
    "Usage: kuafu-endpoint --interface NAME --pop ADDRESS [--pop ADDRESS...] [--every SECONDS] [--json]\n"
    "Unwraps the packets that POPs tunnel to this origin (IP in IP, Geneve), until it is ended.\n"
    "\n"
    "  --interface NAME   where the packets arrive\n"
    "  --pop ADDRESS      a NAT address of an egress POP: its tunnels are believed, others dropped\n"
    "  --every SECONDS    print the counters so often (default: only at the end)\n"
    "  --json             print them as JSON, one object a line\n"
    "  --help, --version\n"
    "\n"
    "The origin's kernel must take the VIP as its own and not answer ARP for it:\n"
    "  ip address add 203.0.113.10/32 dev lo\n"
    "  sysctl net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2\n"
    "\n"
    "Example:\n"
    "  kuafu-endpoint --interface eth0 --pop 192.0.2.1 --pop 198.51.100.1\n";

struct options {
	const char *interface;
	struct wire_addr pop[KBPF_ENDPOINT_MAX_POPS];
	size_t n_pops;
	unsigned every; /* seconds; 0: only at the end */
	bool json;
};

static int take_pop(struct options *o, const char *text)
{
	uint8_t b[16];
	if (o->n_pops == KBPF_ENDPOINT_MAX_POPS) {
		fprintf(stderr, "kuafu-endpoint: --pop: at most %u\n", KBPF_ENDPOINT_MAX_POPS);
		return -EINVAL;
	}
	if (inet_pton(AF_INET, text, b) == 1) {
		o->pop[o->n_pops++] = wire_addr_from_v4(b);
	} else if (inet_pton(AF_INET6, text, b) == 1) {
		o->pop[o->n_pops++] = wire_addr_from_v6(b);
	} else {
		fprintf(stderr, "kuafu-endpoint: --pop %s: must be an address of IPv4 or IPv6\n", text);
		return -EINVAL;
	}
	return 0;
}

/* 0; 1: answered; -EINVAL: one line was written. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
	    {"interface", required_argument, NULL, 'i'},
	    {"pop", required_argument, NULL, 'p'},
	    {"every", required_argument, NULL, 'e'},
	    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int id;
	char *end;
	while ((id = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (id) {
		case 'i':
			o->interface = optarg;
			break;
		case 'p':
			if (take_pop(o, optarg))
				return -EINVAL;
			break;
		case 'e':
			o->every = (unsigned)strtoul(optarg, &end, 10);
			if (*end || !o->every) {
				fprintf(stderr, "kuafu-endpoint: --every %s: must be seconds, from 1\n", optarg);
				return -EINVAL;
			}
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
		case 'v':
			fputs(id == 'h' ? help : "kuafu-endpoint " KUAFU_VERSION "\n", stdout);
			return 1;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc || !o->interface || !o->n_pops) {
		fprintf(stderr,
		    "kuafu-endpoint: --interface and at least one --pop are needed; see kuafu-endpoint --help\n");
		return -EINVAL;
	}
	return 0;
}

static void print_counters(const struct kbpf_endpoint *e, bool json)
{
#define NAME(symbol, name, text) name,
	static const char *const names[] = {KBPF_ENDPOINT_COUNTERS(NAME)};
#undef NAME
	uint64_t counter[KBPF_ENDPOINT_COUNTER_COUNT];
	int err = kbpf_endpoint_counters(e, counter);
	if (err) {
		fprintf(stderr, "kuafu-endpoint: counters: %s\n", strerror(-err));
		return;
	}
	for (int i = 0; i < KBPF_ENDPOINT_COUNTER_COUNT; i++)
		printf(json ? "%s\"%s\": %" PRIu64 : "%s%s %" PRIu64, json ? (i ? ", " : "{") : (i ? "  " : ""),
		    names[i], counter[i]);
	puts(json ? "}" : "");
	fflush(stdout);
}

/* Until SIGINT or SIGTERM; the signals are blocked, so none is lost between two waits. */
static void serve(const struct kbpf_endpoint *e, const struct options *o, const sigset_t *signals)
{
	struct timespec wait = {.tv_sec = o->every};
	while ((o->every ? sigtimedwait(signals, NULL, &wait) : sigwaitinfo(signals, NULL)) < 0) {
		if (errno == EAGAIN)
			print_counters(e, o->json);
	}
	print_counters(e, o->json);
}

int main(int argc, char **argv)
{
	static struct options o;
	char why[KBPF_WHY_SIZE] = "";
	struct kbpf_endpoint *e;
	struct kbpf_attachment attachment;
	sigset_t signals;

	int err = parse(argc, argv, &o);
	if (err)
		return err > 0 ? 0 : 2;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	err = kbpf_endpoint_attach(o.interface, o.pop, o.n_pops, &e, &attachment, why);
	if (err) {
		fprintf(stderr, "kuafu-endpoint: %s\n", *why ? why : strerror(-err));
		return 1;
	}
	fprintf(stderr, "kuafu-endpoint: unwrapping on %s for %zu POP%s%s\n", o.interface, o.n_pops,
	    o.n_pops == 1 ? "" : "s",
	    attachment.mode == KBPF_GENERIC ? " (generic XDP: the driver has no native one)" : "");
	serve(e, &o, &signals);
	kbpf_endpoint_detach(e);
	return 0;
}
