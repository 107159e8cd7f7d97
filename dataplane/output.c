/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/output.h"

#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/split.h"
#include "wire/ip.h"

__attribute__((noinline, cold)) static bool move_back(struct rte_mbuf *m)
{
	uint16_t tail = rte_pktmbuf_tailroom(m);
	if (m->nb_segs != 1 || tail == 0)
		return false;
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	memmove(at + tail, at, m->data_len);
	m->data_off = (uint16_t)(m->data_off + tail);
	return true;
}

uint8_t *dp_output_prepend(struct rte_mbuf *m, uint16_t length)
{
	if (rte_pktmbuf_headroom(m) < length && !move_back(m))
		return NULL;
	return (uint8_t *)rte_pktmbuf_prepend(m, length);
}

enum wire_drop dp_output(struct dp_worker *w, struct rte_mbuf *m, enum wire_journey journey)
{
	struct wire_addr to = wire_ip_dst(rte_pktmbuf_mtod(m, const uint8_t *));
	return dp_output_by(w, m, dp_fib_lookup(w, &to), journey);
}

__attribute__((noinline, cold)) static enum wire_drop output_pieces(
    struct dp_worker *w, struct rte_mbuf *m, const struct dp_adjacency *a, enum wire_journey journey)
{
	struct rte_mbuf *piece[DP_SPLIT_MAX];
	unsigned n = dp_split(w, m, a->mtu, piece);
	for (unsigned k = 0; k < n; k++)
		dp_output_by(w, piece[k], a, journey);
	return n ? WIRE_DROP_NONE : WIRE_DROP_NO_MBUF;
}

__attribute__((noinline, cold)) static enum wire_drop unresolved(
    struct dp_worker *w, const struct dp_adjacency *a, const uint8_t *ip)
{
	struct wire_addr to = wire_ip_dst(ip);
	if (a->nowhere)
		return WIRE_DROP_NOWHERE;
	dp_neighbour_wanted(w, a->port, &to);
	return WIRE_DROP_NO_NEIGHBOUR;
}

enum wire_drop dp_output_any(
    struct dp_worker *w, struct rte_mbuf *m, const struct dp_adjacency *a, enum wire_journey journey)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type = wire_ip_ethertype(ip);
	enum wire_drop drop = WIRE_DROP_NONE;
	struct wire_ether *ether = NULL;

	if (!a) {
		drop = WIRE_DROP_NO_ROUTE;
	} else if (!a->resolved) {
		drop = unresolved(w, a, ip);
	} else if (rte_pktmbuf_pkt_len(m) > a->mtu && dp_split_may(ip)) {
		return output_pieces(w, m, a, journey);
	} else if (rte_pktmbuf_pkt_len(m) > a->mtu) {
		drop = WIRE_DROP_TOO_BIG;
	} else {
		ether = (struct wire_ether *)dp_output_prepend(m, sizeof(*ether));
		drop = ether ? WIRE_DROP_NONE : WIRE_DROP_NO_MBUF;
	}
	if (drop != WIRE_DROP_NONE) {
		dp_drop(w, m, drop);
		return drop;
	}
	*ether = a->ether;
	ether->type = rte_cpu_to_be_16(type);
	dp_count_journey(w, journey, rte_pktmbuf_pkt_len(m));
	dp_tx(w, a->port, m);
	return WIRE_DROP_NONE;
}

struct rte_mbuf *dp_output_alloc(struct dp_worker *w, uint16_t length)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	if (!m)
		return NULL;
	m->data_off = (uint16_t)(RTE_PKTMBUF_HEADROOM + WIRE_OVERLAY_HEADROOM);
	if (m->data_off + length > m->buf_len) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	m->data_len = length;
	m->pkt_len = length;
	return m;
}
