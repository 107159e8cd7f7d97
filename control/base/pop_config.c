/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/pop_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/base/clock.h"
#include "wire/packet.h"

#define MAX_FLOWS        (1u << 26) /* 4 GiB of cache lines a worker */
#define MIN_MTU          576u       /* RFC 791: what every host accepts */
#define MAX_MTU          9216u
#define MIN_CAPACITY     1000000ull          /* bits a second: 1 Mbit */
#define MAX_CAPACITY     1000000000000000ull /* 1000 Tbit */
#define MAX_VLAN         4094u               /* IEEE 802.1Q, 9.6: 0 says a priority alone, 4095 is reserved */
#define MAX_CLOCK_OFFSET ((int64_t)(86400 * CTL_NS_PER_S))

const char *const ctl_port_driver_names[] = {"af_xdp", "pci", "memif", "tap", "pcap", "ring", "null", NULL};
const char *const ctl_idle_names[] = {"busy", "adaptive", NULL};
const char *const ctl_timestamps_names[] = {"auto", "user", NULL};
const char *const ctl_reflector_names[] = {"stateful", "stateless", NULL};
const char *const ctl_answer_names[] = {"links", "any", NULL};
const char *const ctl_clock_names[] = {"ntp", "ptp", "ssu", "gnss", NULL};

static const char *const top_keys[] = {"pop", "id", "region", "run-dir", "store", "secret-file", "next-secret-file",
    "test-clock-offset", "log", "dataplane", "ports", "links", "probes", NULL};
static const char *const dataplane_keys[] = {
    "workers", "idle", "hugepages", "memory", "flows", "nat-flows", "nat-pool", NULL};
static const char *const nat_keys[] = {"address", "ports", NULL};
static const char *const port_keys[] = {
    "name", "driver", "interface", "queues", "device", "role", "rx-file", "tx-file", "mtu", "vlan", NULL};
static const char *const link_keys[] = {
    "link", "address", "port", "mtu", "provider", "cost", "capacity", "authenticated", NULL};
static const char *const probes_keys[] = {"rate", "timestamps", "reflector", "answer", "clock", NULL};

/* Leaves ret_text alone if value is absent. */
static void copy_text(struct ctl_yaml_value value, char *ret_text, size_t size)
{
	const char *text = ctl_yaml_text(value, size, NULL);
	if (text)
		snprintf(ret_text, size, "%s", text);
}

static void read_host(struct ctl_yaml_value value, struct wire_addr *ret_address)
{
	if (ctl_yaml_address(value, ret_address) && !wire_addr_is_host(ret_address))
		ctl_yaml_complain(value, "must be an address that other hosts can reach, such as 192.0.2.1");
}

/* As the kernel's dev_valid_name(), and without what separates the words of DPDK's arguments. */
static void read_interface(struct ctl_yaml_value value, char ret_name[CTL_POP_INTERFACE_SIZE])
{
	copy_text(value, ret_name, CTL_POP_INTERFACE_SIZE);
	if (strpbrk(ret_name, "/:,= ") || strcmp(ret_name, ".") == 0 || strcmp(ret_name, "..") == 0)
		ctl_yaml_complain(
		    value, "must be an interface's name: without '/', ':', ',', '=' and blanks, such as eth0");
}

/* ---- dataplane: ---- */

static void read_nat(struct ctl_yaml_value item, struct ctl_pop_config *config)
{
	struct ctl_pop_dataplane *d = &config->dataplane;
	struct ctl_pop_nat *nat = &d->nats[d->n_nats];
	*nat = (struct ctl_pop_nat){.port_lo = 1024, .port_hi = UINT16_MAX};
	ctl_yaml_only(item, nat_keys);
	struct ctl_yaml_value address = ctl_yaml_need(item, "address");
	read_host(address, &nat->address);
	ctl_yaml_port_range(ctl_yaml_get(item, "ports"), &nat->port_lo, &nat->port_hi);
	for (unsigned i = 0; i < d->n_nats; i++)
		if (wire_addr_equal(&d->nats[i].address, &nat->address))
			ctl_yaml_complain(address, "stands in the pool twice; join their port ranges in one line");
	for (unsigned i = 0; i < config->n_servers; i++)
		if (wire_addr_equal(&config->server[i], &nat->address))
			ctl_yaml_complain(address, "is an address of the store; NAT addresses are of their own");
	d->n_nats++;
}

static void read_dataplane(struct ctl_yaml_value map, struct ctl_pop_config *config)
{
	struct ctl_pop_dataplane *d = &config->dataplane;
	static const char *const hugepages[] = {"no", "auto", NULL};
	ctl_yaml_only(map, dataplane_keys);
	d->workers = (uint32_t)ctl_yaml_uint(ctl_yaml_get(map, "workers"), 1, CTL_POP_MAX_WORKERS, d->workers);
	d->idle = (enum ctl_idle)ctl_yaml_choice(ctl_yaml_get(map, "idle"), ctl_idle_names, (int)d->idle);
	d->hugepages = ctl_yaml_choice(ctl_yaml_get(map, "hugepages"), hugepages, 1) == 1;
	d->memory_bytes = ctl_yaml_size(ctl_yaml_get(map, "memory"), 64ull << 20, 1ull << 40, d->memory_bytes);
	d->flows = (uint32_t)ctl_yaml_uint(ctl_yaml_get(map, "flows"), 64, MAX_FLOWS, d->flows);
	d->nat_flows = (uint32_t)ctl_yaml_uint(ctl_yaml_get(map, "nat-flows"), 64, MAX_FLOWS, d->nat_flows);
	struct ctl_yaml_value pool = ctl_yaml_get(map, "nat-pool");
	unsigned n = ctl_yaml_items(pool, CTL_POP_MAX_NATS);
	for (unsigned i = 0; i < n; i++)
		read_nat(ctl_yaml_item(pool, i), config);
}

/* ---- ports: ---- */

/* The field by which a driver finds its device; NULL: it needs none. */
static const char *driver_needs(enum ctl_port_driver driver)
{
	static const char *const needs[] = {
	    [CTL_PORT_AF_XDP] = "interface",
	    [CTL_PORT_PCI] = "device",
	    [CTL_PORT_MEMIF] = "device",
	    [CTL_PORT_TAP] = "interface",
	    [CTL_PORT_NULL] = NULL,
	};
	return needs[driver];
}

static void read_vlan(struct ctl_yaml_value value, struct ctl_pop_port *port)
{
	bool shared = port->driver == CTL_PORT_AF_XDP || (port->driver == CTL_PORT_PCAP && port->interface[0]);
	if (!ctl_yaml_is_present(&value))
		return;
	if (ctl_yaml_scalar(&value)) {
		port->vlan[0] = (uint16_t)ctl_yaml_uint(value, 1, MAX_VLAN, 1);
		port->vlan_tags = 1;
	} else {
		port->vlan_tags = (uint8_t)ctl_yaml_items(value, 2);
		for (unsigned i = 0; i < port->vlan_tags; i++)
			port->vlan[i] = (uint16_t)ctl_yaml_uint(ctl_yaml_item(value, i), 1, MAX_VLAN, 1);
		if (port->vlan_tags != 2)
			ctl_yaml_complain(value, "write one VLAN's id, or [OUTER, INNER]");
	}
	if (shared)
		ctl_yaml_complain(value, "is not for an interface that the kernel shares; let 'interface' be the "
		                         "kernel's own of this VLAN");
}

/* Buffers are all of one size, and an af_xdp port's are of less than a page. */
static void check_mtus(struct ctl_yaml_value ports, const struct ctl_pop_config *config)
{
	bool af_xdp = false;
	for (unsigned i = 0; i < config->n_ports; i++)
		af_xdp = af_xdp || config->ports[i].driver == CTL_PORT_AF_XDP;
	for (unsigned i = 0; i < config->n_ports; i++)
		if (af_xdp && config->ports[i].mtu > CTL_POP_USUAL_MTU)
			ctl_yaml_complain(ctl_yaml_get(ctl_yaml_item(ports, i), "mtu"),
			    "must be at most %u beside an af_xdp port", CTL_POP_USUAL_MTU);
}

static void check_port(struct ctl_yaml_value item, const struct ctl_pop_port *ports, unsigned n)
{
	const struct ctl_pop_port *port = &ports[n];
	const char *needs = driver_needs(port->driver);
	if (needs)
		ctl_yaml_need(item, needs);
	if (port->driver == CTL_PORT_PCAP && !port->interface[0] && !port->rx_file[0])
		ctl_yaml_complain(item, "a pcap port needs 'interface', or 'rx-file' and 'tx-file'");
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(ports[i].name, port->name) == 0)
			ctl_yaml_complain(
			    ctl_yaml_get(item, "name"), "another port has this name; choose one of its own");
		if (port->interface[0] && strcmp(ports[i].interface, port->interface) == 0)
			ctl_yaml_complain(
			    ctl_yaml_get(item, "interface"), "port '%s' has this interface", ports[i].name);
	}
}

/* Where the device is not the kernel's own, or is the wire's end (tap), the data plane makes a TAP: dataplane/port.h. */
static void name_kernel_side(struct ctl_pop_port *port)
{
	bool own = port->driver == CTL_PORT_AF_XDP || port->driver == CTL_PORT_PCAP;
	bool tap = port->driver == CTL_PORT_PCI || port->driver == CTL_PORT_MEMIF || port->driver == CTL_PORT_TAP;
	if (own)
		memcpy(port->kernel, port->interface, sizeof(port->kernel));
	else if (tap)
		memcpy(
		    stpcpy(port->kernel, "kf-"), port->name, strnlen(port->name, sizeof(port->kernel) - sizeof("kf-")));
}

static void read_port(struct ctl_yaml_value item, struct ctl_pop_config *config)
{
	static const char *const roles[] = {"client", "server", NULL};
	struct ctl_pop_port *port = &config->ports[config->n_ports];
	*port = (struct ctl_pop_port){0};
	if (!ctl_yaml_only(item, port_keys))
		return;
	ctl_yaml_name(ctl_yaml_need(item, "name"), port->name);
	port->driver =
	    (enum ctl_port_driver)ctl_yaml_choice(ctl_yaml_need(item, "driver"), ctl_port_driver_names, CTL_PORT_NULL);
	read_interface(ctl_yaml_get(item, "interface"), port->interface);
	copy_text(ctl_yaml_get(item, "device"), port->device, sizeof(port->device));
	copy_text(ctl_yaml_get(item, "rx-file"), port->rx_file, sizeof(port->rx_file));
	copy_text(ctl_yaml_get(item, "tx-file"), port->tx_file, sizeof(port->tx_file));
	port->memif_server = ctl_yaml_choice(ctl_yaml_get(item, "role"), roles, 0) == 1;
	port->queues = (uint16_t)ctl_yaml_uint(ctl_yaml_get(item, "queues"), 1, CTL_POP_MAX_QUEUES, 1);
	port->mtu = (uint16_t)ctl_yaml_uint(ctl_yaml_get(item, "mtu"), WIRE_IPV6_MIN_MTU, MAX_MTU, 0);
	read_vlan(ctl_yaml_get(item, "vlan"), port);
	name_kernel_side(port);
	check_port(item, config->ports, config->n_ports);
	config->n_ports++;
}

/* ---- links: ---- */

/* Ports without a good name are mistakes already, and no choice. */
static uint8_t read_link_port(struct ctl_yaml_value value, const struct ctl_pop_config *config)
{
	const char *names[WIRE_CTL_MAX_PORTS + 1] = {0};
	unsigned n = 0;
	for (unsigned i = 0; i < config->n_ports; i++)
		if (config->ports[i].name[0])
			names[n++] = config->ports[i].name;
	if (n == 0 && ctl_yaml_is_present(&value))
		ctl_yaml_complain(value, "must be the name of a port, and 'ports' has none with a good name");
	return n ? (uint8_t)ctl_yaml_choice(value, names, 0) : 0;
}

static void check_link(struct ctl_yaml_value item, const struct ctl_pop_config *config)
{
	const struct ctl_pop_link *link = &config->links[config->n_links];
	if (wire_addr_is_unset(&link->address))
		return;
	for (unsigned i = 0; i < config->n_links; i++) {
		if (config->links[i].link == link->link)
			ctl_yaml_complain(ctl_yaml_get(item, "link"), "another link has this number");
		if (wire_addr_equal(&config->links[i].address, &link->address))
			ctl_yaml_complain(
			    ctl_yaml_get(item, "address"), "link %u has this address", config->links[i].link);
	}
	for (unsigned i = 0; i < config->dataplane.n_nats; i++)
		if (wire_addr_equal(&config->dataplane.nats[i].address, &link->address))
			ctl_yaml_complain(ctl_yaml_get(item, "address"),
			    "is in nat-pool too; NAT addresses are of their own, never a link's");
}

static void read_link(struct ctl_yaml_value item, struct ctl_pop_config *config)
{
	struct ctl_pop_link *link = &config->links[config->n_links];
	*link = (struct ctl_pop_link){0};
	if (!ctl_yaml_only(item, link_keys))
		return;
	link->link = (uint8_t)ctl_yaml_uint(ctl_yaml_need(item, "link"), 0, UINT8_MAX, 0);
	read_host(ctl_yaml_need(item, "address"), &link->address);
	link->port = read_link_port(ctl_yaml_need(item, "port"), config);
	unsigned least = wire_addr_is_v4(&link->address) ? MIN_MTU : WIRE_IPV6_MIN_MTU;
	link->mtu = (uint16_t)ctl_yaml_uint(ctl_yaml_get(item, "mtu"), least, MAX_MTU, 1500);
	ctl_yaml_name(ctl_yaml_get(item, "provider"), link->provider);
	link->cost = ctl_yaml_number(ctl_yaml_get(item, "cost"), 0, 1e6, 0);
	link->capacity_bps = ctl_yaml_bitrate(ctl_yaml_get(item, "capacity"), MIN_CAPACITY, MAX_CAPACITY, 0);
	link->authenticated = ctl_yaml_bool(ctl_yaml_get(item, "authenticated"), false);
	check_link(item, config);
	config->n_links++;
}

/* ---- the whole ---- */

static void read_run_dir(struct ctl_yaml_value map, struct ctl_pop_config *config)
{
	struct ctl_yaml_value value = ctl_yaml_get(map, "run-dir");
	snprintf(config->run_dir, sizeof(config->run_dir), "/run/kuafu/%s", config->name);
	copy_text(value, config->run_dir, sizeof(config->run_dir));
	if (config->run_dir[0] != '/' || !config->run_dir[strspn(config->run_dir, "/")])
		ctl_yaml_complain(
		    value, "must be the absolute path of a directory of its own, such as /run/kuafu/%s", config->name);
}

static void read_store(struct ctl_yaml_value value, struct ctl_pop_config *config)
{
	static const char etcd[] = "etcd://", sqlite[] = "sqlite:///";
	copy_text(value, config->store, sizeof(config->store));
	if (strncmp(config->store, etcd, strlen(etcd)) == 0) {
		int n = ctl_servers_parse(config->store + strlen(etcd), config->server);
		config->n_servers = n < 0 ? 0 : (unsigned)n;
	}
	if (config->store[0] && !config->n_servers && strncmp(config->store, sqlite, strlen(sqlite)) != 0)
		ctl_yaml_complain(value,
		    "must be etcd://HOST:PORT[,HOST:PORT…] of at most %u servers, or sqlite:///PATH", CTL_MAX_SERVERS);
}

static void read_probes(struct ctl_yaml_value map, struct ctl_pop_config *config)
{
	ctl_yaml_only(map, probes_keys);
	config->probe_rate_hz = ctl_yaml_number(ctl_yaml_get(map, "rate"), 0.1, 1000, config->probe_rate_hz);
	config->timestamps = (enum ctl_timestamps)ctl_yaml_choice(
	    ctl_yaml_get(map, "timestamps"), ctl_timestamps_names, (int)config->timestamps);
	config->reflector = (enum ctl_reflector)ctl_yaml_choice(
	    ctl_yaml_get(map, "reflector"), ctl_reflector_names, CTL_REFLECTOR_STATEFUL);
	config->answer =
	    (enum ctl_answer)ctl_yaml_choice(ctl_yaml_get(map, "answer"), ctl_answer_names, CTL_ANSWER_LINKS);
	config->clock = (enum wire_stamp_sync)(
	    WIRE_STAMP_SYNC_NTP + ctl_yaml_choice(ctl_yaml_get(map, "clock"), ctl_clock_names, 0));
}

static void read_pop(struct ctl_yaml_value map, struct ctl_pop_config *config)
{
	if (!ctl_yaml_only(map, top_keys))
		return;
	ctl_yaml_name(ctl_yaml_need(map, "pop"), config->name);
	config->id = (uint16_t)ctl_yaml_uint(ctl_yaml_need(map, "id"), 1, UINT16_MAX, 0);
	ctl_yaml_name(ctl_yaml_need(map, "region"), config->region);
	read_run_dir(map, config);
	read_store(ctl_yaml_need(map, "store"), config);
	copy_text(ctl_yaml_need(map, "secret-file"), config->secret_file, sizeof(config->secret_file));
	copy_text(ctl_yaml_get(map, "next-secret-file"), config->next_secret_file, sizeof(config->next_secret_file));
	config->clock_offset_ns =
	    ctl_yaml_duration(ctl_yaml_get(map, "test-clock-offset"), -MAX_CLOCK_OFFSET, MAX_CLOCK_OFFSET, 0);
	config->log =
	    (enum ctl_log_level)ctl_yaml_choice(ctl_yaml_get(map, "log"), ctl_log_level_names, (int)config->log);
	read_dataplane(ctl_yaml_get(map, "dataplane"), config);
	struct ctl_yaml_value ports = ctl_yaml_need(map, "ports"), links = ctl_yaml_get(map, "links");
	unsigned n = ctl_yaml_items(ports, WIRE_CTL_MAX_PORTS);
	for (unsigned i = 0; i < n; i++)
		read_port(ctl_yaml_item(ports, i), config);
	check_mtus(ports, config);
	n = ctl_yaml_items(links, CTL_POP_MAX_LINKS);
	for (unsigned i = 0; i < n; i++)
		read_link(ctl_yaml_item(links, i), config);
	read_probes(ctl_yaml_get(map, "probes"), config);
}

static int read_yaml(const char *name, const struct ctl_yaml *yaml, struct ctl_mistakes *m, struct ctl_pop_config *ret)
{
	struct ctl_pop_config config = {
	    .log = CTL_LOG_INFO,
	    .dataplane = {.workers = 1,
	        .idle = CTL_IDLE_ADAPTIVE,
	        .hugepages = true,
	        .memory_bytes = 256ull << 20,
	        .flows = 65536,
	        .nat_flows = 65536},
	    .probe_rate_hz = 20,
	};
	unsigned found = m->found;
	if (ctl_yaml_documents(yaml) != 1)
		ctl_mistake(m, "%s: must hold exactly one document; see pop.yaml(5)", name);
	else
		read_pop(ctl_yaml_document(yaml, 0), &config);
	if (m->found != found)
		return -EINVAL;
	*ret = config;
	return 0;
}

int ctl_pop_config_parse(
    const char *name, const char *text, size_t size, struct ctl_mistakes *m, struct ctl_pop_config *ret_config)
{
	struct ctl_yaml *yaml;
	int error = ctl_yaml_parse(name, text, size, m, &yaml);
	if (error)
		return error;
	error = read_yaml(name, yaml, m, ret_config);
	ctl_yaml_free(yaml);
	return error;
}

int ctl_pop_config_load(const char *path, struct ctl_mistakes *m, struct ctl_pop_config *ret_config)
{
	struct ctl_yaml *yaml;
	int error = ctl_yaml_open(path, m, &yaml);
	if (error)
		return error;
	error = read_yaml(path, yaml, m, ret_config);
	ctl_yaml_free(yaml);
	return error;
}

char *ctl_pop_run_path(const struct ctl_pop_config *config, const char *file, char *path)
{
	snprintf(path, CTL_RUN_PATH_SIZE, "%s/%s", config->run_dir, file);
	return path;
}
