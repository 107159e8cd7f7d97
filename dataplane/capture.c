/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/capture.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include "dataplane/burst.h"
#include "dataplane/filter.h"
#include "dataplane/worker_set.h"

/* ---- the main thread's ---- */

int dp_capture_create(uint16_t workers, const struct wire_ctl_filter *filter, struct dp_capture **ret_capture)
{
	static unsigned number; /* names of rings are one per process; the main thread's alone */
	static const struct wire_addr unset;
	struct dp_capture *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->filter = *filter;
	c->snap = filter->snap ? filter->snap : WIRE_CTL_MAX_SNAP;
	c->workers = workers;
	c->everything = !filter->protocol && !filter->l4_port && wire_addr_equal(&filter->address, &unset) &&
	                wire_addr_equal(&filter->address2, &unset);
	number++;
	for (uint16_t id = 0; id < workers; id++) {
		char name[RTE_RING_NAMESIZE];
		snprintf(name, sizeof(name), "capture-%u-%u", number, id);
		c->lane[id].ring = rte_ring_create_elem(
		    name, sizeof(struct dp_captured), DP_CAPTURE_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!c->lane[id].ring) {
			dp_capture_destroy(c);
			return -ENOMEM;
		}
	}
	*ret_capture = c;
	return 0;
}

void dp_capture_destroy(struct dp_capture *capture)
{
	for (uint16_t id = 0; capture && id < capture->workers; id++)
		rte_ring_free(capture->lane[id].ring);
	free(capture);
}

int dp_capture_next(struct dp_capture *capture, uint16_t worker, struct dp_captured *ret_captured)
{
	return rte_ring_sc_dequeue_elem(capture->lane[worker].ring, ret_captured, sizeof(*ret_captured));
}

bool dp_capture_waits(const struct dp_capture *capture)
{
	for (uint16_t id = 0; capture && id < capture->workers; id++)
		if (!rte_ring_empty(capture->lane[id].ring))
			return true;
	return false;
}

/* ---- the worker's ---- */

/* The packet inside one of the overlay, or the packet itself. Parsed beside the burst: nothing of it is touched. */
static bool matches(const struct dp_capture *c, struct rte_mbuf *m)
{
	struct dp_burst beside;
	beside.plain = 0;
	struct dp_overlay overlay;
	const struct wire_ether *ether = rte_pktmbuf_mtod(m, const struct wire_ether *);
	if (c->everything)
		return true;
	if (m->data_len < sizeof(*ether))
		return false;
	uint8_t *ip = (uint8_t *)(uintptr_t)(ether + 1), *end = (uint8_t *)(uintptr_t)ether + m->data_len;
	if (dp_parse_ip(&beside, 0, ip, (uint32_t)(end - ip)) != WIRE_DROP_NONE)
		return false;
	if (dp_filter_matches(&c->filter, &beside.key[0]))
		return true;
	if (beside.kind[0] != DP_KIND_UDP || beside.key[0].vip_port != WIRE_OVERLAY_PORT)
		return false;
	uint8_t *udp = beside.l4[0];
	uint32_t length = (uint32_t)(end - udp) - (uint32_t)sizeof(struct wire_udp);
	if (dp_overlay_parse(udp + sizeof(struct wire_udp), length, &overlay) != WIRE_DROP_NONE)
		return false;
	uint8_t *inner = (uint8_t *)overlay.geneve + overlay.length;
	return dp_parse_ip(&beside, 0, inner, (uint32_t)(end - inner)) == WIRE_DROP_NONE &&
	       dp_filter_matches(&c->filter, &beside.key[0]);
}

/* Straight into the ring: a copy on the stack first would double the work. */
static bool copy(struct dp_worker *w, struct dp_capture *c, const struct rte_mbuf *m, uint16_t port,
    enum wire_ctl_capture_direction direction)
{
	struct rte_ring_zc_data place;
	struct rte_ring *ring = c->lane[w->id].ring;
	if (rte_ring_enqueue_zc_bulk_elem_start(ring, sizeof(struct dp_captured), 1, &place, NULL) != 1)
		return false;
	struct dp_captured *out = place.ptr1;
	uint32_t length = rte_pktmbuf_pkt_len(m);
	uint16_t captured = (uint16_t)RTE_MIN(length, (uint32_t)c->snap);
	out->head = (struct wire_ctl_captured){.at_ns = w->wall_ns,
	    .length = length,
	    .missed = c->lane[w->id].missed,
	    .captured = captured,
	    .port = port,
	    .worker = w->id,
	    .direction = (uint8_t)direction};
	const void *bytes = rte_pktmbuf_read(m, 0, captured, out->bytes);
	if (bytes != out->bytes)
		memcpy(out->bytes, bytes, captured);
	rte_ring_enqueue_zc_elem_finish(ring, 1);
	return true;
}

__attribute__((cold, noinline)) void dp_capture_take(struct dp_worker *w, struct dp_capture *capture,
    struct rte_mbuf *const *pkts, unsigned n, uint16_t port, enum wire_ctl_capture_direction direction)
{
	unsigned copied = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!matches(capture, pkts[i]))
			continue;
		if (copy(w, capture, pkts[i], port, direction)) {
			capture->lane[w->id].missed = 0;
			copied++;
		} else {
			capture->lane[w->id].missed++;
		}
	}
	if (copied)
		dp_wake_main(w->set);
}
