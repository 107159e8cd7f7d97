/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/select.h"

#include <errno.h>

/* Which share `bits` (32 random ones) fall into. The listener's weights are not all zero. */
static uint32_t share_of(const struct lb_listener *listener, uint32_t bits)
{
	uint32_t left = lb_hash_scale(bits, listener->weights);
	uint32_t i = 0;
	while (left >= listener->row.share[i].weight)
		left -= listener->row.share[i++].weight;
	return i;
}

int lb_select(const struct lb_snapshot *s, const struct lb_listener *listener, const struct wire_addr *client,
    uint64_t hash, struct lb_choice *ret_choice)
{
	uint32_t shares = listener->row.n_shares;
	if (!shares)
		return -ENOENT;
	bool by_source = listener->row.affinity == WIRE_AFFINITY_SOURCE_IP;
	uint64_t bits = lb_hash_choice(by_source ? lb_source_hash(client) : hash);
	uint32_t first = listener->weights ? share_of(listener, (uint32_t)(bits >> 32)) : 0;
	for (uint32_t i = 0; i < shares; i++) {
		uint32_t share = first + i < shares ? first + i : first + i - shares;
		const struct lb_group *group = lb_snapshot_group(s, listener->row.share[share].group);
		const struct lb_endpoint *endpoint = group ? lb_group_pick(group, (uint32_t)bits) : NULL;
		if (endpoint) {
			*ret_choice = (struct lb_choice){.group = group, .endpoint = endpoint};
			return 0;
		}
	}
	return -ENOENT;
}

int lb_select_quic(const struct lb_snapshot *s, const struct lb_listener *listener, const void *payload, size_t length,
    struct lb_choice *ret_choice)
{
	const struct lb_quic *quic = lb_snapshot_quic(s, listener->row.quic);
	uint8_t id[WIRE_QUIC_MAX_SERVER_ID];
	size_t cid_length = 0;
	const uint8_t *cid = wire_quic_destination(payload, length, &cid_length);
	uint8_t id_length = cid && quic ? lb_quic_server_id(quic, cid, cid_length, id) : 0;
	for (uint32_t i = 0; id_length && i < listener->row.n_shares; i++) {
		const struct lb_group *group = lb_snapshot_group(s, listener->row.share[i].group);
		const struct lb_endpoint *endpoint = group ? lb_group_server(group, id, id_length) : NULL;
		if (endpoint && endpoint->row.state != WIRE_ENDPOINT_DOWN) {
			*ret_choice = (struct lb_choice){.group = group, .endpoint = endpoint};
			return 0;
		}
	}
	return -ENOENT;
}
