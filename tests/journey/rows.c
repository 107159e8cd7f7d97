/* SPDX-License-Identifier: BSD-2-Clause */
/* What kuafud would tell the data plane of each POP: the rows of the world in world.h. */
#include <stdio.h>
#include <string.h>

#include "tests/journey/check.h"
#include "tests/journey/rows.h"

const uint8_t *secret_of(enum pop from, enum pop to)
{
	static uint8_t secret[POPS + 1][POPS + 1][16];
	for (unsigned i = 0; i < 16; i++)
		secret[from][to][i] = (uint8_t)(from * 16 + to + 3 * i);
	return secret[from][to];
}

static struct wire_addr addr(const char *text)
{
	return end_of(text).address;
}

const char *link_address(enum pop pop, enum pop other)
{
	static const char *const v4[] = {"", "10.1.0.2", "10.2.0.2", "10.3.0.2"}, *const v6[] = {"", "2001:db8:1::2",
	                                                                              "2001:db8:2::2", "2001:db8:3::2"};
	enum underlay under = world_underlay();
	bool six = under == UNDER_V6 || (under == UNDER_BOTH && (pop == FRA1 || other == FRA1));
	return six ? v6[pop] : v4[pop];
}

static struct lb_change *open_change; /* that the rows go into */

static void upsert(enum wire_ctl_object object, const void *row, size_t size)
{
	struct wire_ctl_error why = {0};
	int result = lb_change_upsert(open_change, object, row, size, &why);
	CHECK(result == 0, "object %d: %s", object, why.text);
}

static void put_links(enum pop self)
{
	for (unsigned from = 1; from <= POPS; from++) {
		for (unsigned to = 1; to <= POPS; to++) {
			if (from == to)
				continue;
			struct wire_ctl_link l = {
			    .link = LINK(from, to), .from_pop = (uint16_t)from, .to_pop = (uint16_t)to};
			l.local_link = (uint8_t)(10 + from);
			l.remote_link = (uint8_t)(10 + to);
			l.mtu = world_mtu();
			l.local = addr(link_address(from, to));
			l.remote = addr(link_address(to, from));
			upsert(WIRE_OBJ_LINK, &l, sizeof(l));
			if (from != self && to != self)
				continue;
			struct wire_ctl_key k = {.key_id = 1, .direction = from == self ? WIRE_KEY_TX : WIRE_KEY_RX};
			k.pop = (uint16_t)(from == self ? to : from);
			memcpy(k.secret, secret_of(from, to), 16);
			upsert(WIRE_OBJ_KEY, &k, sizeof(k));
		}
	}
}

/* Along the first list of POPs, backup along the second; 0 ends. */
static void put_path(enum pop self, enum pop to, const unsigned primary[3], const unsigned backup[3])
{
	uint16_t mtu = (uint16_t)(world_mtu() - (world_underlay() == UNDER_V4 ? 0 : WIRE_CTL_V6_EXTRA));
	struct wire_ctl_path p = {.to_pop = (uint16_t)to, .primary_mtu = mtu, .backup_mtu = mtu};
	for (unsigned at = self, i = 0; i < 3 && primary[i]; at = primary[i++])
		p.primary[p.n_primary++] = LINK(at, primary[i]);
	for (unsigned at = self, i = 0; i < 3 && backup[i]; at = backup[i++])
		p.backup[p.n_backup++] = LINK(at, backup[i]);
	upsert(WIRE_OBJ_PATH, &p, sizeof(p));
}

static void put_paths(enum pop self)
{
	unsigned far = 4 - self; /* sgp1 and fra1 are each other's */
	if (self == DXB1) {
		put_path(self, SGP1, (unsigned[3]){SGP1}, (unsigned[3]){FRA1, SGP1});
		put_path(self, FRA1, (unsigned[3]){FRA1}, (unsigned[3]){SGP1, FRA1});
	} else {
		put_path(self, DXB1, (unsigned[3]){DXB1}, (unsigned[3]){far, DXB1});
		put_path(self, far, (unsigned[3]){DXB1, far}, (unsigned[3]){far});
	}
}

struct wire_ctl_endpoint endpoint_row(uint32_t id, const char *at)
{
	struct end e = end_of(at);
	return (struct wire_ctl_endpoint){.endpoint = id,
	    .group = 5,
	    .address = e.address,
	    .port = e.port,
	    .weight = 100,
	    .mode = WIRE_MODE_NAT,
	    .state = WIRE_ENDPOINT_UP};
}

struct wire_ctl_group group_row(uint16_t egress)
{
	return (struct wire_ctl_group){.group = 5, .egress_pop = egress};
}

struct wire_ctl_listener listener_row(uint32_t id, const char *vip, uint8_t protocol, uint16_t port)
{
	struct wire_ctl_listener l = {.listener = id, .accelerator = 7, .vip = addr(vip), .protocol = protocol};
	l.port_lo = l.port_hi = port;
	l.n_shares = 1;
	l.share[0] = (struct wire_ctl_share){.group = 5, .weight = 65536};
	return l;
}

static void put_listener(uint32_t id, const char *vip, uint8_t protocol, uint16_t port)
{
	struct wire_ctl_listener l = listener_row(id, vip, protocol, port);
	upsert(WIRE_OBJ_LISTENER, &l, sizeof(l));
}

static void put_pool(const char *format, enum pop self)
{
	char text[32];
	snprintf(text, sizeof(text), format, self);
	struct wire_ctl_nat pool = {.address = addr(text), .port_lo = 1024, .port_hi = 65535};
	upsert(WIRE_OBJ_NAT, &pool, sizeof(pool));
}

static void put_service(enum pop self)
{
	struct wire_ctl_group group = group_row(FRA1);
	struct wire_ctl_endpoint endpoint = endpoint_row(100, ENDPOINT ":8443");
	const char *const vips[2] = {VIP, VIP6};
	for (unsigned v = 0; v < 2; v++) {
		struct wire_ctl_vip vip = {.address = addr(vips[v]), .accelerator = 7};
		upsert(WIRE_OBJ_VIP, &vip, sizeof(vip));
		put_listener(1 + 2 * v, vips[v], WIRE_PROTO_TCP, 443);
		put_listener(2 + 2 * v, vips[v], WIRE_PROTO_UDP, 53);
	}
	upsert(WIRE_OBJ_GROUP, &group, sizeof(group));
	upsert(WIRE_OBJ_ENDPOINT, &endpoint, sizeof(endpoint));
	put_pool("10.%u.1.1", self);
	put_pool("2001:db8:%u::1:1", self);
}

void put_everything(struct lb_change *change, enum pop self)
{
	open_change = change;
	static const char *const names[] = {"", "sgp1", "dxb1", "fra1"};
	struct wire_ctl_settings settings = {.pop = (uint16_t)self,
	    .keepalive_interval_us = KEEPALIVE_US,
	    .keepalive_dead = DEAD,
	    .tcp_syn_ms = 5000,
	    .tcp_established_ms = 300000,
	    .tcp_closing_ms = 10000,
	    .udp_ms = 30000};
	upsert(WIRE_OBJ_SETTINGS, &settings, sizeof(settings));
	for (unsigned pop = 1; pop <= POPS; pop++) {
		struct wire_ctl_pop row = {.pop = (uint16_t)pop};
		snprintf(row.name, sizeof(row.name), "%s", names[pop]);
		upsert(WIRE_OBJ_POP, &row, sizeof(row));
	}
	put_links(self);
	put_paths(self);
	put_service(self);
}
