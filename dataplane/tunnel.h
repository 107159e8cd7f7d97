/* SPDX-License-Identifier: BSD-2-Clause */
/* Into the overlay and out of it: the steps that ingress, transit, egress, reply and return share. Tags are checked and
 * made for a whole burst at a time (dataplane/auth.h). */
#pragma once

#include "dataplane/auth.h"
#include "dataplane/encap.h"
#include "dataplane/links.h"

/* ---- out of the overlay ---- */

/* Takes the group of packets that came in on links: tag, replay window, position in PATH. Control packets go to
 * dp_oam_receive(), data packets into journey[TRANSIT], [EGRESS] or [RETURN]; the others are dropped. */
void dp_tunnel_receive(
    struct dp_worker *w, struct dp_burst *b, const struct dp_group *g, struct dp_group journey[WIRE_JOURNEY_COUNT]);

/* Makes column i that of the inner packet, with its ECN as RFC 6040 says, and cuts the mbuf down to it. A later fragment
 * is of kind FRAGMENT and has no ports in its key. A plain packet is not hashed: not every journey asks for it. */
enum wire_drop dp_tunnel_unwrap(struct dp_burst *b, unsigned i);

/* ---- into the overlay ---- */

/* Packets that wait for their tags. */
struct dp_tunnel {
	unsigned n;
	uint64_t straight; /* bit k: the link-layer header is there, and the packet fits the port */
	struct rte_mbuf *pkt[DP_BURST_MAX];
	uint8_t journey[DP_BURST_MAX];
	const struct dp_adjacency *adjacency[DP_BURST_MAX];
	struct dp_auth_message message[DP_BURST_MAX]; /* the tag's place is behind it */
};

/* None. The columns are written before they are read. */
static inline void dp_tunnel_begin(struct dp_tunnel *t)
{
	t->n = 0;
	t->straight = 0;
}

/* One more; there is room. `m` begins with its link-layer header (straight) or its IP header; `udp`: what is signed,
 * `covered` bytes of it. */
static inline void dp_tunnel_add(struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_exit *exit,
    const uint8_t *udp, uint16_t covered, enum wire_journey journey, bool straight)
{
	unsigned k = t->n++;
	t->straight |= (uint64_t)straight << k;
	t->pkt[k] = m;
	t->journey[k] = (uint8_t)journey;
	t->adjacency[k] = exit->adjacency;
	t->message[k] = (struct dp_auth_message){.key = (const void *)exit->key->annex, .data = udp, .length = covered};
}

/* The sequence of a frame of `length` bytes on its link and lane, counted. */
static inline uint64_t dp_tunnel_sequence(
    struct dp_worker *w, const struct dp_exit *exit, uint16_t hash14, unsigned length)
{
	struct dp_link *link = exit->counters;
	link->tx_packets++;
	link->tx_bytes += length - (unsigned)sizeof(struct wire_ether);
	return ++link->sequence[dp_lane_place(w, hash14)];
}

/* Along the leg of a course that is in use, or NULL. Counts what goes by a backup. */
static inline const struct dp_way *dp_tunnel_along(struct dp_worker *w, const struct dp_course *course)
{
	const struct dp_way *way = dp_course_way(course);
	if (way == &course->way[LB_ACTIVE_BACKUP])
		dp_count(w, WIRE_COUNTER_ON_BACKUP);
	return way;
}

static inline const struct dp_way *dp_tunnel_way(struct dp_worker *w, uint16_t to_pop, uint8_t class)
{
	return dp_tunnel_along(w, dp_ways_course(w, to_pop, class));
}

/* dp_tunnel_fits() for a packet that is long, or to be of another version. */
bool dp_tunnel_squeeze(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way, bool v6, enum wire_journey journey);

/* Whether packet i fits once it is of the version that it is going to be, in fragments if that is IPv4 and it may be
 * fragmented; if not, its sender is told (frag-needed, RFC 1191; packet-too-big, RFC 4443, 3.2) and it is dropped as
 * TOO_BIG. To be asked while the packet is as its sender knows it. */
static inline bool dp_tunnel_fits(
    struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way, bool v6, enum wire_journey journey)
{
	return (b->length[i] <= way->room && wire_ip_is_v6(b->ip[i]) == v6) ||
	       dp_tunnel_squeeze(w, b, i, way, v6, journey);
}

/* Lowers the MSS of a SYN so that segments of full size fit. */
void dp_tunnel_clamp(struct dp_worker *w, struct dp_burst *b, unsigned i, const struct dp_way *way);

/* The same for the leg in use towards a POP, if it is another one and there is a leg: the MSS in a SYN is for segments of
 * the other direction, so each end of the overlay clamps what leaves it to the way back, too. */
void dp_tunnel_clamp_back(struct dp_worker *w, struct dp_burst *b, unsigned i, uint16_t to_pop, uint8_t class);

/* Wraps `m`, whose data is an IP packet, and lets it wait. Takes the packet in any case; returns why it was dropped
 * (and counted) if it was. */
enum wire_drop dp_tunnel_wrap(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct dp_way *way,
    uint16_t hash14, const struct dp_steer *steer, enum wire_journey journey);

/* dp_tunnel_wrap() for packet i of a burst, which is cut to its IP packet; in a straight line if it may go straight on. */
static inline void dp_tunnel_send(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i,
    const struct dp_way *way, uint16_t hash14, const struct dp_steer *steer, enum wire_journey journey)
{
	struct rte_mbuf *m = b->pkt[i];
	const uint8_t *ip = b->ip[i];
	bool v6 = wire_ip_is_v6(ip);
	uint16_t length = b->length[i], room = (uint16_t)(ip - (const uint8_t *)m->buf_addr);
	if (length > way->straight || m->nb_segs != 1 || room < way->size || t->n == DP_BURST_MAX) {
		dp_burst_trim(b, i);
		dp_tunnel_wrap(w, t, m, way, hash14, steer, journey);
		return;
	}
	m->data_off = (uint16_t)(room - way->size);
	m->data_len = (uint16_t)(way->size + length);
	m->pkt_len = m->data_len;
	struct dp_encap_own own = {.steer = steer,
	    .sequence = dp_tunnel_sequence(w, &way->exit, hash14, m->data_len),
	    .time_us = w->wall_us,
	    .hash14 = hash14,
	    .length = length,
	    .type = v6 ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4,
	    .tos = v6 ? wire_ip_tos(ip) : ip[1]};
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	dp_encap_put(at, way, &own);
	dp_tunnel_add(t, m, &way->exit, at + way->exit.size, way->covered, journey, true);
}

/* The same for a packet that is wrapped already, whose data starts at the UDP header before `overlay`: puts the link's own
 * headers in front, with `tos`, and a new sequence, time and key into the overlay. */
enum wire_drop dp_tunnel_seal(struct dp_worker *w, struct dp_tunnel *t, struct rte_mbuf *m, const struct lb_link *link,
    uint16_t hash14, uint8_t tos, const struct dp_overlay *overlay, enum wire_journey journey);

/* dp_tunnel_seal() for packet i of a burst, from its outer UDP header on; in a straight line if it may go straight on. */
static inline void dp_tunnel_pass(struct dp_worker *w, struct dp_tunnel *t, struct dp_burst *b, unsigned i,
    const struct dp_exit *exit, uint16_t hash14, enum wire_journey journey)
{
	struct rte_mbuf *m = b->pkt[i];
	const struct dp_overlay *o = &b->overlay[i];
	uint8_t *udp = b->l4[i], tos = wire_ip_tos(b->ip[i]); /* which stays, as in any router */
	uint16_t length = dp_burst_l4_length(b, i), room = (uint16_t)(udp - (uint8_t *)m->buf_addr);
	uint16_t outer = (uint16_t)(exit->size - sizeof(struct wire_ether) + length);
	if (outer > exit->mtu || m->nb_segs != 1 || room < exit->size || t->n == DP_BURST_MAX) {
		b->ip[i] = udp;
		b->length[i] = length;
		dp_burst_trim(b, i);
		dp_tunnel_seal(w, t, m, exit->link, hash14, tos, o, journey);
		return;
	}
	m->data_off = (uint16_t)(room - exit->size);
	m->data_len = (uint16_t)(exit->size + length);
	m->pkt_len = m->data_len;
	dp_exit_put(exit, udp - exit->size, tos, length);
	dp_overlay_stamp(o, dp_tunnel_sequence(w, exit, hash14, m->data_len), w->wall_us);
	dp_overlay_put_epoch(o, exit->key->row.key_id, exit->epoch);
	dp_tunnel_add(t, m, exit, udp, o->covered, journey, true);
}

/* Makes the tags and sends what waits. */
void dp_tunnel_flush(struct dp_worker *w, struct dp_tunnel *t);
