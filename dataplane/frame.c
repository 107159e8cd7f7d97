/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/frame.h"

#include <string.h>

#include "dataplane/output.h"
#include "wire/bytes.h"

#define TAG       sizeof(struct wire_vlan)
#define ADDRESSES 12u     /* bytes before the first tag, or the type */
#define VID_MASK  0x0fffu /* IEEE 802.1Q, 9.6: the rest is priority */

#define RX_VLAN_FLAGS                                                                                                  \
	(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED)

/* Of tag k of n: the outer one of two is a provider's. */
static uint16_t tag_type(unsigned k, unsigned n)
{
	return n == 2 && k == 0 ? WIRE_ETHERTYPE_QINQ : WIRE_ETHERTYPE_VLAN;
}

/* Tags with this TCI (priority and id) behind the addresses. false: no room. */
static bool push_tags(struct rte_mbuf *m, const uint16_t *tci, unsigned n)
{
	uint8_t *at = dp_output_prepend(m, (uint16_t)(n * TAG));
	if (!at)
		return false;
	memmove(at, at + n * TAG, ADDRESSES);
	for (unsigned k = 0; k < n; k++) {
		wire_put_be16(at + ADDRESSES + k * TAG, tag_type(k, n));
		wire_put_be16(at + ADDRESSES + k * TAG + 2, tci[k]);
	}
	return true;
}

/* Takes the port's tags from number `first` on out of the frame. false: they are not there, nothing is changed. */
static bool pop_tags(struct rte_mbuf *m, const struct dp_vlan *vlan, unsigned first)
{
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t size = (uint16_t)((vlan->n - first) * TAG);
	if (m->data_len < sizeof(struct wire_ether) + size)
		return false;
	for (unsigned k = first; k < vlan->n; k++) {
		const uint8_t *tag = at + ADDRESSES + (k - first) * TAG;
		if (wire_be16(tag) != tag_type(k, vlan->n) || (wire_be16(tag + 2) & VID_MASK) != vlan->id[k])
			return false;
	}
	memmove(at + size, at, ADDRESSES);
	rte_pktmbuf_adj(m, size);
	return true;
}

/* The TCIs that the NIC took off, outer first; returns how many. */
static unsigned stripped_tags(const struct rte_mbuf *m, uint16_t tci[DP_VLAN_TAGS])
{
	if (m->ol_flags & RTE_MBUF_F_RX_QINQ_STRIPPED) {
		tci[0] = m->vlan_tci_outer;
		tci[1] = m->vlan_tci;
		return 2;
	}
	tci[0] = m->vlan_tci;
	return m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ? 1 : 0;
}

/* On a port without VLAN a tag that the NIC took off goes back, so that the frame does not pass for an untagged one. One
 * that says only a priority (id 0) is none (IEEE 802.1Q, 6.9). */
static enum wire_drop take_tags(struct rte_mbuf *m, const struct dp_vlan *vlan)
{
	uint16_t tci[DP_VLAN_TAGS];
	unsigned n = stripped_tags(m, tci);
	m->ol_flags &= ~RX_VLAN_FLAGS;
	if (vlan->n == 0 && (n == 0 || (n == 1 && (tci[0] & VID_MASK) == 0)))
		return WIRE_DROP_NONE;
	if (vlan->n == 0)
		return push_tags(m, tci, n) ? WIRE_DROP_NONE : WIRE_DROP_NO_MBUF;
	if (n > vlan->n)
		return WIRE_DROP_VLAN;
	for (unsigned k = 0; k < n; k++)
		if ((tci[k] & VID_MASK) != vlan->id[k])
			return WIRE_DROP_VLAN;
	return pop_tags(m, vlan, n) ? WIRE_DROP_NONE : WIRE_DROP_VLAN;
}

/* A frame in a chain of buffers moves to one of ours. */
static enum wire_drop take_chain(struct dp_worker *w, struct rte_mbuf **m)
{
	struct rte_mbuf *one = rte_pktmbuf_copy(*m, w->pool, 0, UINT32_MAX);
	if (!one)
		return WIRE_DROP_NO_MBUF;
	if (one->nb_segs > 1) {
		rte_pktmbuf_free(one);
		return WIRE_DROP_TOO_BIG;
	}
	rte_pktmbuf_free(*m);
	*m = one;
	return WIRE_DROP_NONE;
}

static enum wire_drop take(struct dp_worker *w, const struct dp_vlan *vlan, uint32_t max, struct rte_mbuf **m)
{
	if (rte_pktmbuf_pkt_len(*m) > max || (*m)->ol_flags & RTE_MBUF_F_RX_LRO)
		return WIRE_DROP_OVERSIZED;
	if (((*m)->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD)
		return WIRE_DROP_BAD_IP_CHECKSUM;
	enum wire_drop drop = (*m)->nb_segs > 1 ? take_chain(w, m) : WIRE_DROP_NONE;
	return drop == WIRE_DROP_NONE ? take_tags(*m, vlan) : drop;
}

uint16_t dp_frames_take(
    struct dp_worker *w, const struct dp_vlan *vlan, uint32_t max, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t left = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		enum wire_drop drop = take(w, vlan, max, &m);
		if (drop == WIRE_DROP_NONE)
			pkts[left++] = m;
		else
			dp_drop(w, m, drop);
	}
	return left;
}

uint16_t dp_frames_tag(struct dp_worker *w, const struct dp_vlan *vlan, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t left = 0;
	for (uint16_t i = 0; i < n; i++) {
		if (push_tags(pkts[i], vlan->id, vlan->n))
			pkts[left++] = pkts[i];
		else
			dp_drop(w, pkts[i], WIRE_DROP_NO_MBUF);
	}
	return left;
}
