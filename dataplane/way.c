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

#define KEPT    16u  /* of each kind but these: most POPs have fewer neighbours; a power of two */
#define COURSES 64u  /* some twenty POPs in three classes */
#define PLACES  256u /* some hundred VIPs */

_Static_assert(DP_WAY_HEADER >= sizeof(struct wire_ether) + WIRE_OVERLAY_HEADROOM, "the longest header fits");
_Static_assert(DP_FRAME_MAX >= sizeof(struct wire_ether) + sizeof(struct wire_ipv6), "so does this");

/* To a POP in a class. */
struct course {
	uint32_t to; /* POP and class, + 1; 0: nothing is kept here */
	const struct lb_path *path;
	struct dp_way way[LB_ACTIVE_NONE]; /* enum lb_active */
};

/* An address that is unset, or that of nothing we know, is of no packet's. */
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
	struct dp_exit exit[KEPT];
	struct course course[COURSES];
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
		ways->exit[i].link = NULL;
	}
	for (unsigned i = 0; i < COURSES; i++)
		ways->course[i].to = 0;
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

static void build_exit(struct dp_worker *w, struct dp_exit *exit, const struct lb_link *link)
{
	*exit = (struct dp_exit){.link = link,
	    .key = lb_snapshot_tx_key(w->snapshot, link->row.to_pop),
	    .counters = dp_link_find(w->overlay, link->row.link),
	    .adjacency = dp_fib_lookup(w, &link->row.remote)};
	if (exit->key && exit->counters && exit->adjacency && exit->adjacency->resolved)
		exit->mtu = exit->adjacency->mtu;
	build_frame(exit);
}

static struct dp_exit *exit_of(struct dp_worker *w, const struct lb_link *link)
{
	struct dp_exit *e = &w->ways->exit[link->slot % KEPT];
	if (e->link != link)
		build_exit(w, e, link);
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

static void build_way(struct dp_worker *w, struct dp_way *way, const struct lb_leg *leg)
{
	struct dp_encap e = {.local = leg->first->row.local, .remote = leg->first->row.remote, .n_hops = leg->count};
	memcpy(e.hop, leg->hop, sizeof(e.hop));
	build_exit(w, &way->exit, leg->first);
	struct dp_overlay o = dp_encap_write(way->header + sizeof(struct wire_ether), &e);
	memcpy(way->header, way->exit.frame, way->exit.size);
	if (way->exit.key)
		o.auth->key_id = way->exit.key->row.key_id;
	dp_overlay_put_epoch(&o, dp_shared(w)->epoch);
	way->room = (uint16_t)(leg->mtu - dp_encap_size(false, leg->count));
	way->size = (uint16_t)(sizeof(struct wire_ether) + dp_encap_size(!wire_addr_is_v4(&e.local), leg->count));
	way->covered = o.covered;
	way->geneve = at(way, o.geneve);
	way->path = at(way, o.path);
	way->steer = at(way, o.steer);
	way->telemetry = at(way, o.telemetry);
	way->auth = at(way, o.auth);
	way->leg = leg;
}

static void build_course(struct dp_worker *w, struct course *c, uint16_t to_pop, uint8_t class)
{
	c->to = ((uint32_t)to_pop << 8 | class) + 1;
	c->path = lb_snapshot_path(w->snapshot, to_pop, class);
	for (unsigned which = 0; which < LB_ACTIVE_NONE; which++)
		c->way[which].leg = NULL;
}

const struct dp_way *dp_ways_towards(struct dp_worker *w, uint16_t to_pop, uint8_t class, bool *ret_backup)
{
	struct course *c = &w->ways->course[(to_pop + 5u * class) % COURSES];
	if (c->to != ((uint32_t)to_pop << 8 | class) + 1)
		build_course(w, c, to_pop, class);
	const struct lb_leg *leg = c->path ? lb_path_pick(c->path, w->snapshot->active) : NULL;
	if (!leg || !leg->count)
		return NULL;
	*ret_backup = leg == &c->path->leg[LB_ACTIVE_BACKUP];
	struct dp_way *way = &c->way[*ret_backup ? LB_ACTIVE_BACKUP : LB_ACTIVE_PRIMARY];
	if (!way->leg)
		build_way(w, way, leg);
	return way;
}
