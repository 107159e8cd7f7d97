/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/readdress.h"

#include "dataplane/fragment.h"
#include "dataplane/translate.h"

__attribute__((noinline)) static enum wire_drop translate(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_ends *to)
{
	struct rte_mbuf *m = b->pkt[i];
	struct dp_translated t;
	dp_burst_trim(b, i);
	if (rte_pktmbuf_headroom(m) < DP_TRANSLATE_ROOM)
		return WIRE_DROP_NO_MBUF;
	enum wire_drop drop = dp_translate(b->ip[i], b->length[i], to, ++w->ipv4_id, &t);
	if (drop != WIRE_DROP_NONE)
		return drop;
	if (t.ip < b->ip[i])
		rte_pktmbuf_prepend(m, (uint16_t)(b->ip[i] - t.ip));
	b->ip[i] = t.ip;
	b->l4[i] = t.l4;
	b->length[i] = t.length;
	dp_burst_trim(b, i);
	return WIRE_DROP_NONE;
}

enum wire_drop dp_readdress_any(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_ends *to)
{
	dp_fragment_identify(b, i);
	if (wire_ip_is_v6(b->ip[i]) == wire_addr_is_v4(to->dst))
		return translate(w, b, i, to);
	if (b->kind[i] == DP_KIND_ICMP_ERROR)
		dp_rewrite_icmp_error(b->ip[i], b->l4[i], dp_burst_l4_length(b, i), to, b->key[i].protocol);
	else if (b->kind[i] == DP_KIND_FRAGMENT)
		dp_rewrite_addresses(b->ip[i], to);
	else
		dp_rewrite_ends(b->ip[i], b->l4[i], dp_burst_l4_length(b, i), to, b->key[i].protocol);
	return WIRE_DROP_NONE;
}
