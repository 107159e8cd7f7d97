/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/way.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/overlay.h"
#include "lb/snapshot.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

_Static_assert(DP_WAY_HEADER >= sizeof(struct wire_ether) + WIRE_OVERLAY_HEADROOM, "the longest header fits");
_Static_assert(DP_FRAME_MAX >= sizeof(struct wire_ether) + sizeof(struct wire_ipv6), "so does this");

int dp_ways_create(struct dp_ways **ret_ways)
{
	struct dp_ways *ways = calloc(1, sizeof(*ways));
	if (!ways)
		return -ENOMEM;
	*ret_ways = ways;
	return 0;
}

void dp_ways_destroy(struct dp_ways *ways)
{
	free(ways);
}

void dp_ways_forget(struct dp_ways *ways)
{
	for (unsigned i = 0; i < DP_WAYS_PLACES; i++)
		ways->place[i].known = false;
	for (unsigned i = 0; i < DP_WAYS_KEPT; i++) {
		ways->link[i].known = false;
		ways->next[i] = (struct dp_kept_next){0, NULL};
		ways->exit[i].link = NULL;
	}
	for (unsigned i = 0; i < DP_WAYS_COURSES; i++)
		ways->course[i].to = 0;
	memset(ways->endpoint, 0, sizeof(ways->endpoint));
}

static enum dp_place find_place(const struct lb_snapshot *s, const struct wire_addr *address)
{
	if (lb_snapshot_vip(s, address))
		return DP_PLACE_VIP;
	return lb_snapshot_nat(s, address) ? DP_PLACE_NAT : DP_PLACE_OTHER;
}

void dp_ways_find_place(struct dp_worker *w, struct dp_kept_place *p, const struct wire_addr *address)
{
	*p = (struct dp_kept_place){*address, true, (uint8_t)find_place(w->snapshot, address)};
}

void dp_ways_find_endpoint(struct dp_worker *w, struct dp_kept_endpoint *k, uint32_t endpoint)
{
	const struct lb_endpoint *known = lb_snapshot_endpoint(w->snapshot, endpoint);
	*k = (struct dp_kept_endpoint){endpoint, known && known->row.state == WIRE_ENDPOINT_DOWN};
}

void dp_ways_find_link(
    struct dp_worker *w, struct dp_kept_link *k, const struct wire_addr *local, const struct wire_addr *remote)
{
	*k = (struct dp_kept_link){*local, *remote, true, lb_snapshot_link_by_address(w->snapshot, local, remote)};
}

const struct lb_link *dp_ways_next(struct dp_worker *w, const struct wire_path_hop *hop)
{
	uint32_t word;
	memcpy(&word, hop, sizeof(word));
	struct dp_kept_next *n = &w->ways->next[word * 0x9e3779b1u >> 16 & (DP_WAYS_KEPT - 1)];
	if (n->hop != word)
		*n = (struct dp_kept_next){word, lb_snapshot_link_by_ends(w->snapshot, w->snapshot->self,
		                                     hop->local_link, wire_be16(&hop->pop), hop->remote_link)};
	return n->link;
}

/* The frame ends at `size`: outer IP header, and Ethernet's before it where the neighbour is known. */
static void build_frame(struct dp_exit *exit)
{
	const struct wire_addr *local = &exit->link->row.local;
	bool v6 = !wire_addr_is_v4(local);
	uint8_t *ip = exit->frame + sizeof(struct wire_ether);
	exit->size = (uint16_t)(sizeof(struct wire_ether) + wire_ip_header_size(v6));
	dp_outer_write(ip, 0, 0, local, &exit->link->row.remote);
	if (exit->mtu) {
		struct wire_ether *ether = (struct wire_ether *)exit->frame;
		*ether = exit->adjacency->ether;
		wire_put_be16(&ether->type, wire_ip_ethertype(ip));
	}
	if (!v6) {
		struct wire_ipv4 *v4 = (struct wire_ipv4 *)ip;
		v4->total_length = v4->checksum = 0;
		exit->sum = wire_csum_fold(wire_csum_add(0, v4, sizeof(*v4)));
	}
}

void dp_ways_build_exit(struct dp_worker *w, struct dp_exit *exit, const struct lb_link *link)
{
	*exit = (struct dp_exit){.link = link,
	    .key = lb_snapshot_tx_key(w->snapshot, link->row.to_pop),
	    .counters = dp_link_find(w->overlay, link->row.link),
	    .adjacency = dp_fib_lookup(w, &link->row.remote),
	    .epoch = dp_shared(w)->epoch};
	if (exit->key && exit->counters && exit->adjacency && exit->adjacency->resolved)
		exit->mtu = exit->adjacency->mtu;
	build_frame(exit);
}

static uint16_t at(const struct dp_way *way, const void *part)
{
	return (uint16_t)((const uint8_t *)part - way->header);
}

static void build_way(struct dp_worker *w, struct dp_way *way, const struct lb_leg *leg)
{
	struct dp_encap e = {.local = leg->first->row.local, .remote = leg->first->row.remote, .n_hops = leg->count};
	memcpy(e.hop, leg->hop, sizeof(e.hop));
	dp_ways_build_exit(w, &way->exit, leg->first);
	struct dp_overlay o = dp_encap_write(way->header + sizeof(struct wire_ether), &e);
	memcpy(way->header, way->exit.frame, way->exit.size);
	dp_overlay_put_epoch(&o, way->exit.key ? way->exit.key->row.key_id : 0, dp_shared(w)->epoch);
	way->room = (uint16_t)(leg->mtu - dp_encap_size(false, leg->count));
	way->size = (uint16_t)(sizeof(struct wire_ether) + dp_encap_size(!wire_addr_is_v4(&e.local), leg->count));
	uint16_t outer = (uint16_t)(way->size - sizeof(struct wire_ether));
	way->straight = way->exit.mtu > outer ? (uint16_t)(way->exit.mtu - outer) : 0;
	if (way->straight > way->room)
		way->straight = way->room;
	way->covered = o.covered;
	way->geneve = at(way, o.geneve);
	way->path = at(way, o.path);
	way->steer = at(way, o.steer);
	way->telemetry = at(way, o.telemetry);
	way->auth = at(way, o.auth);
	way->leg = leg;
}

void dp_ways_build_course(struct dp_worker *w, struct dp_course *c, uint16_t to_pop, uint8_t class)
{
	static const uint8_t none = LB_ACTIVE_NONE;
	const struct lb_path *path = lb_snapshot_path(w->snapshot, to_pop, class);
	*c = (struct dp_course){
	    .to = dp_course_to(to_pop, class), .active = path ? &w->snapshot->active[path->slot] : &none};
	for (unsigned which = 0; path && which < LB_ACTIVE_NONE; which++)
		if (path->leg[which].count) {
			build_way(w, &c->way[which], &path->leg[which]);
			c->along[which] = &c->way[which];
		}
}
