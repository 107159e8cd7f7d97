/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/pop_config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/base/address.h"

static const char good[] =
    "pop: sgp1\n"
    "id: 1\n"
    "region: ap-southeast\n"
    "store: etcd://10.255.0.1:2379\n"
    "secret-file: /etc/kuafu/secret\n"
    "test-clock-offset: -3ms\n"
    "log: debug\n"
    "dataplane:\n"
    "  workers: 2\n"
    "  memory: 128MiB\n"
    "  nat-pool: [{address: 10.3.1.1, ports: 1024-65535}]\n"
    "ports:\n"
    "  - {name: wan, driver: af_xdp, interface: eth0, queues: 1}\n"
    "  - {name: sink, driver: null}\n"
    "links:\n"
    "  - {link: 0, address: 10.1.0.2, port: wan, mtu: 1400, provider: isp-a, cost: 2.5, capacity: 2.5Gbit, "
    "authenticated: true}\n"
    "  - {link: 1, address: 10.2.0.2, port: sink}\n"
    "probes: {rate: 50, timestamps: user, reflector: stateless, answer: any, clock: ptp}\n"
    "next-secret-file: /etc/kuafu/next\n";

static struct ctl_mistakes mistakes;
static struct ctl_pop_config config;

static int parse(const char *text)
{
	return ctl_pop_config_parse("pop.yaml", text, strlen(text), &mistakes, &config);
}

Test(pop_config, the_documented_file_is_read)
{
	cr_assert(parse(good) == 0, "%s", mistakes.kept ? mistakes.line[0] : "");
	struct wire_addr address;
	ctl_address_parse("10.1.0.2", &address);
	cr_assert(strcmp(config.name, "sgp1") == 0 && config.id == 1);
	cr_assert(strcmp(config.run_dir, "/run/kuafu/sgp1") == 0, "%s", config.run_dir);
	cr_assert(config.clock_offset_ns == -3000000 && config.log == CTL_LOG_DEBUG);
	cr_assert(config.dataplane.workers == 2 && config.dataplane.memory_bytes == 128u << 20);
	cr_assert(config.dataplane.flows == 65536 && config.dataplane.hugepages);
	cr_assert(config.dataplane.n_nats == 1 && config.dataplane.nats[0].port_lo == 1024);
	cr_assert(config.n_ports == 2 && config.ports[1].driver == CTL_PORT_NULL);
	cr_assert(config.n_links == 2 && config.links[1].port == 1 && config.links[1].mtu == 1500);
	cr_assert(wire_addr_equal(&config.links[0].address, &address) && config.links[0].cost == 2.5);
	cr_assert(config.links[0].capacity_bps == 2500000000u);
	cr_assert(config.probe_rate_hz == 50 && config.timestamps == CTL_TIMESTAMPS_USER);
	cr_assert(config.reflector == CTL_REFLECTOR_STATELESS && config.answer == CTL_ANSWER_ANY);
	cr_assert(config.clock == WIRE_STAMP_SYNC_PTP && strcmp(config.next_secret_file, "/etc/kuafu/next") == 0);
	cr_assert(config.links[0].authenticated && !config.links[1].authenticated);
}

/* The file with one line's text replaced. */
static int parse_with(const char *from, const char *to)
{
	char text[2 * sizeof(good)];
	const char *at = strstr(good, from);
	cr_assert(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	ctl_mistakes_free(&mistakes);
	return parse(text);
}

Test(pop_config, the_kernel_has_its_share_of_a_port_where_the_driver_leaves_it)
{
	const char *text = "pop: a\nid: 1\nregion: r\nstore: sqlite:///x\nsecret-file: /s\nports:\n"
	                   "  - {name: a, driver: af_xdp, interface: eth0}\n"
	                   "  - {name: b, driver: pci, device: '0000:01:00.0'}\n"
	                   "  - {name: a-name-of-more, driver: memif, device: /m}\n"
	                   "  - {name: d, driver: tap, interface: tap0}\n"
	                   "  - {name: e, driver: pcap, interface: eth1}\n"
	                   "  - {name: f, driver: ring}\n";
	static const char *const kernel[] = {"eth0", "kf-b", "kf-a-name-of-mo", "kf-d", "eth1", ""};
	cr_assert(parse(text) == 0, "%s", mistakes.kept ? mistakes.line[0] : "");
	for (unsigned i = 0; i < 6; i++)
		cr_assert_str_eq(config.ports[i].kernel, kernel[i]);
}

Test(pop_config, a_port_may_be_of_a_vlan_and_of_an_mtu)
{
	const char *text = "pop: a\nid: 1\nregion: r\nstore: sqlite:///x\nsecret-file: /s\nports:\n"
	                   "  - {name: a, driver: pci, device: '0000:01:00.0', mtu: 9000, vlan: 100}\n"
	                   "  - {name: b, driver: pcap, rx-file: /i, tx-file: /o, vlan: [200, 4094]}\n"
	                   "  - {name: c, driver: ring}\n";
	cr_assert(parse(text) == 0, "%s", mistakes.kept ? mistakes.line[0] : "");
	const struct ctl_pop_port *p = config.ports;
	cr_assert(p[0].mtu == 9000 && p[0].vlan_tags == 1 && p[0].vlan[0] == 100);
	cr_assert(p[1].mtu == 0 && p[1].vlan_tags == 2 && p[1].vlan[0] == 200 && p[1].vlan[1] == 4094);
	cr_assert(p[2].mtu == 0 && p[2].vlan_tags == 0);
}

Test(pop_config, each_mistake_is_one_line_with_its_remedy)
{
	static const struct {
		const char *from, *to, *line;
	} rows[] = {
	    {"id: 1", "id: 0", "pop.yaml:2: id: '0': must be a whole number from 1 to 65535"},
	    {"region: ap-southeast\n", "", "pop.yaml:1: region: missing; add 'region: …'"},
	    {"etcd://", "redis://",
	        "pop.yaml:4: store: 'redis://10.255.0.1:2379': must be etcd://HOST:PORT[,HOST:PORT…] of at most 8 "
	        "servers, or sqlite:///PATH"},
	    {"10.3.1.1", "10.255.0.1",
	        "pop.yaml:11: dataplane.nat-pool[0].address: '10.255.0.1': is an address of the store; NAT addresses "
	        "are "
	        "of their own"},
	    {"workers: 2", "worker: 2", "pop.yaml:9: dataplane: 'worker': unknown field; did you mean 'workers'?"},
	    {"port: sink", "port: lan", "pop.yaml:17: links[1].port: 'lan': must be one of: wan, sink"},
	    {"link: 1,", "link: 0,", "pop.yaml:17: links[1].link: '0': another link has this number"},
	    {"10.2.0.2", "10.1.0.2", "pop.yaml:17: links[1].address: '10.1.0.2': link 0 has this address"},
	    {"10.2.0.2", "10.3.1.1",
	        "pop.yaml:17: links[1].address: '10.3.1.1': is in nat-pool too; NAT addresses are of "
	        "their own, never a link's"},
	    {"{link: 1, address: 10.2.0.2", "{link: 1, mtu: 1279, address: \"2001:db8::2\"",
	        "pop.yaml:17: links[1].mtu: '1279': must be a whole number from 1280 to 9216"},
	    {"name: sink", "name: wan",
	        "pop.yaml:14: ports[1].name: 'wan': another port has this name; choose one of its "
	        "own"},
	    {", interface: eth0", "", "pop.yaml:13: ports[0].interface: missing; add 'interface: …'"},
	    {"mtu: 1400", "mtu: 90000", "pop.yaml:16: links[0].mtu: '90000': must be a whole number from 576 to 9216"},
	    {"queues: 1}", "vlan: 100}",
	        "pop.yaml:13: ports[0].vlan: '100': is not for an interface that the kernel shares; let 'interface' be "
	        "the kernel's own of this VLAN"},
	    {"driver: null}", "driver: null, vlan: 4095}",
	        "pop.yaml:14: ports[1].vlan: '4095': must be a whole number from 1 to 4094"},
	    {"driver: null}", "driver: null, vlan: [7, 0]}",
	        "pop.yaml:14: ports[1].vlan[1]: '0': must be a whole number from 1 to 4094"},
	    {"driver: null}", "driver: null, vlan: [7]}",
	        "pop.yaml:14: ports[1].vlan: write one VLAN's id, or [OUTER, INNER]"},
	    {"driver: null}", "driver: null, mtu: 9000}",
	        "pop.yaml:14: ports[1].mtu: '9000': must be at most 1500 beside an af_xdp port"},
	    {"driver: null}", "driver: null, mtu: 1279}",
	        "pop.yaml:14: ports[1].mtu: '1279': must be a whole number from 1280 to 9216"},
	    {"test-clock-offset: -3ms", "run-dir: tmp",
	        "pop.yaml:6: run-dir: 'tmp': must be the absolute path of a directory of its own, such as "
	        "/run/kuafu/sgp1"},
	    {"test-clock-offset: -3ms", "run-dir: //",
	        "pop.yaml:6: run-dir: '//': must be the absolute path of a directory of its own, such as "
	        "/run/kuafu/sgp1"},
	    {"interface: eth0", "interface: 'e,h=0'",
	        "pop.yaml:13: ports[0].interface: 'e,h=0': must be an interface's name: without '/', ':', ',', '=' and "
	        "blanks, such as eth0"},
	    {"interface: eth0", "interface: sixteen-letters-",
	        "pop.yaml:13: ports[0].interface: 'sixteen-letters-': must be text of 1 to 15 bytes"},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config = (struct ctl_pop_config){.id = 77};
		cr_assert(parse_with(rows[i].from, rows[i].to) == -22);
		cr_assert(config.id == 77, "the output is untouched");
		const char *found = mistakes.kept ? mistakes.line[mistakes.kept - 1] : "nothing";
		bool there = false;
		for (unsigned j = 0; j < mistakes.kept; j++)
			there = there || strcmp(mistakes.line[j], rows[i].line) == 0;
		cr_assert(there, "expected: %s\ngot: %s", rows[i].line, found);
	}
}

Test(pop_config, links_and_the_nat_pool_have_addresses_of_hosts)
{
	static const char *const wrong[] = {"0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "'::1'",
	    "'fe80::1'", "'ff02::1'", "'::ffff:1.2.3.4'"};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert(parse_with("10.3.1.1", wrong[i]) == -22 && mistakes.found == 1, "%s", wrong[i]);
		cr_assert(strstr(mistakes.line[0], "pop.yaml:11: dataplane.nat-pool[0].address: "));
		cr_assert(parse_with("10.2.0.2", wrong[i]) == -22 && mistakes.found == 1, "%s", wrong[i]);
		cr_assert(strstr(mistakes.line[0], "pop.yaml:17: links[1].address: "));
	}
}

Test(pop_config, a_port_with_a_bad_name_is_no_choice_for_links)
{
	cr_assert(parse_with("name: sink", "name: SINK") != 0 && mistakes.found == 2);
	cr_assert_str_eq(mistakes.line[1], "pop.yaml:17: links[1].port: 'sink': must be one of: wan");
	ctl_mistakes_free(&mistakes);
	cr_assert(parse("pop: a\nid: 1\nregion: r\nstore: sqlite:///x\nsecret-file: /s\nports: [{name: A B, driver: "
	                "null}]\nlinks: [{link: 0, address: 10.0.0.1, port: A B}]\n") != 0);
	cr_assert(mistakes.found == 2);
	cr_assert_str_eq(mistakes.line[1],
	    "pop.yaml:7: links[0].port: 'A B': must be the name of a port, and 'ports' has none with a good name");
}

Test(pop_config, several_mistakes_are_all_reported)
{
	cr_assert(parse_with("id: 1\nregion: ap-southeast\n", "id: x\nregion: A B\nlogg: info\n") != 0);
	cr_assert(mistakes.found == 3, "%u", mistakes.found);
}

Test(pop_config, a_file_that_is_not_there_is_a_mistake)
{
	cr_assert(ctl_pop_config_load("/nonexistent/pop.yaml", &mistakes, &config) == -22);
	cr_assert(
	    strcmp(mistakes.line[0], "/nonexistent/pop.yaml: cannot be read: No such file or directory; check the "
	                             "path and its permissions") == 0);
}
