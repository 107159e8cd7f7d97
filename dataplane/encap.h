/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers of a packet that enters the overlay: its way's, copied whole, then what is this packet's own. */
#pragma once

#include <string.h>

#include "dataplane/burst.h"
#include "dataplane/way.h"

#define DP_ENCAP_FIRST 112u
#define DP_ENCAP_LAST  48u

/* In pieces of fixed sizes, which overlap. */
static inline void dp_encap_copy(uint8_t *at, const struct dp_way *way)
{
	_Static_assert(sizeof(struct wire_ether) + WIRE_OVERLAY_HEADROOM <= DP_ENCAP_FIRST + DP_ENCAP_LAST, "no gap");
	_Static_assert(sizeof(struct wire_ether) + sizeof(struct wire_ipv4) + sizeof(struct wire_udp) +
	                       sizeof(struct wire_geneve) + WIRE_OVERLAY_OPTIONS(1) >=
	                   DP_ENCAP_FIRST,
	    "the shortest headers are as long as the first piece");
	memcpy(at, way->header, DP_ENCAP_FIRST);
	memcpy(at + way->size - DP_ENCAP_LAST, way->header + way->size - DP_ENCAP_LAST, DP_ENCAP_LAST);
}

/* Onto zeroes: only a second chance has candidates. */
static inline void dp_encap_steer(struct wire_steer *r, const struct dp_steer *s)
{
	r->flags = s->flags;
	r->tried = s->tried;
	wire_put_be16(&r->ingress_pop, s->ingress_pop);
	wire_put_be16(&r->egress_pop, s->egress_pop);
	wire_put_be32(&r->endpoint, s->endpoint);
	wire_put_be32(&r->group, s->group);
	if (s->flags & WIRE_STEER_SECOND)
		for (unsigned k = 0; k < WIRE_STEER_MAX_CANDIDATES; k++)
			wire_put_be16(&r->candidate[k], s->candidate[k]);
}

/* What one packet adds to its way's headers. */
struct dp_encap_own {
	const struct dp_steer *steer;
	uint64_t sequence;
	uint32_t time_us;
	uint16_t hash14;
	uint16_t length; /* of the inner packet */
	uint16_t type;   /* its ethertype */
	uint8_t tos;
};

/* Writes way->size bytes at `at`: all but the tag. */
static inline void dp_encap_put(uint8_t *at, const struct dp_way *way, const struct dp_encap_own *own)
{
	uint16_t frame = way->exit.size, payload = (uint16_t)(way->size - frame + own->length);
	struct wire_udp *udp = (struct wire_udp *)(at + frame);
	struct wire_geneve *geneve = (struct wire_geneve *)(at + way->geneve);
	struct dp_overlay o = {
	    .path = (struct wire_path *)(at + way->path), .telemetry = (struct wire_telemetry *)(at + way->telemetry)};
	dp_encap_copy(at, way);
	dp_exit_fill(&way->exit, at + sizeof(struct wire_ether), own->tos, payload);
	wire_put_be16(&udp->src, (uint16_t)(WIRE_OVERLAY_SRC_PORT | (own->hash14 & WIRE_OVERLAY_HASH_MASK)));
	wire_put_be16(&udp->length, payload);
	wire_put_be16(&geneve->protocol, own->type);
	wire_put_be32(geneve->vni, own->steer->vni << 8); /* and the reserved byte behind it */
	dp_encap_steer((struct wire_steer *)(at + way->steer), own->steer);
	dp_overlay_stamp(&o, own->sequence, own->time_us);
}
