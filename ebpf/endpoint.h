/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP program of an origin: takes the outer headers, of IPv4 or IPv6, off packets of either that a POP tunnels to it
 * (IP in IP, RFC 2003, RFC 2473, RFC 4213, or Geneve, RFC 8926), so that the origin's own kernel sees client and VIP and
 * answers the client directly. Asked whose connection a segment is (wire/ask.h) it looks for a socket, and sends back what
 * has none.
 *
 * Invariant: only packets from the POPs that were named are unwrapped; others that look like a tunnel are dropped and
 * everything else reaches the kernel untouched. The program leaves with the process, however that ends. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ebpf/kbpf.h"
#include "wire/address.h"

#define KBPF_ENDPOINT_COUNTERS(X)                                                                                      \
	X(IPIP, "ipip", "unwrapped from IP in IP")                                                                     \
	X(GENEVE, "geneve", "unwrapped from Geneve")                                                                   \
	X(DENIED, "denied", "asked for, but of no connection here: sent back to the POP")                              \
	X(STRANGER, "stranger", "a tunnel from an address that is no POP of ours: dropped")                            \
	X(MALFORMED, "malformed",                                                                                      \
	    "a tunnel packet shorter than its headers say, or with an unknown critical option: dropped")               \
	X(ECN, "ecn", "congestion was marked on a packet that cannot carry the mark (RFC 6040): dropped")              \
	X(PASSED, "passed", "no tunnel: left to the kernel")

#define KBPF_ENDPOINT_ENUM(symbol, name, text) KBPF_ENDPOINT_##symbol,
enum kbpf_endpoint_counter { KBPF_ENDPOINT_COUNTERS(KBPF_ENDPOINT_ENUM) KBPF_ENDPOINT_COUNTER_COUNT };
#undef KBPF_ENDPOINT_ENUM

#define KBPF_ENDPOINT_MAX_POPS 1024u

struct kbpf_endpoint;

/* Attaches to `interface` for the life of *ret. 0 or -errno, and then `why` (KBPF_WHY_SIZE bytes) has one line. */
int kbpf_endpoint_attach(const char *interface, const struct wire_addr *pop, size_t n_pops, struct kbpf_endpoint **ret,
    struct kbpf_attachment *ret_attachment, char *why);

/* Detaches; NULL is allowed. */
void kbpf_endpoint_detach(struct kbpf_endpoint *e);

/* ret[KBPF_ENDPOINT_COUNTER_COUNT], summed over CPUs. 0 or -errno. */
int kbpf_endpoint_counters(const struct kbpf_endpoint *e, uint64_t *ret);
