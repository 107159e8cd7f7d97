/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/yaml.h"
#include "tools/wanem/settings.h"

static const char *const root_keys[] = {"socket", "seed", "packets", "interfaces", "lines", NULL};
static const char *const interface_keys[] = {"name", "address", "address6", "routes", NULL};
static const char *const route_keys[] = {"prefix", "via", NULL};
#define X(key) key,
static const char *const line_keys[] = {"from", "to", "between", WANEM_SETTINGS(X) NULL};
#undef X

int wanem_port_find(const struct wanem_port *ports, uint32_t n_ports, const char *name)
{
	for (uint32_t i = 0; i < n_ports; i++)
		if (strcmp(ports[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static const struct {
	const char *key, *example;
	uint8_t bits, before; /* of an address; of struct wire_addr before it */
} versions[WANEM_VERSIONS] = {
    [WANEM_V4] = {"address", "IPv4 address with its prefix length, such as 10.1.0.1/24", 32, 96},
    [WANEM_V6] = {"address6", "IPv6 address with its prefix length, such as 2001:db8:1::1/64", 128, 0},
};

/* "10.1.0.1/24" in two parts: the address as written, and its length. */
static bool parse_gateway(const char *text, unsigned version, struct wanem_gateway *ret_gateway)
{
	char address_text[CTL_PREFIX_TEXT], *end = NULL;
	struct wire_addr address;
	const char *slash = strchr(text, '/');
	if (!slash)
		return false;
	memcpy(address_text, text, (size_t)(slash - text));
	address_text[slash - text] = '\0';
	unsigned long length = strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end || length < 1 || length > versions[version].bits ||
	    ctl_address_parse(address_text, &address) != 0 || wire_addr_is_v4(&address) != (version == WANEM_V4) ||
	    !wire_addr_is_host(&address))
		return false;
	*ret_gateway = (struct wanem_gateway){address, (uint8_t)(versions[version].before + length)};
	return true;
}

/* Whether there is nothing wrong with it. */
static bool read_gateway(struct ctl_yaml_value map, unsigned version, struct wanem_gateway *ret_gateway)
{
	struct ctl_yaml_value value = ctl_yaml_get(map, versions[version].key);
	if (!ctl_yaml_is_present(&value))
		return true;
	const char *text = ctl_yaml_text(value, CTL_PREFIX_TEXT, NULL);
	if (!text || parse_gateway(text, version, ret_gateway))
		return text != NULL;
	ctl_yaml_complain(value, "write the gateway's %s", versions[version].example);
	return false;
}

static bool read_gateways(struct ctl_yaml_value map, struct wanem_port *port)
{
	for (unsigned v = 0; v < WANEM_VERSIONS; v++)
		if (!read_gateway(map, v, &port->gateway[v]))
			return false;
	bool some = false;
	for (unsigned v = 0; v < WANEM_VERSIONS; v++)
		some = some || !wire_addr_is_unset(&port->gateway[v].address);
	if (!some)
		ctl_yaml_complain(map, "write the gateway's %s, or address6", versions[WANEM_V4].example);
	return some;
}

static void add_route(struct wanem_config *c, struct ctl_yaml_value where, const struct wanem_route *route)
{
	int error = wanem_routes_add(&c->routes, route);
	if (error == -EEXIST)
		ctl_yaml_complain(where, "this prefix is routed already: remove one of the two");
	else if (error)
		ctl_yaml_complain(where, "at most %u routes fit", WANEM_MAX_ROUTES);
}

static void read_route(struct wanem_config *c, struct ctl_yaml_value map, uint8_t port)
{
	struct wire_addr prefix, via;
	uint32_t length;
	if (!ctl_yaml_only(map, route_keys))
		return;
	struct ctl_yaml_value prefix_value = ctl_yaml_need(map, "prefix");
	const char *text = ctl_yaml_text(prefix_value, CTL_PREFIX_TEXT, NULL);
	if (!text)
		return;
	if (ctl_prefix_parse(text, &prefix, &length) != 0) {
		ctl_yaml_complain(prefix_value,
		    "write a prefix without bits behind its length, such as 10.3.1.0/28 or 2001:db8:3:1::/64");
		return;
	}
	struct ctl_yaml_value via_value = ctl_yaml_need(map, "via");
	if (!ctl_yaml_address(via_value, &via))
		return;
	struct wanem_route route = {.prefix = prefix, .length = (uint8_t)length, .gateway = via, .port = port};
	bool v4 = length >= versions[WANEM_V4].before && wire_addr_is_v4(&prefix);
	if (v4 != wire_addr_is_v4(&via) || !wanem_is_neighbour(&c->port[port], &via))
		ctl_yaml_complain(
		    via_value, "the next hop must be a neighbour of this interface, of the prefix's version");
	else
		add_route(c, map, &route);
}

/* To its neighbours. */
static void add_own_routes(struct wanem_config *c, struct ctl_yaml_value map, uint8_t index)
{
	for (unsigned v = 0; v < WANEM_VERSIONS; v++) {
		const struct wanem_gateway *g = &c->port[index].gateway[v];
		struct wanem_route own = {
		    .prefix = wanem_prefix_of(&g->address, g->length), .length = g->length, .port = index};
		if (!wire_addr_is_unset(&g->address))
			add_route(c, map, &own);
	}
}

static void read_interface(struct wanem_config *c, struct ctl_yaml_value map)
{
	struct wanem_port port = {0};
	if (!ctl_yaml_only(map, interface_keys))
		return;
	struct ctl_yaml_value name = ctl_yaml_need(map, "name");
	const char *text = ctl_yaml_text(name, WANEM_NAME_SIZE, NULL);
	if (!text || !read_gateways(map, &port))
		return;
	if (wanem_port_find(c->port, c->n_ports, text) >= 0) {
		ctl_yaml_complain(name, "this interface is listed already");
		return;
	}
	strcpy(port.name, text);
	uint8_t index = (uint8_t)c->n_ports++;
	c->port[index] = port;
	add_own_routes(c, map, index);
	struct ctl_yaml_value routes = ctl_yaml_get(map, "routes");
	unsigned n = ctl_yaml_items(routes, WANEM_MAX_ROUTES);
	for (unsigned i = 0; i < n; i++)
		read_route(c, ctl_yaml_item(routes, i), index);
}

/* The port that a line names; -ENOENT was complained about. */
static int named_port(const struct wanem_config *c, struct ctl_yaml_value value)
{
	const char *name = ctl_yaml_text(value, WANEM_NAME_SIZE, NULL);
	if (!name)
		return -ENOENT;
	int port = wanem_port_find(c->port, c->n_ports, name);
	if (port < 0)
		ctl_yaml_complain(value, "no such interface: name one of `interfaces`");
	return port;
}

/* `from` and `to` are one direction, `between: [a, b]` is both. */
static void read_line(struct wanem_config *c, struct ctl_yaml_value map)
{
	if (!ctl_yaml_only(map, line_keys))
		return;
	struct ctl_yaml_value between = ctl_yaml_get(map, "between");
	bool both = ctl_yaml_is_present(&between);
	if (both && ctl_yaml_items(between, 2) != 2) {
		ctl_yaml_complain(between, "name two interfaces, such as [sgp1, fra1]");
		return;
	}
	int from = named_port(c, both ? ctl_yaml_item(between, 0) : ctl_yaml_need(map, "from"));
	int to = named_port(c, both ? ctl_yaml_item(between, 1) : ctl_yaml_need(map, "to"));
	if (from < 0 || to < 0)
		return;
	wanem_settings_read(map, &c->line[from][to]);
	if (both) {
		struct wanem_impairment *back = &c->line[to][from];
		*back = c->line[from][to];
	}
}

static void read_root(struct wanem_config *c, struct ctl_yaml_value map)
{
	if (!ctl_yaml_only(map, root_keys))
		return;
	const char *socket = ctl_yaml_text(ctl_yaml_get(map, "socket"), WANEM_SOCKET_SIZE, "");
	strcpy(c->socket, socket);
	c->seed = ctl_yaml_uint(ctl_yaml_get(map, "seed"), 0, UINT32_MAX, 1);
	c->packets = (uint32_t)ctl_yaml_uint(ctl_yaml_get(map, "packets"), 1, WANEM_MAX_PACKETS, WANEM_DEFAULT_PACKETS);
	struct ctl_yaml_value interfaces = ctl_yaml_need(map, "interfaces");
	unsigned n = ctl_yaml_items(interfaces, WANEM_MAX_PORTS);
	for (unsigned i = 0; i < n; i++)
		read_interface(c, ctl_yaml_item(interfaces, i));
	struct ctl_yaml_value lines = ctl_yaml_get(map, "lines");
	n = ctl_yaml_items(lines, WANEM_MAX_PORTS * WANEM_MAX_PORTS);
	for (unsigned i = 0; i < n; i++)
		read_line(c, ctl_yaml_item(lines, i));
}

/* Takes the document and frees it. */
static int read_document(struct ctl_yaml *yaml, struct ctl_mistakes *m, struct wanem_config *ret_config)
{
	struct wanem_config *c = calloc(1, sizeof(*c));
	if (!c) {
		ctl_yaml_free(yaml);
		return -ENOMEM;
	}
	struct wanem_line undisturbed;
	wanem_line_init(&undisturbed, 0);
	for (uint32_t from = 0; from < WANEM_MAX_PORTS; from++)
		for (uint32_t to = 0; to < WANEM_MAX_PORTS; to++)
			c->line[from][to] = undisturbed.set;
	read_root(c, ctl_yaml_document(yaml, 0));
	if (m->found == 0)
		*ret_config = *c;
	free(c);
	ctl_yaml_free(yaml);
	return m->found ? -EINVAL : 0;
}

int wanem_config_read(const char *path, struct ctl_mistakes *m, struct wanem_config *ret_config)
{
	struct ctl_yaml *yaml;
	int error = ctl_yaml_open(path, m, &yaml);
	return error ? error : read_document(yaml, m, ret_config);
}

int wanem_config_parse(
    const char *name, const char *text, size_t size, struct ctl_mistakes *m, struct wanem_config *ret_config)
{
	struct ctl_yaml *yaml;
	int error = ctl_yaml_parse(name, text, size, m, &yaml);
	return error ? error : read_document(yaml, m, ret_config);
}
