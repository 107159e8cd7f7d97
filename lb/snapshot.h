/* SPDX-License-Identifier: BSD-2-Clause */
/* The forwarding state: one immutable root over shared, reference-counted parts.
 *
 * Invariants:
 * - Nothing reachable from a snapshot changes while it lives, but for `active`, which the owner of the link states,
 *   worker 0, rewrites when a link changes (lb/path.h).
 * - Every reference between parts resolves within the snapshot; lb/change.h refuses what would not.
 * - Making, holding and putting snapshots is one thread's business. Workers only read; the last put must wait until
 *   no worker reads any more (the data plane's QSBR says when).
 *
 * Routes are not here: the data plane keeps them in a longest-prefix table of its own. Adjacencies are. */
#pragma once

#include "lb/group.h"
#include "lb/hash.h"
#include "lb/listener.h"
#include "lb/map.h"
#include "lb/path.h"
#include "lb/quic.h"
#include "lb/state.h"

enum lb_part {
	LB_PART_POP,
	LB_PART_LINK,
	LB_PART_LINK_BY_ADDRESS, /* (local, remote) -> link that leaves this POP */
	LB_PART_LINK_BY_ENDS,    /* (from, local link, to, remote link) -> link */
	LB_PART_KEY,
	LB_PART_SENDER, /* POP -> TX key with the highest id */
	LB_PART_PATH,
	LB_PART_VIP,
	LB_PART_LISTENER,
	LB_PART_PORTS, /* (VIP, protocol) -> ranges */
	LB_PART_GROUP,
	LB_PART_ENDPOINT,
	LB_PART_NAT,
	LB_PART_ADJACENCY,
	LB_PART_QUIC,
	LB_PARTS
};

/* Bitmap of slots in use, so that a link or path keeps its slot from snapshot to snapshot. */
struct lb_slots {
	uint64_t used[LB_MAX_LINKS / 64];
};
_Static_assert(LB_MAX_PATHS <= LB_MAX_LINKS, "one shape of bitmap for both");

struct lb_snapshot {
	uint32_t refs;
	uint16_t self;   /* our POP */
	bool configured; /* SETTINGS have come */
	uint64_t generation;
	struct wire_ctl_settings settings;
	struct lb_timeouts timeouts;
	struct lb_map *part[LB_PARTS]; /* iterate with lb_map_next() */
	struct lb_table_pool *tables;
	uint8_t *active; /* enum lb_active by path slot */
	uint32_t active_size;
	struct lb_slots link_slots;
	struct lb_slots path_slots;
};

struct lb_snapshot *lb_snapshot_hold(struct lb_snapshot *s);
/* Frees it, and the parts that no other snapshot shares, with the last holder. NULL is nothing. */
void lb_snapshot_put(struct lb_snapshot *s);

static inline struct lb_map_key lb_key_id(uint32_t id)
{
	return (struct lb_map_key){.a = id};
}

static inline struct lb_map_key lb_key_address(const struct wire_addr *a, uint64_t more)
{
	return (struct lb_map_key){.a = lb_hash_word(a->bytes), .b = lb_hash_word(a->bytes + 8), .c = more};
}

static inline struct lb_map_key lb_key_ends(uint16_t from, uint8_t local_link, uint16_t to, uint8_t remote_link)
{
	return (struct lb_map_key){.a = from, .b = to, .c = (uint64_t)(local_link << 8 | remote_link)};
}

/* Two addresses in three words: the local one is folded into one word, and the accessor compares what it finds. */
struct lb_map_key lb_key_pair(const struct wire_addr *local, const struct wire_addr *remote);

static inline struct lb_map_key lb_key_path(uint16_t to_pop, uint8_t class)
{
	return lb_key_id((uint32_t)to_pop << 8 | class);
}

static inline struct lb_map_key lb_key_secret(uint16_t pop, uint8_t direction, uint8_t key_id)
{
	return (struct lb_map_key){.a = pop, .b = direction, .c = key_id};
}

/* ---- look-ups: NULL if it is not there; what they return lives as long as the snapshot ---- */

static inline const struct lb_pop *lb_snapshot_pop(const struct lb_snapshot *s, uint16_t pop)
{
	return lb_map_get(s->part[LB_PART_POP], lb_key_id(pop));
}

static inline const struct lb_link *lb_snapshot_link(const struct lb_snapshot *s, uint32_t id)
{
	return lb_map_get(s->part[LB_PART_LINK], lb_key_id(id));
}

/* Our link between our address and a neighbour's: whose packets these are. */
const struct lb_link *lb_snapshot_link_by_address(
    const struct lb_snapshot *s, const struct wire_addr *local, const struct wire_addr *remote);

/* The link that a hop or a flooded notice names; our own with from = s->self. */
static inline const struct lb_link *lb_snapshot_link_by_ends(
    const struct lb_snapshot *s, uint16_t from, uint8_t local_link, uint16_t to, uint8_t remote_link)
{
	return lb_map_get(s->part[LB_PART_LINK_BY_ENDS], lb_key_ends(from, local_link, to, remote_link));
}

static inline const struct lb_key *lb_snapshot_rx_key(const struct lb_snapshot *s, uint16_t from_pop, uint8_t key_id)
{
	return lb_map_get(s->part[LB_PART_KEY], lb_key_secret(from_pop, WIRE_KEY_RX, key_id));
}

/* The key to sign with towards a POP: of several the one with the highest id. */
static inline const struct lb_key *lb_snapshot_tx_key(const struct lb_snapshot *s, uint16_t to_pop)
{
	return lb_map_get(s->part[LB_PART_SENDER], lb_key_id(to_pop));
}

static inline const struct lb_path *lb_snapshot_path(const struct lb_snapshot *s, uint16_t to_pop, uint8_t class)
{
	return lb_map_get(s->part[LB_PART_PATH], lb_key_path(to_pop, class));
}

static inline const struct lb_vip *lb_snapshot_vip(const struct lb_snapshot *s, const struct wire_addr *address)
{
	return lb_map_get(s->part[LB_PART_VIP], lb_key_address(address, 0));
}

static inline const struct lb_listener *lb_snapshot_listener(
    const struct lb_snapshot *s, const struct wire_addr *vip, uint8_t protocol, uint16_t port)
{
	return lb_ports_find(lb_map_get(s->part[LB_PART_PORTS], lb_key_address(vip, protocol)), port);
}

static inline const struct lb_listener *lb_snapshot_listener_by_id(const struct lb_snapshot *s, uint32_t id)
{
	return lb_map_get(s->part[LB_PART_LISTENER], lb_key_id(id));
}

static inline const struct lb_group *lb_snapshot_group(const struct lb_snapshot *s, uint32_t id)
{
	return lb_map_get(s->part[LB_PART_GROUP], lb_key_id(id));
}

static inline const struct lb_endpoint *lb_snapshot_endpoint(const struct lb_snapshot *s, uint32_t id)
{
	return lb_map_get(s->part[LB_PART_ENDPOINT], lb_key_id(id));
}

static inline const struct lb_quic *lb_snapshot_quic(const struct lb_snapshot *s, uint32_t id)
{
	return lb_map_get(s->part[LB_PART_QUIC], lb_key_id(id));
}

static inline const struct lb_nat_address *lb_snapshot_nat(const struct lb_snapshot *s, const struct wire_addr *address)
{
	return lb_map_get(s->part[LB_PART_NAT], lb_key_address(address, 0));
}

static inline const struct lb_adjacency *lb_snapshot_adjacency(const struct lb_snapshot *s, uint32_t id)
{
	return lb_map_get(s->part[LB_PART_ADJACENCY], lb_key_id(id));
}
