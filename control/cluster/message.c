/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cluster/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "wire/packet.h"

#define MAX_REPORTS  65536u
#define MAX_VERDICTS 65536u
#define MAX_PACKETS  (1ull << 48)
#define MAX_USE      1000.0                            /* a capacity may be told wrong */
#define MAX_DELAY    ((int64_t)(86400 * CTL_NS_PER_S)) /* a clock may be wrong by hours */

/* Newer versions may say more: unknown fields are no mistakes here. */

/* Takes json over. */
static char *dumped(json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* ---- registrations ---- */

char *ctl_registration_text(const struct ctl_pop_config *config)
{
	json_t *links = json_array();
	for (unsigned i = 0; i < config->n_links; i++) {
		const struct ctl_pop_link *link = &config->links[i];
		char address[CTL_ADDRESS_TEXT];
		ctl_address_text(&link->address, address);
		json_t *row = json_pack("{si ss si sf}", "link", (int)link->link, "address", address, "mtu",
		    (int)link->mtu, "cost", link->cost);
		if (link->provider[0])
			json_object_set_new(row, "provider", json_string(link->provider));
		if (link->authenticated)
			json_object_set_new(row, "authenticated", json_true());
		json_array_append_new(links, row);
	}
	return dumped(json_pack("{si ss so}", "id", (int)config->id, "region", config->region, "links", links));
}

/* Of a POP that runs another version, or of a hand that wrote to the store. */
static bool can_keep(const struct ctl_pop_address *address, struct ctl_pop *pop)
{
	unsigned least = wire_addr_is_v4(&address->address) ? WIRE_CTL_MIN_MTU : WIRE_IPV6_MIN_MTU;
	char text[CTL_ADDRESS_TEXT];
	if (address->mtu >= least)
		return true;
	ctl_address_text(&address->address, text);
	snprintf(pop->left_out, sizeof(pop->left_out), "its address %s: an MTU of %u is less than %u", text,
	    address->mtu, least);
	return false;
}

static void read_address(struct ctl_yaml_value item, struct ctl_pop *pop)
{
	struct ctl_pop_address *address = &pop->address[pop->n_addresses];
	address->link = (uint8_t)ctl_yaml_uint(ctl_yaml_need(item, "link"), 0, UINT8_MAX, 0);
	ctl_yaml_address(ctl_yaml_need(item, "address"), &address->address);
	address->mtu = (uint16_t)ctl_yaml_uint(ctl_yaml_need(item, "mtu"), 0, UINT16_MAX, 0);
	address->cost = ctl_yaml_number(ctl_yaml_get(item, "cost"), 0, 1e6, 0);
	struct ctl_yaml_value provider = ctl_yaml_get(item, "provider");
	ctl_yaml_name(provider, address->provider);
	address->authenticated = ctl_yaml_bool(ctl_yaml_get(item, "authenticated"), false);
	for (unsigned i = 0; i < pop->n_addresses; i++)
		if (pop->address[i].link == address->link)
			ctl_yaml_complain(ctl_yaml_get(item, "link"), "two links have this number");
	if (can_keep(address, pop))
		pop->n_addresses++;
}

int ctl_registration_read(
    const char *name, const char *json, size_t size, struct ctl_mistakes *m, struct ctl_pop *ret_pop)
{
	struct ctl_yaml *yaml;
	char source[64];
	unsigned found = m->found;
	snprintf(source, sizeof(source), "registration of %.31s", name);
	int error = ctl_yaml_parse(source, json, size, m, &yaml);
	if (error)
		return error;
	struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
	if (!ctl_name_is_good(name))
		ctl_mistake(m, "%s: is no name of a POP", source);
	else
		strcpy(ret_pop->name, name);
	if (ctl_yaml_entries(map, UINT16_MAX) == 0)
		ctl_mistake(m, "%s: must be a JSON object", source);
	ret_pop->id = (uint16_t)ctl_yaml_uint(ctl_yaml_need(map, "id"), 1, UINT16_MAX, 0);
	ctl_yaml_name(ctl_yaml_need(map, "region"), ret_pop->region);
	struct ctl_yaml_value links = ctl_yaml_get(map, "links");
	unsigned n = ctl_yaml_items(links, CTL_POP_MAX_LINKS);
	for (unsigned i = 0; i < n; i++)
		read_address(ctl_yaml_item(links, i), ret_pop);
	ctl_yaml_free(yaml);
	return m->found == found ? 0 : -EINVAL;
}

/* ---- states ---- */

static json_t *heard_json(const struct probe_traffic_estimate *e)
{
	json_t *json = json_pack("{sI sI sI}", "packets", (json_int_t)e->packets, "lost", (json_int_t)e->lost,
	    "delay-packets", (json_int_t)e->delay_packets);
	json_object_set_new(json, "delay", json_sprintf("%lldns", (long long)e->delay_ns));
	return json;
}

static json_t *report_json(const struct ctl_link_report *report)
{
	json_t *json = json_pack("{si si si sb}", "to", (int)report->key.to, "local", (int)report->key.local, "remote",
	    (int)report->key.remote, "up", (int)report->up);
	const struct route_estimate *e = &report->estimate;
	if (report->mtu)
		json_object_set_new(json, "mtu", json_integer(report->mtu));
	if (report->heard.packets)
		json_object_set_new(json, "heard", heard_json(&report->heard));
	if (!e->at_ns)
		return json;
	json_object_set_new(json, "delay", json_sprintf("%lldns", (long long)e->delay_ns));
	json_object_set_new(json, "rtt", json_sprintf("%lldns", (long long)e->rtt_ns));
	json_object_set_new(json, "jitter", json_sprintf("%lldns", (long long)e->jitter_ns));
	json_object_set_new(json, "loss", json_sprintf("%.4f%%", 100 * (double)e->loss));
	return json;
}

static json_t *use_json(const struct ctl_pop_load *load)
{
	json_t *uses = json_array();
	for (int link = 0; link < 256; link++) {
		double tx = 100 * (double)load->tx[link], rx = 100 * (double)load->rx[link];
		if (tx < 0.005 && rx < 0.005)
			continue;
		json_t *use = json_pack("{si}", "link", link);
		json_object_set_new(use, "tx", json_sprintf("%.2f%%", tx));
		json_object_set_new(use, "rx", json_sprintf("%.2f%%", rx));
		json_array_append_new(uses, use);
	}
	return uses;
}

char *ctl_state_text(
    uint64_t at_wall_ns, const struct ctl_pop_load *load, const struct ctl_link_report *report, unsigned n_reports)
{
	json_t *links = json_array();
	for (unsigned i = 0; i < n_reports; i++)
		json_array_append_new(links, report_json(&report[i]));
	json_t *busy = json_sprintf("%.2f%%", 100 * (double)load->busy);
	return dumped(json_pack("{sI so so so}", "at", (json_int_t)(at_wall_ns / CTL_NS_PER_MS), "busy", busy, "use",
	    use_json(load), "links", links));
}

static void read_report(struct ctl_yaml_value item, const struct ctl_cluster *cluster, struct ctl_pop *pop)
{
	struct ctl_link_report *report = &pop->report[pop->n_reports];
	struct ctl_yaml_value delay = ctl_yaml_get(item, "delay");
	*report = (struct ctl_link_report){
	    .key = {.from = pop->id,
	        .to = (uint16_t)ctl_yaml_uint(ctl_yaml_need(item, "to"), 1, UINT16_MAX, 0),
	        .local = (uint8_t)ctl_yaml_uint(ctl_yaml_need(item, "local"), 0, UINT8_MAX, 0),
	        .remote = (uint8_t)ctl_yaml_uint(ctl_yaml_need(item, "remote"), 0, UINT8_MAX, 0)},
	    .up = ctl_yaml_bool(ctl_yaml_need(item, "up"), false),
	    .mtu = (uint16_t)ctl_yaml_uint(ctl_yaml_get(item, "mtu"), WIRE_CTL_MIN_MTU, UINT16_MAX, 0),
	};
	if (ctl_yaml_is_present(&delay))
		report->estimate = (struct route_estimate){
		    .delay_ns = ctl_yaml_duration(delay, -MAX_DELAY, MAX_DELAY, 0),
		    .rtt_ns = ctl_yaml_duration(ctl_yaml_need(item, "rtt"), 0, MAX_DELAY, 0),
		    .jitter_ns = ctl_yaml_duration(ctl_yaml_get(item, "jitter"), 0, MAX_DELAY, 0),
		    .loss = (float)ctl_yaml_percent(ctl_yaml_get(item, "loss"), 0, 1, 0),
		    .at_ns = 1, /* measured; when, only the receiver knows */
		};
	struct ctl_yaml_value heard = ctl_yaml_get(item, "heard");
	if (ctl_yaml_is_present(&heard))
		report->heard = (struct probe_traffic_estimate){
		    .packets = ctl_yaml_uint(ctl_yaml_need(heard, "packets"), 0, MAX_PACKETS, 0),
		    .lost = ctl_yaml_uint(ctl_yaml_need(heard, "lost"), 0, MAX_PACKETS, 0),
		    .delay_packets = ctl_yaml_uint(ctl_yaml_need(heard, "delay-packets"), 0, MAX_PACKETS, 0),
		    .delay_ns = ctl_yaml_duration(ctl_yaml_need(heard, "delay"), -MAX_DELAY, MAX_DELAY, 0),
		};
	if (ctl_cluster_find_id(cluster, report->key.to) && report->key.to != pop->id)
		pop->n_reports++;
}

static void read_load(struct ctl_yaml_value map, struct ctl_pop_load *load)
{
	struct ctl_yaml_value uses = ctl_yaml_get(map, "use");
	unsigned n = ctl_yaml_items(uses, 256);
	load->busy = (float)ctl_yaml_percent(ctl_yaml_get(map, "busy"), 0, 1, 0);
	for (unsigned i = 0; i < n; i++) {
		struct ctl_yaml_value use = ctl_yaml_item(uses, i);
		uint64_t link = ctl_yaml_uint(ctl_yaml_need(use, "link"), 0, UINT8_MAX, 0);
		load->tx[link] = (float)ctl_yaml_percent(ctl_yaml_get(use, "tx"), 0, MAX_USE, 0);
		load->rx[link] = (float)ctl_yaml_percent(ctl_yaml_get(use, "rx"), 0, MAX_USE, 0);
	}
}

static int read_state(struct ctl_yaml_value map, const struct ctl_cluster *cluster, struct ctl_pop *pop)
{
	struct ctl_yaml_value links = ctl_yaml_get(map, "links");
	unsigned n = ctl_yaml_items(links, MAX_REPORTS);
	pop->state_at_wall_ns =
	    CTL_NS_PER_MS * ctl_yaml_uint(ctl_yaml_need(map, "at"), 0, UINT64_MAX / CTL_NS_PER_MS, 0);
	read_load(map, &pop->load);
	pop->report = calloc(n + 1, sizeof(*pop->report));
	if (!pop->report)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		read_report(ctl_yaml_item(links, i), cluster, pop);
	return 0;
}

int ctl_state_read(const struct ctl_cluster *cluster, const char *name, const char *json, size_t size,
    struct ctl_mistakes *m, struct ctl_pop *ret_pop)
{
	struct ctl_yaml *yaml;
	char source[64];
	unsigned found = m->found;
	snprintf(source, sizeof(source), "state of %.31s", name);
	int error = ctl_yaml_parse(source, json, size, m, &yaml);
	if (error)
		return error;
	error = read_state(ctl_yaml_document(yaml, 0), cluster, ret_pop);
	ctl_yaml_free(yaml);
	return error ? error : m->found == found ? 0 : -EINVAL;
}

/* ---- verdicts ---- */

char *ctl_verdicts_text(const struct ctl_endpoint_verdict *verdict, unsigned n)
{
	json_t *up = json_array(), *down = json_array();
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(verdict[i].up ? up : down, json_integer(verdict[i].endpoint));
	return dumped(json_pack("{so so}", "up", up, "down", down));
}

static void read_verdicts(struct ctl_yaml_value list, bool up, struct ctl_endpoint_verdict *verdict, unsigned *n)
{
	unsigned items = ctl_yaml_items(list, MAX_VERDICTS);
	for (unsigned i = 0; i < items; i++)
		verdict[(*n)++] = (struct ctl_endpoint_verdict){
		    .endpoint = (uint32_t)ctl_yaml_uint(ctl_yaml_item(list, i), 1, UINT32_MAX, 0), .up = up};
}

static int by_endpoint(const void *left, const void *right)
{
	const struct ctl_endpoint_verdict *a = left, *b = right;
	return (a->endpoint > b->endpoint) - (a->endpoint < b->endpoint);
}

int ctl_verdicts_read(const char *name, const char *json, size_t size, struct ctl_mistakes *m,
    struct ctl_endpoint_verdict **ret_verdict, unsigned *ret_n)
{
	struct ctl_yaml *yaml;
	char source[64];
	unsigned found = m->found, n = 0;
	snprintf(source, sizeof(source), "health of %.31s", name);
	int error = ctl_yaml_parse(source, json, size, m, &yaml);
	if (error)
		return error;
	struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
	if (ctl_yaml_entries(map, UINT16_MAX) == 0)
		ctl_mistake(m, "%s: must be a JSON object", source);
	struct ctl_yaml_value up = ctl_yaml_need(map, "up"), down = ctl_yaml_need(map, "down");
	size_t most = (size_t)ctl_yaml_items(up, MAX_VERDICTS) + ctl_yaml_items(down, MAX_VERDICTS);
	struct ctl_endpoint_verdict *verdict = calloc(most + 1, sizeof(*verdict));
	if (verdict) {
		read_verdicts(up, true, verdict, &n);
		read_verdicts(down, false, verdict, &n);
		qsort(verdict, n, sizeof(*verdict), by_endpoint);
	}
	ctl_yaml_free(yaml);
	if (verdict && m->found == found) {
		*ret_verdict = verdict;
		*ret_n = n;
		return 0;
	}
	error = verdict ? -EINVAL : -ENOMEM;
	free(verdict);
	return error;
}
