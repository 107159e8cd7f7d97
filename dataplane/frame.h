/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames as they are on a port, and as the journeys take and give them: in one buffer, without the port's VLAN tags.
 *
 * A port of a VLAN (IEEE 802.1Q), or of one in a provider's (802.1ad), takes frames that carry its tags, of any priority,
 * and sends all its frames with them, of priority 0. What carries others, or none, is dropped as `vlan`: it came in from
 * another network. On a port without VLAN a tagged frame is no IP packet and so the kernel's.
 *
 * What is larger than its port's MTU was joined from several packets by a sender's TSO or a receiver's GRO or LRO, and has
 * a length, and often a checksum, that no packet of the wire had: it is dropped as `oversized`.
 *
 * A port that can check IPv4 headers' checksums is asked to; the headers that it calls right are not summed again, and what
 * it calls wrong is dropped as `bad-ip-checksum`. Nothing is left to a port that sends: checksums follow each change by its
 * difference (RFC 1624), and NIC drivers send fastest when they are asked for nothing.
 *
 * Whether a NIC took tags off, told in the mbuf, makes no difference. Frames are not padded to Ethernet's 60 bytes here:
 * NICs do so themselves, the kernel does for af_xdp, tap and pcap, and other ports are no Ethernet. */
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

#include "wire/packet.h"

#define DP_VLAN_TAGS 2u

struct dp_worker;

/* The tags of a port's frames, outer first; two are 802.1ad's. */
struct dp_vlan {
	uint8_t n; /* 0: none */
	uint16_t id[DP_VLAN_TAGS];
};

/* Whether the port has found the checksum of its IPv4 header right. One that reads Geneve says so of the inner header, and
 * apart from it what is wrong with the outer one. */
static inline bool dp_frame_summed(const struct rte_mbuf *m)
{
	const uint64_t said = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD;
	return (m->ol_flags & said) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

/* Bytes of the largest frame of a port with that MTU, whatever tags it carries. */
static inline uint32_t dp_frame_max(uint32_t mtu)
{
	return (uint32_t)(sizeof(struct wire_ether) + DP_VLAN_TAGS * sizeof(struct wire_vlan)) + mtu;
}

/* Frames that came in on a port of `vlan` whose largest frame has `max` bytes, m->port set: each becomes what the journeys
 * take. Those that do not are dropped as OVERSIZED, BAD_IP_CHECKSUM, VLAN, TOO_BIG (for one buffer) or NO_MBUF. Returns
 * how many are left, in their order. */
uint16_t dp_frames_take(
    struct dp_worker *w, const struct dp_vlan *vlan, uint32_t max, struct rte_mbuf **pkts, uint16_t n);

/* Whether dp_frames_take() has anything to do for frames of a port without VLAN: `flags` are their ol_flags, `segments`
 * their nb_segs, each joined by OR, `longest` is the greatest of their lengths. */
static inline bool dp_frames_unusual(uint64_t flags, uint16_t segments, uint32_t longest, uint32_t max)
{
	const uint64_t unusual =
	    RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ_STRIPPED | RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_IP_CKSUM_BAD;
	return flags & unusual || segments > 1 || longest > max;
}

/* Frames that leave by a port of a VLAN: each gets its tags. Those without room are dropped as NO_MBUF. Returns how many
 * are left, in their order. */
uint16_t dp_frames_tag(struct dp_worker *w, const struct dp_vlan *vlan, struct rte_mbuf **pkts, uint16_t n);
