/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/port.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(port, specs_become_arguments_of_dpdk)
{
	static const struct {
		const char *spec, *option, *value;
	} rows[] = {
	    {"af_xdp:eth1", "--vdev", "net_af_xdp1,iface=eth1"},
	    {"tap:gen0", "--vdev", "net_tap1,iface=gen0"},
	    {"memif:/run/m.sock,role=client", "--vdev", "net_memif1,socket-abstract=no,socket=/run/m.sock,role=client"},
	    {"pcap:/tmp/out.pcap", "--vdev", "net_pcap1,tx_pcap=/tmp/out.pcap"},
	    {"null", "--vdev", "net_null1"},
	    {"ring", "--vdev", "net_ring1"},
	    {"pci:0000:3b:00.0", "--allow", "0000:3b:00.0"},
	    {"pci:0000:3b:00.0,rx_burst_vec=1", "--allow", "0000:3b:00.0,rx_burst_vec=1"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char args[2][PORT_ARGS_SIZE];
		const char *error = NULL;
		cr_assert_eq(port_eal_args(rows[i].spec, 1, args, &error), 2, "%s: %s", rows[i].spec, error);
		cr_assert_str_eq(args[0], rows[i].option);
		cr_assert_str_eq(args[1], rows[i].value);
	}
}

Test(port, a_wrong_spec_is_refused_in_one_line)
{
	static const char *const rows[] = {
	    "", "eth1", "af_xdp", "af_xdp:", "null:x", "ring:1", "pci", "pci:", "xdp:eth1"};
	char long_spec[PORT_ARGS_SIZE + 8] = "memif:";
	memset(long_spec + 6, 'x', sizeof(long_spec) - 7);
	for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
		const char *spec = i < sizeof(rows) / sizeof(rows[0]) ? rows[i] : long_spec, *error = NULL;
		char args[2][PORT_ARGS_SIZE];
		cr_assert_eq(port_eal_args(spec, 0, args, &error), -EINVAL, "'%s'", spec);
		cr_assert(error && *error && !strchr(error, '\n'));
	}
}
