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

#define KEPT   16u  /* of each kind but places: most POPs have fewer neighbours; a power of two */
#define PLACES 256u /* some hundred VIPs */

_Static_assert(DP_WAY_HEADER >= WIRE_OVERLAY_HEADROOM, "the longest header fits");

struct course {
	uint32_t to; /* POP and class, + 1; 0: nothing is kept here */
	const struct lb_path *path;
};

struct place {
	struct wire_addr address;
	bool known;
	uint8_t what; /* enum dp_place */
};

struct entry {
	struct wire_addr local;
	struct wire_addr remote;
	bool known;
	const struct lb_link *link;
};

struct next {
	uint32_t hop; /* as it stands in PATH; 0: nothing is kept here, and there is no POP 0 */
	const struct lb_link *link;
};

struct dp_ways {
	struct place place[PLACES];
	struct entry entry[KEPT];
	struct next next[KEPT];
	struct course course[KEPT];
	struct dp_exit exit[KEPT];
	struct dp_way way[KEPT];
};

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
	for (unsigned i = 0; i < PLACES; i++)
		ways->place[i].known = false;
	for (unsigned i = 0; i < KEPT; i++) {
		ways->entry[i].known = false;
		ways->next[i] = (struct next){0, NULL};
		ways->course[i].to = 0;
		ways->exit[i].link = NULL;
		ways->way[i].leg = NULL;
	}
}

static unsigned slot_of(const struct wire_addr *a, unsigned slots)
{
	return (unsigned)(lb_hash_word(a->bytes + 8) * 0x9e3779b97f4a7c15u >> 32) % slots;
}

static enum dp_place find_place(const struct lb_snapshot *s, const struct wire_addr *address)
{
	if (lb_snapshot_vip(s, address))
		return DP_PLACE_VIP;
	return lb_snapshot_nat(s, address) ? DP_PLACE_NAT : DP_PLACE_OTHER;
}

enum dp_place dp_ways_place(struct dp_worker *w, const struct wire_addr *address)
{
	struct place *p = &w->ways->place[slot_of(address, PLACES)];
	if (!p->known || !wire_addr_equal(&p->address, address))
		*p = (struct place){*address, true, (uint8_t)find_place(w->snapshot, address)};
	return p->what;
}

const struct lb_link *dp_ways_link(struct dp_worker *w, const struct wire_addr *local, const struct wire_addr *remote)
{
	struct entry *e = &w->ways->entry[slot_of(remote, KEPT)];
	if (!e->known || !wire_addr_equal(&e->remote, remote) || !wire_addr_equal(&e->local, local))
		*e = (struct entry){*local, *remote, true, lb_snapshot_link_by_address(w->snapshot, local, remote)};
	return e->link;
}

const struct lb_link *dp_ways_next(struct dp_worker *w, const struct wire_path_hop *hop)
{
	uint32_t word;
	memcpy(&word, hop, sizeof(word));
	struct next *n = &w->ways->next[word * 0x9e3779b1u >> 16 & (KEPT - 1)];
	if (n->hop != word)
		*n = (struct next){word, lb_snapshot_link_by_ends(w->snapshot, w->snapshot->self, hop->local_link,
		                             wire_be16(&hop->pop), hop->remote_link)};
	return n->link;
}

const struct lb_path *dp_ways_path(struct dp_worker *w, uint16_t to_pop, uint8_t class)
{
	struct course *c = &w->ways->course[(to_pop + 5u * class) % KEPT];
	uint32_t to = ((uint32_t)to_pop << 8 | class) + 1;
	if (c->to != to)
		*c = (struct course){to, lb_snapshot_path(w->snapshot, to_pop, class)};
	return c->path;
}

static struct dp_exit find_exit(struct dp_worker *w, const struct lb_link *link)
{
	return (struct dp_exit){.link = link,
	    .key = lb_snapshot_tx_key(w->snapshot, link->row.to_pop),
	    .counters = dp_link_find(w->overlay, link->row.link),
	    .adjacency = dp_fib_lookup(w, &link->row.remote)};
}

static struct dp_exit *exit_of(struct dp_worker *w, const struct lb_link *link)
{
	struct dp_exit *e = &w->ways->exit[link->slot % KEPT];
	if (e->link != link)
		*e = find_exit(w, link);
	return e;
}

const struct dp_exit *dp_ways_exit(struct dp_worker *w, const struct lb_link *link)
{
	return exit_of(w, link);
}

const struct lb_key *dp_ways_rx_key(struct dp_worker *w, const struct lb_link *link, uint8_t key_id)
{
	struct dp_exit *e = exit_of(w, link);
	if (!e->rx_key || e->rx_key->row.key_id != key_id)
		e->rx_key = lb_snapshot_rx_key(w->snapshot, link->row.to_pop, key_id);
	return e->rx_key;
}

static uint16_t at(const struct dp_way *way, const void *part)
{
	return (uint16_t)((const uint8_t *)part - way->header);
}

static void build(struct dp_worker *w, struct dp_way *way, const struct lb_leg *leg)
{
	struct dp_encap e = {.local = leg->first->row.local, .remote = leg->first->row.remote, .n_hops = leg->count};
	memcpy(e.hop, leg->hop, sizeof(e.hop));
	way->exit = find_exit(w, leg->first);
	way->size = dp_encap_size(!wire_addr_is_v4(&e.local), leg->count);
	struct dp_overlay o = dp_encap_write(way->header, &e);
	if (way->exit.key)
		o.auth->key_id = way->exit.key->row.key_id;
	dp_overlay_put_epoch(&o, dp_shared(w)->epoch);
	way->covered = o.covered;
	way->geneve = at(way, o.geneve);
	way->udp = (uint16_t)(way->geneve - sizeof(struct wire_udp));
	way->path = at(way, o.path);
	way->steer = at(way, o.steer);
	way->telemetry = at(way, o.telemetry);
	way->auth = at(way, o.auth);
	if (!wire_ip_is_v6(way->header)) {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)way->header;
		ip->total_length = ip->checksum = 0;
		ip->tos = 0;
		way->sum = wire_csum_fold(wire_csum_add(0, ip, sizeof(*ip)));
	}
	way->leg = leg;
}

const struct dp_way *dp_ways_along(struct dp_worker *w, const struct lb_leg *leg)
{
	struct dp_way *way = &w->ways->way[(uintptr_t)leg / sizeof(*leg) % KEPT];
	if (way->leg != leg)
		build(w, way, leg);
	return way;
}
