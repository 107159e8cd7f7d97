/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/row.h"

#include <string.h>

#include "lb/change.h"
#include "lb/nat.h"

_Static_assert(LB_NAT_MAX_ADDRESSES == WIRE_CTL_MAX_NATS, "kuafud keeps to what the NAT can hold");
_Static_assert(LB_MAX_PATHS >= WIRE_CTL_MAX_POPS * WIRE_CTL_MAX_CLASSES, "every path that can be wanted");
_Static_assert(LB_MAX_KEYS >= 2 * WIRE_CTL_MAX_POPS, "a key each way");

#define VNI_MAX     0xffffffu
#define TIMEOUT_MAX (1u << 30) /* ms; see lb/state.h */

/* ---- keys ---- */

static uint32_t id_of(const void *row)
{
	uint32_t id;
	memcpy(&id, row, sizeof(id));
	return id;
}

static struct lb_map_key key_of_id(const void *row)
{
	return lb_key_id(id_of(row));
}

static void print_id(struct lb_line *line, const void *row)
{
	lb_line_number(line, id_of(row));
}

static struct lb_map_key key_of_address(const void *row)
{
	return lb_key_address(row, 0);
}

static void print_address(struct lb_line *line, const void *row)
{
	lb_line_address(line, row);
}

static struct lb_map_key key_of_pop(const void *row)
{
	return lb_key_id(((const struct wire_ctl_pop *)row)->pop);
}

static void print_pop(struct lb_line *line, const void *row)
{
	lb_line_number(line, ((const struct wire_ctl_pop *)row)->pop);
}

static struct lb_map_key key_of_secret(const void *row)
{
	const struct wire_ctl_key *k = row;
	return lb_key_secret(k->pop, k->direction, k->key_id);
}

static void print_secret(struct lb_line *line, const void *row)
{
	const struct wire_ctl_key *k = row;
	lb_line_number(line, k->key_id);
	lb_line_text(line, k->direction == WIRE_KEY_TX ? " to pop " : " from pop ");
	lb_line_number(line, k->pop);
}

static struct lb_map_key key_of_path(const void *row)
{
	const struct wire_ctl_path *p = row;
	return lb_key_path(p->to_pop, p->class);
}

static void print_path(struct lb_line *line, const void *row)
{
	const struct wire_ctl_path *p = row;
	lb_line_text(line, "to pop ");
	lb_line_number(line, p->to_pop);
	lb_line_text(line, " class ");
	lb_line_number(line, p->class);
}

static void print_nothing(struct lb_line *line, const void *row)
{
	(void)line;
	(void)row;
}

/* ---- fields ---- */

static int check_timeout(const char *field, uint32_t ms, struct lb_mistake *m)
{
	return ms >= 1 && ms < TIMEOUT_MAX ? 0 : lb_wrong_number(m, field, ms, "must be 1 .. 2^30 - 1 ms");
}

static int check_settings(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_settings *s = row;
	if (!s->pop)
		return lb_wrong_number(m, "pop", 0, "must be 1 .. 65535");
	if (!s->keepalive_interval_us)
		return lb_wrong_number(m, "keepalive_interval_us", 0, "must be at least 1");
	if (!s->keepalive_dead)
		return lb_wrong_number(m, "keepalive_dead", 0, "must be at least 1");
	int error = check_timeout("tcp_syn_ms", s->tcp_syn_ms, m);
	if (!error)
		error = check_timeout("tcp_established_ms", s->tcp_established_ms, m);
	if (!error)
		error = check_timeout("tcp_closing_ms", s->tcp_closing_ms, m);
	if (!error)
		error = check_timeout("udp_ms", s->udp_ms, m);
	return error;
}

static int check_pop(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_pop *p = row;
	if (!p->pop)
		return lb_wrong_number(m, "pop", 0, "must be 1 .. 65535");
	if (!p->name[0] || !memchr(p->name, 0, sizeof(p->name)))
		return lb_wrong_number(m, "name", 0, "must be 1 .. 31 bytes and end with a zero");
	return 0;
}

static int check_link(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_link *l = row;
	if (!l->from_pop)
		return lb_wrong_number(m, "from_pop", 0, "must be a POP");
	if (!l->to_pop || l->to_pop == l->from_pop)
		return lb_wrong_number(m, "to_pop", l->to_pop, "must be a POP other than from_pop");
	return 0;
}

static int check_key(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_key *k = row;
	if (k->direction > WIRE_KEY_RX)
		return lb_wrong_number(m, "direction", k->direction, "must be 0 (tx) or 1 (rx)");
	return 0;
}

static int check_path(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_path *p = row;
	if (p->class >= LB_CLASSES)
		return lb_wrong_number(m, "class", p->class, "must be 0 .. 7");
	if (!p->n_primary || p->n_primary > WIRE_PATH_MAX_HOPS)
		return lb_wrong_number(m, "n_primary", p->n_primary, "must be 1 .. 4");
	if (p->n_backup > WIRE_PATH_MAX_HOPS)
		return lb_wrong_number(m, "n_backup", p->n_backup, "must be 0 .. 4");
	if (p->primary_mtu < LB_MIN_MTU)
		return lb_wrong_number(m, "primary_mtu", p->primary_mtu, "must be at least 576");
	if (p->n_backup && p->backup_mtu < LB_MIN_MTU)
		return lb_wrong_number(m, "backup_mtu", p->backup_mtu, "must be at least 576");
	return 0;
}

static int check_vip(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_vip *v = row;
	if (wire_addr_is_unset(&v->address))
		return lb_wrong_address(m, "address", &v->address, "must be set");
	if (v->accelerator > VNI_MAX)
		return lb_wrong_number(m, "accelerator", v->accelerator, "must fit 24 bits");
	return 0;
}

static int check_shares(const struct wire_ctl_listener *l, struct lb_mistake *m)
{
	if (l->n_shares > WIRE_CTL_MAX_SHARES)
		return lb_wrong_number(m, "n_shares", l->n_shares, "must be 0 .. 8");
	for (uint32_t i = 0; i < l->n_shares; i++)
		if (l->share[i].weight > 65536)
			return lb_wrong_number(m, "share.weight", l->share[i].weight, "must be 0 .. 65536");
	return 0;
}

static int check_listener(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_listener *l = row;
	if (l->accelerator > VNI_MAX)
		return lb_wrong_number(m, "accelerator", l->accelerator, "must fit 24 bits");
	if (l->protocol != WIRE_PROTO_TCP && l->protocol != WIRE_PROTO_UDP)
		return lb_wrong_number(m, "protocol", l->protocol, "must be 6 (tcp) or 17 (udp)");
	if (l->class >= LB_CLASSES)
		return lb_wrong_number(m, "class", l->class, "must be 0 .. 7");
	if (l->affinity > WIRE_AFFINITY_SOURCE_IP)
		return lb_wrong_number(m, "affinity", l->affinity, "must be 0 or 1");
	if (l->client_ip > WIRE_CLIENT_IP_PROXY_V2)
		return lb_wrong_number(m, "client_ip", l->client_ip, "must be 0 .. 2");
	if (l->client_ip != WIRE_CLIENT_IP_NONE && l->protocol != WIRE_PROTO_TCP)
		return lb_wrong_number(m, "client_ip", l->client_ip, "must be 0 (none) unless protocol is 6 (tcp)");
	if (!l->port_lo || l->port_lo > l->port_hi)
		return lb_wrong_number(m, "port_lo", l->port_lo, "must be 1 .. port_hi");
	return check_shares(l, m);
}

static int check_group(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_group *g = row;
	if (!g->egress_pop)
		return lb_wrong_number(m, "egress_pop", 0, "must be a POP");
	for (unsigned i = 1; i < WIRE_STEER_MAX_CANDIDATES; i++)
		if (g->candidate[i] && !g->candidate[i - 1])
			return lb_wrong_number(m, "candidate", g->candidate[i], "must not follow a 0");
	return 0;
}

static int check_endpoint(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_endpoint *e = row;
	if (wire_addr_is_unset(&e->address))
		return lb_wrong_address(m, "address", &e->address, "must be set");
	if (!e->port)
		return lb_wrong_number(m, "port", 0, "must be 1 .. 65535");
	if (e->weight > 255)
		return lb_wrong_number(m, "weight", e->weight, "must be 0 .. 255");
	if (e->mode > WIRE_MODE_TUNNEL)
		return lb_wrong_number(m, "mode", e->mode, "must be 0 (nat) or 1 (tunnel)");
	if (e->encap > WIRE_ENCAP_GENEVE)
		return lb_wrong_number(m, "encap", e->encap, "must be 0 (ipip) or 1 (geneve)");
	if (e->state > WIRE_ENDPOINT_DOWN)
		return lb_wrong_number(m, "state", e->state, "must be 0 .. 2");
	if (e->server_id_length > WIRE_QUIC_MAX_SERVER_ID)
		return lb_wrong_number(m, "server_id_length", e->server_id_length, "must be 0 .. 15");
	return 0;
}

static int check_quic(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_quic *q = row;
	for (unsigned i = 0; i < WIRE_QUIC_CODEPOINTS; i++) {
		const struct wire_ctl_quic_config *c = &q->config[i];
		if (!c->server_id_length)
			continue;
		if (c->server_id_length > WIRE_QUIC_MAX_SERVER_ID)
			return lb_wrong_number(m, "server_id_length", c->server_id_length, "must be 1 .. 15");
		if (c->nonce_length < WIRE_QUIC_MIN_NONCE)
			return lb_wrong_number(m, "nonce_length", c->nonce_length, "must be at least 4");
		if (c->server_id_length + c->nonce_length > WIRE_QUIC_MAX_BLOCK)
			return lb_wrong_number(
			    m, "nonce_length", c->nonce_length, "must be at most 19 with the server id's");
	}
	return 0;
}

static int check_nat(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_nat *n = row;
	if (wire_addr_is_unset(&n->address))
		return lb_wrong_address(m, "address", &n->address, "must be set");
	if (!n->port_lo || n->port_lo > n->port_hi)
		return lb_wrong_number(m, "port_lo", n->port_lo, "must be 1 .. port_hi");
	return 0;
}

static int check_adjacency(const void *row, struct lb_mistake *m)
{
	const struct wire_ctl_adjacency *a = row;
	if (!a->adjacency)
		return lb_wrong_number(m, "adjacency", 0, "is reserved");
	if (a->port >= WIRE_CTL_MAX_PORTS)
		return lb_wrong_number(m, "port", a->port, "must be 0 .. 15");
	return 0;
}

#define PART(LOWER, UPPER, type)                                                                                       \
	.name = LOWER, .part = LB_PART_##UPPER, .kind = LB_KIND_##UPPER, .body = sizeof(((struct type *)0)->row),      \
	.size = sizeof(struct type), .offset = offsetof(struct type, row)

const struct lb_row lb_rows[WIRE_OBJ_COUNT] = {
    [WIRE_OBJ_SETTINGS] = {.name = "settings",
        .part = LB_PARTS,
        .body = sizeof(struct wire_ctl_settings),
        .print_key = print_nothing,
        .check = check_settings},
    [WIRE_OBJ_POP] = {PART("pop", POP, lb_pop), .max = LB_MAX_POPS, .key = key_of_pop, .print_key = print_pop,
        .check = check_pop},
    [WIRE_OBJ_LINK] = {PART("link", LINK, lb_link), .max = LB_MAX_LINKS, .key = key_of_id, .print_key = print_id,
        .check = check_link},
    [WIRE_OBJ_KEY] = {PART("key", KEY, lb_key), .max = LB_MAX_KEYS, .key = key_of_secret, .print_key = print_secret,
        .check = check_key},
    [WIRE_OBJ_PATH] = {PART("path", PATH, lb_path), .max = LB_MAX_PATHS, .key = key_of_path, .print_key = print_path,
        .check = check_path},
    [WIRE_OBJ_VIP] = {PART("vip", VIP, lb_vip), .max = LB_MAX_VIPS, .key = key_of_address, .print_key = print_address,
        .check = check_vip},
    [WIRE_OBJ_LISTENER] = {PART("listener", LISTENER, lb_listener), .max = LB_MAX_LISTENERS, .key = key_of_id,
        .print_key = print_id, .check = check_listener},
    [WIRE_OBJ_GROUP] = {PART("group", GROUP, lb_group), .max = LB_MAX_GROUPS, .key = key_of_id, .print_key = print_id,
        .check = check_group},
    [WIRE_OBJ_ENDPOINT] = {PART("endpoint", ENDPOINT, lb_endpoint), .max = LB_MAX_ENDPOINTS, .key = key_of_id,
        .print_key = print_id, .check = check_endpoint},
    [WIRE_OBJ_NAT] = {PART("nat", NAT, lb_nat_address), .max = LB_NAT_MAX_ADDRESSES, .key = key_of_address,
        .print_key = print_address, .check = check_nat},
    [WIRE_OBJ_ADJACENCY] = {PART("adjacency", ADJACENCY, lb_adjacency), .max = LB_MAX_ADJACENCIES, .key = key_of_id,
        .print_key = print_id, .check = check_adjacency},
    [WIRE_OBJ_QUIC] = {PART("quic", QUIC, lb_quic), .max = LB_MAX_QUICS, .key = key_of_id, .print_key = print_id,
        .check = check_quic},
};
