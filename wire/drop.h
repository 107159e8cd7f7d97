/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Why a packet was not forwarded. One row a reason: symbol, name (in counters, traces, metrics), what it means.
 * Names are stable: operators alarm on them. New rows go at the end of their block. */
#pragma once

#define WIRE_DROP_REASONS(X)                                                                                           \
	/* the packet itself */                                                                                        \
	X(TRUNCATED, "truncated", "shorter than its headers say")                                                      \
	X(BAD_IP_HEADER, "bad-ip-header", "IP version, header length or total length is wrong")                        \
	X(BAD_IP_CHECKSUM, "bad-ip-checksum", "IPv4 header checksum is wrong")                                         \
	X(BAD_L4_HEADER, "bad-l4-header", "TCP, UDP or ICMP header is malformed")                                      \
	X(BAD_SOURCE, "bad-source", "source address is multicast, broadcast, loopback or our own")                     \
	X(FRAGMENT, "fragment", "fragment that overlaps, or whose first part did not come")                            \
	X(TTL_EXPIRED, "ttl-expired", "TTL or hop limit used up; time-exceeded sent if the rate allows")               \
	X(TOO_BIG, "too-big", "larger than the path's MTU; frag-needed sent if the rate allows")                       \
	X(UNSUPPORTED, "unsupported", "protocol that this journey does not carry")                                     \
	X(EXTENSION, "extension", "IPv6 extension headers are too many, out of place or route on")                     \
	X(VLAN, "vlan", "without the VLAN tags of its port")                                                           \
	X(OVERSIZED, "oversized",                                                                                      \
	    "larger than its port's MTU: joined before us by TSO, GRO or LRO, which must be off")                      \
	/* the overlay */                                                                                              \
	X(OVERLAY_HEADER, "overlay-header", "Geneve header is malformed or of an unknown version")                     \
	X(OVERLAY_OPTION, "overlay-option", "option is malformed, repeated or out of place")                           \
	X(OVERLAY_CRITICAL, "overlay-critical", "unknown critical option (RFC 8926, 3.5)")                             \
	X(OVERLAY_PEER, "overlay-peer", "source address is no link of ours")                                           \
	X(OVERLAY_KEY, "overlay-key", "no key with this id for this POP pair")                                         \
	X(OVERLAY_AUTH, "overlay-auth", "tag does not match")                                                          \
	X(OVERLAY_REPLAY, "overlay-replay", "link sequence already seen or older than the window")                     \
	X(OVERLAY_PATH, "overlay-path", "PATH names a POP or link that is not ours")                                   \
	X(OVERLAY_LOOP, "overlay-loop", "PATH visits a POP twice")                                                     \
	X(OVERLAY_ECN, "overlay-ecn", "congestion was marked on a packet that cannot carry the mark (RFC 6040, 4.2)")  \
	/* decisions */                                                                                                \
	X(NO_LISTENER, "no-listener", "VIP has no listener for this protocol and port")                                \
	X(NO_ENDPOINT, "no-endpoint", "no endpoint in any group of the listener")                                      \
	X(NO_PATH, "no-path", "no usable path to the POP")                                                             \
	X(NO_STATE, "no-state", "no flow at ingress or egress, and no candidate left")                                 \
	X(NO_NAT, "no-nat", "NAT address without a flow")                                                              \
	X(NAT_FULL, "nat-full", "NAT pool has no free port")                                                           \
	X(FLOW_FULL, "flow-full", "flow table has no room at egress")                                                  \
	X(NO_ROUTE, "no-route", "kernel FIB has no route to the destination")                                          \
	X(NO_NEIGHBOUR, "no-neighbour", "next hop's link-layer address is not known yet")                              \
	X(SCREENED, "screened", "refused by the screen")                                                               \
	X(NOT_OURS, "not-ours", "destination is neither VIP, overlay nor NAT address on a port without a kernel")      \
	X(NOWHERE, "nowhere", "kernel FIB has a blackhole or the like, or leads out of no port of ours")               \
	/* resources */                                                                                                \
	X(NO_MBUF, "no-mbuf", "no buffer left")                                                                        \
	X(TX_FULL, "tx-full", "transmit queue full")                                                                   \
	X(RING_FULL, "ring-full", "hand-over ring of the owning worker full")                                          \
	X(PUNT_FULL, "punt-full", "kernel's queue full")                                                               \
	X(RATE, "rate", "limit of packets that we originate")

#define WIRE_DROP_ENUM(symbol, name, text) WIRE_DROP_##symbol,
enum wire_drop { WIRE_DROP_NONE, WIRE_DROP_REASONS(WIRE_DROP_ENUM) WIRE_DROP_COUNT };
#undef WIRE_DROP_ENUM

static inline const char *wire_drop_name(unsigned reason)
{
#define WIRE_DROP_NAME(symbol, name, text) name,
	static const char *const names[WIRE_DROP_COUNT] = {"none", WIRE_DROP_REASONS(WIRE_DROP_NAME)};
#undef WIRE_DROP_NAME
	return reason < WIRE_DROP_COUNT ? names[reason] : "unknown";
}

static inline const char *wire_drop_text(unsigned reason)
{
#define WIRE_DROP_TEXT(symbol, name, text) text,
	static const char *const texts[WIRE_DROP_COUNT] = {"forwarded", WIRE_DROP_REASONS(WIRE_DROP_TEXT)};
#undef WIRE_DROP_TEXT
	return reason < WIRE_DROP_COUNT ? texts[reason] : "not a drop reason of this version";
}
