/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/overlay.h"

#include <string.h>

#include "dataplane/overlay_plain.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define OUTER_TTL 64u

static bool linkstate_fits(const struct wire_linkstate *l, unsigned body)
{
	return body >= sizeof(*l) && l->count >= 1 && l->count <= WIRE_LINKSTATE_MAX_ENTRIES &&
	       body == sizeof(*l) + l->count * sizeof(struct wire_linkstate_entry);
}

/* One option of ours: right size, right place, not repeated. `o` collects what was found so far. */
static enum wire_drop take_option(struct dp_overlay *o, uint8_t type, uint8_t *body, unsigned length)
{
	switch (type) {
	case WIRE_OPT_PATH:
		if (o->path || o->steer || o->telemetry)
			return WIRE_DROP_OVERLAY_OPTION;
		o->path = (struct wire_path *)body;
		return dp_overlay_check_path(o->path, length);
	case WIRE_OPT_STEER:
		if (o->steer || o->telemetry || length != sizeof(*o->steer))
			return WIRE_DROP_OVERLAY_OPTION;
		o->steer = (struct wire_steer *)body;
		return WIRE_DROP_NONE;
	case WIRE_OPT_TELEMETRY:
		if (o->telemetry || length != sizeof(*o->telemetry))
			return WIRE_DROP_OVERLAY_OPTION;
		o->telemetry = (struct wire_telemetry *)body;
		return WIRE_DROP_NONE;
	case WIRE_OPT_KEEPALIVE:
		if (o->keepalive || o->linkstate || length != sizeof(*o->keepalive))
			return WIRE_DROP_OVERLAY_OPTION;
		o->keepalive = (struct wire_keepalive *)body;
		return WIRE_DROP_NONE;
	case WIRE_OPT_LINKSTATE:
		if (o->keepalive || o->linkstate || !linkstate_fits((struct wire_linkstate *)body, length))
			return WIRE_DROP_OVERLAY_OPTION;
		o->linkstate = (struct wire_linkstate *)body;
		return WIRE_DROP_NONE;
	case WIRE_OPT_AUTH:
		if (length != sizeof(*o->auth))
			return WIRE_DROP_OVERLAY_OPTION;
		o->auth = (struct wire_auth *)body;
		return WIRE_DROP_NONE;
	default:
		return type & WIRE_GENEVE_OPT_CRITICAL ? WIRE_DROP_OVERLAY_CRITICAL : WIRE_DROP_NONE;
	}
}

/* Control packets carry no data options and data packets no control options. */
static bool complete(const struct dp_overlay *o)
{
	bool data = o->path && o->steer && o->telemetry;
	bool any_data = o->path || o->steer || o->telemetry;
	bool control = o->keepalive || o->linkstate;
	if (!o->auth)
		return false;
	return o->geneve->flags & WIRE_GENEVE_OAM ? control && !any_data : data && !control;
}

enum wire_drop dp_overlay_parse(uint8_t *data, size_t length, struct dp_overlay *ret_overlay)
{
	struct wire_cursor c = wire_cursor(data, length);
	struct dp_overlay o = {.geneve = (struct wire_geneve *)data};
	if (!wire_take(&c, sizeof(struct wire_geneve)))
		return WIRE_DROP_TRUNCATED;
	if (o.geneve->version_optlen >> 6 != 0)
		return WIRE_DROP_OVERLAY_HEADER;
	unsigned options = (o.geneve->version_optlen & WIRE_GENEVE_OPTLEN_MASK) * 4u;
	if (options > wire_left(&c))
		return WIRE_DROP_TRUNCATED;
	c.end = c.at + options;
	while (wire_left(&c)) {
		const struct wire_geneve_opt *opt = wire_take(&c, sizeof(*opt));
		uint16_t at = (uint16_t)(c.at - data);
		unsigned body = opt ? (opt->length & WIRE_GENEVE_OPT_LENGTH_MASK) * 4u : 0;
		if (!opt || !wire_take(&c, body) || o.auth)
			return WIRE_DROP_OVERLAY_OPTION;
		if (wire_be16(&opt->class) != WIRE_OVERLAY_CLASS) {
			if (opt->type & WIRE_GENEVE_OPT_CRITICAL)
				return WIRE_DROP_OVERLAY_CRITICAL;
			continue;
		}
		enum wire_drop drop = take_option(&o, opt->type, data + at, body);
		if (drop != WIRE_DROP_NONE)
			return drop;
	}
	if (!complete(&o))
		return WIRE_DROP_OVERLAY_OPTION;
	o.covered = (uint16_t)(o.auth->tag - dp_overlay_signed(&o));
	o.length = (uint16_t)(sizeof(struct wire_geneve) + options);
	*ret_overlay = o;
	return WIRE_DROP_NONE;
}

/* DF, because a fragment of an overlay packet would lose its lane. */
static void put_outer_v4(
    uint8_t *at, uint16_t payload, uint8_t tos, const struct wire_addr *local, const struct wire_addr *remote)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)at;
	*ip = (struct wire_ipv4){.version_ihl = 0x45, .tos = tos, .ttl = OUTER_TTL, .protocol = WIRE_PROTO_UDP};
	wire_put_be16(&ip->total_length, (uint16_t)(sizeof(*ip) + payload));
	wire_put_be16(&ip->frag_off, WIRE_IPV4_DF);
	memcpy(ip->src, local->bytes + 12, 4);
	memcpy(ip->dst, remote->bytes + 12, 4);
	ip->checksum = wire_csum(ip, sizeof(*ip));
}

/* The flow label stays zero: the UDP source port has the flow's entropy (RFC 6438 asks for one of the two). */
static void put_outer_v6(
    uint8_t *at, uint16_t payload, uint8_t tos, const struct wire_addr *local, const struct wire_addr *remote)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)at;
	*ip = (struct wire_ipv6){.next_header = WIRE_PROTO_UDP, .hop_limit = OUTER_TTL};
	wire_put_be32(at, 6u << 28 | (uint32_t)tos << 20);
	wire_put_be16(&ip->payload_length, payload);
	memcpy(ip->src, local->bytes, 16);
	memcpy(ip->dst, remote->bytes, 16);
}

uint8_t *dp_outer_write(
    uint8_t *at, uint16_t payload, uint8_t tos, const struct wire_addr *local, const struct wire_addr *remote)
{
	bool v6 = !wire_addr_is_v4(local);
	if (v6)
		put_outer_v6(at, payload, tos, local, remote);
	else
		put_outer_v4(at, payload, tos, local, remote);
	return at + wire_ip_header_size(v6);
}

/* The UDP checksum is zero, over IPv6 too (RFC 8926, 3.3; RFC 6935; RFC 6936): AUTH covers what steers the packet, the
 * inner checksum the rest. */
static uint8_t *put_udp(uint8_t *at, uint16_t hash, uint16_t length)
{
	struct wire_udp *udp = (struct wire_udp *)at;
	wire_put_be16(&udp->src, (uint16_t)(WIRE_OVERLAY_SRC_PORT | (hash & WIRE_OVERLAY_HASH_MASK)));
	wire_put_be16(&udp->dst, WIRE_OVERLAY_PORT);
	wire_put_be16(&udp->length, length);
	udp->checksum = 0;
	return (uint8_t *)(udp + 1);
}

static struct wire_geneve *put_geneve(uint8_t *at, unsigned options, uint8_t flags, uint16_t protocol, uint32_t vni)
{
	struct wire_geneve *g = (struct wire_geneve *)at;
	*g = (struct wire_geneve){.version_optlen = (uint8_t)(options / 4),
	    .flags = flags | WIRE_GENEVE_CRITICAL,
	    .vni = {(uint8_t)(vni >> 16), (uint8_t)(vni >> 8), (uint8_t)vni}};
	wire_put_be16(&g->protocol, protocol);
	return g;
}

/* Writes an option's header at *at, moves *at behind the option and returns its body. */
static void *put_option(uint8_t **at, uint8_t type, unsigned body)
{
	struct wire_geneve_opt *opt = (struct wire_geneve_opt *)*at;
	wire_put_be16(&opt->class, WIRE_OVERLAY_CLASS);
	opt->type = type;
	opt->length = (uint8_t)(body / 4);
	*at += sizeof(*opt) + body;
	return opt + 1;
}

/* AUTH, with a zero tag, ends the options. */
static void put_auth(uint8_t *at, uint8_t key_id, struct dp_overlay *o)
{
	o->auth = put_option(&at, WIRE_OPT_AUTH, sizeof(*o->auth));
	o->covered = (uint16_t)(o->auth->tag - dp_overlay_signed(o));
	*o->auth = (struct wire_auth){.key_id = key_id};
	o->length = (uint16_t)(at - (uint8_t *)o->geneve);
}

struct dp_overlay dp_encap_write(uint8_t *at, const struct dp_encap *e)
{
	struct dp_overlay o = {0};
	uint16_t payload = (uint16_t)(dp_encap_size(false, e->n_hops) - sizeof(struct wire_ipv4) + e->inner_length);
	at = dp_outer_write(at, payload, e->tos, &e->local, &e->remote);
	at = put_udp(at, e->hash, payload);
	o.geneve = put_geneve(at, (unsigned)WIRE_OVERLAY_OPTIONS(e->n_hops), 0, e->inner_type, e->vni);
	at = (uint8_t *)(o.geneve + 1);
	o.path = put_option(&at, WIRE_OPT_PATH, (unsigned)WIRE_PATH_SIZE(e->n_hops));
	*o.path = (struct wire_path){.left = (uint8_t)(e->n_hops - 1), .count = e->n_hops};
	memcpy(o.path->hop, e->hop, e->n_hops * sizeof(*o.path->hop));
	o.steer = put_option(&at, WIRE_OPT_STEER, sizeof(*o.steer));
	*o.steer = e->steer;
	o.telemetry = put_option(&at, WIRE_OPT_TELEMETRY, sizeof(*o.telemetry));
	*o.telemetry = (struct wire_telemetry){0};
	put_auth(at, e->key_id, &o);
	return o;
}

struct dp_overlay dp_control_write(uint8_t *at, uint16_t hash, uint8_t type, uint16_t body)
{
	struct dp_overlay o = {0};
	unsigned options = (unsigned)(WIRE_OPT_SIZE(body) + WIRE_OPT_SIZE(sizeof(struct wire_auth)));
	at = put_udp(at, hash, dp_control_size(body));
	o.geneve = put_geneve(at, options, WIRE_GENEVE_OAM, 0, 0);
	at = (uint8_t *)(o.geneve + 1);
	void *option = put_option(&at, type, body);
	memset(option, 0, body);
	if (type == WIRE_OPT_KEEPALIVE)
		o.keepalive = option;
	else
		o.linkstate = option;
	put_auth(at, 0, &o);
	return o;
}

/* The window's top moves up by `by` places; what falls out unseen is lost. */
static void advance(struct dp_replay *r, uint64_t by)
{
	for (uint64_t i = 1; i <= by && i <= DP_REPLAY_WINDOW; i++) {
		uint64_t place = (r->top + i) % DP_REPLAY_WINDOW;
		uint64_t bit = 1ull << place % 64;
		if (!(r->bits[place / 64] & bit))
			r->lost++;
		r->bits[place / 64] &= ~bit;
	}
	if (by > DP_REPLAY_WINDOW)
		r->lost += by - DP_REPLAY_WINDOW;
	r->top += by;
}

/* Nothing before the first packet is counted as lost, or taken. */
static void restart(struct dp_replay *r, uint32_t epoch, uint64_t sequence)
{
	memset(r->bits, 0xff, sizeof(r->bits));
	r->top = sequence;
	r->epoch = epoch;
	r->started = true;
}

bool dp_replay_take(struct dp_replay *r, uint32_t epoch, uint64_t sequence)
{
	uint64_t bit = 1ull << sequence % 64;
	if (!r->started || r->epoch != epoch || sequence > r->top + DP_REPLAY_MAX_LOST)
		restart(r, epoch, sequence);
	else if (sequence > r->top)
		advance(r, sequence - r->top);
	else if (r->top - sequence >= DP_REPLAY_WINDOW || r->bits[sequence % DP_REPLAY_WINDOW / 64] & bit)
		return false;
	r->bits[sequence % DP_REPLAY_WINDOW / 64] |= bit;
	return true;
}

unsigned dp_replay_missing(const struct dp_replay *r)
{
	unsigned missing = 0;
	for (unsigned i = 0; r->started && i < DP_REPLAY_WINDOW / 64; i++)
		missing += (unsigned)__builtin_popcountll(~r->bits[i]);
	return missing;
}
