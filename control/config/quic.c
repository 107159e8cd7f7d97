/* SPDX-License-Identifier: BSD-2-Clause */
/* How QUIC connection ids name endpoints: `quic-lb` of a listener, `server-id` of an endpoint. */
#include <stdio.h>
#include <string.h>

#include "control/config/kinds.h"
#include "wire/packet.h"

static const char *const config_keys[] = {"rotation", "server-id-length", "nonce-length", "key", NULL};

static int nibble(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Two digits a byte. The bytes read, or 0: text is none such, or longer than max. */
static uint8_t from_hex(const char *text, uint8_t max, uint8_t *ret_bytes)
{
	uint8_t bytes[WIRE_QUIC_MAX_SERVER_ID + 1];
	size_t length = strlen(text);
	if (length % 2 != 0 || length / 2 > max || length / 2 > sizeof(bytes))
		return 0;
	for (size_t i = 0; i < length / 2; i++) {
		int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return 0;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_bytes, bytes, length / 2);
	return (uint8_t)(length / 2);
}

static json_t *hex_json(const uint8_t *bytes, uint8_t length)
{
	char text[2 * (WIRE_QUIC_MAX_SERVER_ID + 1) + 1] = "";
	for (uint8_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

/* ---- quic-lb ---- */

static void read_config(struct ctl_yaml_value item, struct wire_ctl_quic_config *configs)
{
	if (!ctl_yaml_only(item, config_keys))
		return;
	struct ctl_yaml_value rotation = ctl_yaml_need(item, "rotation"), key = ctl_yaml_get(item, "key");
	struct wire_ctl_quic_config *config = &configs[ctl_yaml_uint(rotation, 0, WIRE_QUIC_CODEPOINTS - 1, 0)];
	if (config->server_id_length)
		ctl_yaml_complain(rotation, "stands in the list twice; each configuration has its own rotation bits");
	config->server_id_length =
	    (uint8_t)ctl_yaml_uint(ctl_yaml_need(item, "server-id-length"), 1, WIRE_QUIC_MAX_SERVER_ID, 1);
	config->nonce_length = (uint8_t)ctl_yaml_uint(ctl_yaml_need(item, "nonce-length"), WIRE_QUIC_MIN_NONCE,
	    (uint64_t)(WIRE_QUIC_MAX_BLOCK - config->server_id_length), WIRE_QUIC_MIN_NONCE);
	config->keyed = ctl_yaml_is_present(&key);
	const char *text = ctl_yaml_text(key, 2 * sizeof(config->key) + 1, "");
	if (config->keyed && from_hex(text, sizeof(config->key), config->key) != sizeof(config->key))
		ctl_yaml_complain(key, "must be 32 hexadecimal digits, the AES-128 key that the servers use too");
}

void ctl_quic_read(struct ctl_yaml_value list, struct ctl_listener *listener)
{
	unsigned n = ctl_yaml_items(list, WIRE_QUIC_CODEPOINTS);
	listener->has_quic = n > 0;
	if (n > 0 && listener->protocol != WIRE_PROTO_UDP)
		ctl_yaml_complain(list, "is for QUIC; set 'protocol: udp' or remove it");
	for (unsigned i = 0; i < n; i++)
		read_config(ctl_yaml_item(list, i), listener->quic);
}

json_t *ctl_quic_json(const struct ctl_listener *listener)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < WIRE_QUIC_CODEPOINTS; i++) {
		const struct wire_ctl_quic_config *config = &listener->quic[i];
		if (!config->server_id_length)
			continue;
		json_t *json = json_pack("{si si si}", "rotation", (int)i, "server-id-length",
		    (int)config->server_id_length, "nonce-length", (int)config->nonce_length);
		if (config->keyed)
			json_object_set_new(json, "key", hex_json(config->key, sizeof(config->key)));
		json_array_append_new(list, json);
	}
	return list;
}

/* ---- server-id ---- */

static bool has_length(const struct ctl_listener *listener, uint8_t length)
{
	for (unsigned i = 0; i < WIRE_QUIC_CODEPOINTS; i++)
		if (length && listener->quic[i].server_id_length == length)
			return true;
	return false;
}

/* Whether another endpoint, read before this one, has its server id. */
static bool is_taken(const struct ctl_listener *listener, const struct ctl_endpoint *endpoint)
{
	for (unsigned i = 0; i < listener->n_groups; i++)
		for (unsigned j = 0; j < listener->groups[i].n_endpoints; j++) {
			const struct ctl_endpoint *other = &listener->groups[i].endpoints[j];
			if (other != endpoint && other->server_id_length == endpoint->server_id_length &&
			    memcmp(other->server_id, endpoint->server_id, other->server_id_length) == 0)
				return true;
		}
	return false;
}

void ctl_server_id_read(struct ctl_yaml_value value, const struct ctl_listener *listener, struct ctl_endpoint *endpoint)
{
	if (!ctl_yaml_is_present(&value))
		return;
	const char *text = ctl_yaml_text(value, 2 * WIRE_QUIC_MAX_SERVER_ID + 1, "");
	endpoint->server_id_length = from_hex(text, WIRE_QUIC_MAX_SERVER_ID, endpoint->server_id);
	if (!endpoint->server_id_length)
		ctl_yaml_complain(value, "must be 1 to 15 bytes in hexadecimal, such as \"c4605e\"");
	else if (!has_length(listener, endpoint->server_id_length))
		ctl_yaml_complain(value, "is %u bytes long, and no 'quic-lb' of the listener has that server-id-length",
		    endpoint->server_id_length);
	else if (is_taken(listener, endpoint))
		ctl_yaml_complain(value, "is another endpoint's of this listener; each has its own");
}

json_t *ctl_server_id_json(const struct ctl_endpoint *endpoint)
{
	return hex_json(endpoint->server_id, endpoint->server_id_length);
}
