/* SPDX-License-Identifier: BSD-2-Clause */
/* The overlay's data packets as we make them, in a straight line: four options in their order, and no other. Everything
 * else is dp_overlay_parse()'s, which looks at each option in turn. */
#pragma once

#include "dataplane/overlay.h"
#include "wire/bytes.h"

/* PATH: 1 to 4 hops, the position within them, and no POP twice. */
static inline enum wire_drop dp_overlay_check_path(const struct wire_path *path, unsigned body)
{
	if (body < sizeof(*path) || path->count == 0 || path->count > WIRE_PATH_MAX_HOPS)
		return WIRE_DROP_OVERLAY_OPTION;
	if (body != WIRE_PATH_SIZE(path->count) || path->left >= path->count)
		return WIRE_DROP_OVERLAY_OPTION;
	for (unsigned i = 1; i < path->count; i++)
		for (unsigned k = 0; k < i; k++)
			if (path->hop[i].pop == path->hop[k].pop)
				return WIRE_DROP_OVERLAY_LOOP;
	return WIRE_DROP_NONE;
}

static inline bool dp_overlay_is_option(const uint8_t *option, uint8_t type, size_t body)
{
	return wire_be32(option) == (WIRE_OVERLAY_CLASS << 16 | (uint32_t)type << 8 | (uint32_t)(body / 4));
}

/* Data packets as dp_encap_write() makes them, without a look at each option in turn. false: another one, or a wrong
 * one; *ret_overlay untouched. */
static inline bool dp_overlay_parse_plain(uint8_t *data, size_t length, struct dp_overlay *ret_overlay)
{
	struct wire_geneve *geneve = (struct wire_geneve *)data;
	const size_t header = sizeof(struct wire_geneve_opt);
	if (length < sizeof(*geneve) + WIRE_OVERLAY_OPTIONS(1))
		return false;
	uint8_t *path = data + sizeof(*geneve) + header;
	unsigned count = ((const struct wire_path *)path)->count;
	if (count - 1 >= WIRE_PATH_MAX_HOPS || geneve->version_optlen != WIRE_OVERLAY_OPTIONS(count) / 4 ||
	    length < sizeof(*geneve) + WIRE_OVERLAY_OPTIONS(count) || geneve->flags & WIRE_GENEVE_OAM)
		return false;
	uint8_t *steer = path + WIRE_PATH_SIZE(count) + header;
	uint8_t *telemetry = steer + sizeof(struct wire_steer) + header;
	uint8_t *auth = telemetry + sizeof(struct wire_telemetry) + header;
	if (!dp_overlay_is_option(path - header, WIRE_OPT_PATH, WIRE_PATH_SIZE(count)) ||
	    !dp_overlay_is_option(steer - header, WIRE_OPT_STEER, sizeof(struct wire_steer)) ||
	    !dp_overlay_is_option(telemetry - header, WIRE_OPT_TELEMETRY, sizeof(struct wire_telemetry)) ||
	    !dp_overlay_is_option(auth - header, WIRE_OPT_AUTH, sizeof(struct wire_auth)) ||
	    dp_overlay_check_path((struct wire_path *)path, (unsigned)WIRE_PATH_SIZE(count)) != WIRE_DROP_NONE)
		return false;
	ret_overlay->geneve = geneve;
	ret_overlay->path = (struct wire_path *)path;
	ret_overlay->steer = (struct wire_steer *)steer;
	ret_overlay->telemetry = (struct wire_telemetry *)telemetry;
	ret_overlay->keepalive = NULL;
	ret_overlay->linkstate = NULL;
	ret_overlay->auth = (struct wire_auth *)auth;
	ret_overlay->covered = (uint16_t)(ret_overlay->auth->tag - dp_overlay_signed(ret_overlay));
	ret_overlay->length = (uint16_t)(sizeof(*geneve) + WIRE_OVERLAY_OPTIONS(count));
	return true;
}
