/* SPDX-License-Identifier: BSD-2-Clause */
/* A small cluster to test with: POP 1 is ours, 2 a relay, 3 the egress near two endpoints.
 *
 *   1 --link 10--> 2 --link 11--> 3        1 --link 12--> 3 (direct)        1 --link 13--> 2 (second provider) */
#pragma once

#include <string.h>

#include "lb/change.h"
#include "wire/packet.h"

static inline struct wire_addr addr(unsigned a, unsigned b, unsigned c, unsigned d)
{
	uint8_t bytes[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};
	return wire_addr_from_v4(bytes);
}

/* The leg in use, or NULL. */
static inline const struct lb_leg *leg_in_use(const struct lb_path *path, const uint8_t active[])
{
	return active[path->slot] < LB_ACTIVE_NONE ? &path->leg[active[path->slot]] : NULL;
}

#define THE_VIP addr(203, 0, 113, 10)

/* Upserts or deletes a row given by its designated fields; the first error stays in *error. */
#define UPSERT(change, error, OBJECT, type, ...)                                                                       \
	lb_change_upsert(                                                                                              \
	    change, WIRE_OBJ_##OBJECT, &(struct wire_ctl_##type){__VA_ARGS__}, sizeof(struct wire_ctl_##type), error)
#define DELETE(change, error, OBJECT, type, ...)                                                                       \
	lb_change_delete(                                                                                              \
	    change, WIRE_OBJ_##OBJECT, &(struct wire_ctl_##type){__VA_ARGS__}, sizeof(struct wire_ctl_##type), error)

static inline struct wire_ctl_settings cluster_settings(uint16_t pop)
{
	return (struct wire_ctl_settings){.pop = pop,
	    .keepalive_interval_us = 10000,
	    .keepalive_dead = 3,
	    .tcp_syn_ms = 10000,
	    .tcp_established_ms = 7200000,
	    .tcp_closing_ms = 10000,
	    .udp_ms = 60000};
}

static inline void cluster_links(struct lb_change *c, struct wire_ctl_error *e)
{
	UPSERT(c, e, LINK, link, .link = 10, .from_pop = 1, .to_pop = 2, .mtu = 1500, .local = addr(10, 1, 0, 2),
	    .remote = addr(10, 2, 0, 2));
	UPSERT(c, e, LINK, link, .link = 11, .from_pop = 2, .to_pop = 3, .local_link = 1);
	UPSERT(c, e, LINK, link, .link = 12, .from_pop = 1, .to_pop = 3, .mtu = 1400, .local = addr(10, 1, 0, 2),
	    .remote = addr(10, 3, 0, 2));
	UPSERT(c, e, LINK, link, .link = 13, .from_pop = 1, .to_pop = 2, .local_link = 1, .mtu = 1500,
	    .local = addr(10, 1, 1, 2), .remote = addr(10, 2, 0, 2));
	UPSERT(c, e, KEY, key, .pop = 2, .direction = WIRE_KEY_TX, .key_id = 1, .secret = {1});
	UPSERT(c, e, KEY, key, .pop = 2, .direction = WIRE_KEY_TX, .key_id = 2, .secret = {2});
	UPSERT(c, e, KEY, key, .pop = 2, .direction = WIRE_KEY_RX, .key_id = 1, .secret = {3});
	UPSERT(c, e, PATH, path, .to_pop = 3, .n_primary = 2, .primary = {10, 11}, .primary_mtu = 1500, .n_backup = 1,
	    .backup = {12}, .backup_mtu = 1400);
	UPSERT(c, e, PATH, path, .to_pop = 2, .n_primary = 1, .primary = {10}, .primary_mtu = 1500);
}

static inline void cluster_service(struct lb_change *c, struct wire_ctl_error *e)
{
	UPSERT(c, e, VIP, vip, .address = THE_VIP, .accelerator = 0x010209);
	UPSERT(c, e, GROUP, group, .group = 1, .egress_pop = 3, .candidate = {2});
	UPSERT(c, e, GROUP, group, .group = 2, .egress_pop = 1);
	UPSERT(c, e, LISTENER, listener, .listener = 1, .accelerator = 0x010209, .vip = THE_VIP,
	    .protocol = WIRE_PROTO_TCP, .port_lo = 443, .port_hi = 443, .n_shares = 2,
	    .share = {{1, 49152}, {2, 16384}});
	UPSERT(c, e, LISTENER, listener, .listener = 2, .accelerator = 0x010209, .vip = THE_VIP,
	    .protocol = WIRE_PROTO_TCP, .port_lo = 8000, .port_hi = 8099, .n_shares = 1, .share = {{1, 65536}},
	    .affinity = WIRE_AFFINITY_SOURCE_IP);
	UPSERT(c, e, LISTENER, listener, .listener = 3, .accelerator = 0x010209, .vip = THE_VIP,
	    .protocol = WIRE_PROTO_UDP, .port_lo = 443, .port_hi = 444, .n_shares = 1, .share = {{1, 65536}},
	    .class = 2);
	UPSERT(c, e, ENDPOINT, endpoint, .endpoint = 1, .group = 1, .address = addr(198, 51, 100, 10), .port = 8443,
	    .weight = 128);
	UPSERT(c, e, ENDPOINT, endpoint, .endpoint = 2, .group = 1, .address = addr(198, 51, 100, 11), .port = 8443,
	    .weight = 128);
	UPSERT(c, e, ENDPOINT, endpoint, .endpoint = 3, .group = 2, .address = addr(198, 51, 100, 20), .port = 80,
	    .weight = 1);
	UPSERT(c, e, NAT, nat, .address = addr(10, 3, 1, 1), .port_lo = 1024, .port_hi = 65535);
	UPSERT(c, e, ADJACENCY, adjacency, .adjacency = 1, .mtu = 1500);
}

static inline void cluster_rows(struct lb_change *c, struct wire_ctl_error *e)
{
	struct wire_ctl_settings settings = cluster_settings(1);
	lb_change_upsert(c, WIRE_OBJ_SETTINGS, &settings, sizeof(settings), e);
	UPSERT(c, e, POP, pop, .pop = 1, .name = "sgp1");
	UPSERT(c, e, POP, pop, .pop = 2, .name = "dxb1");
	UPSERT(c, e, POP, pop, .pop = 3, .name = "fra1");
	cluster_links(c, e);
	cluster_service(c, e);
}

/* The cluster by a FULL transaction on `previous`; NULL if refused. */
static inline struct lb_snapshot *cluster(struct lb_snapshot *previous)
{
	struct wire_ctl_error error = {0};
	struct lb_change *change;
	struct lb_snapshot *s = NULL;
	if (lb_change_begin(previous, true, NULL, &change))
		return NULL;
	cluster_rows(change, &error);
	lb_change_commit(change, 1, &s, &error);
	lb_change_free(change);
	return s;
}
