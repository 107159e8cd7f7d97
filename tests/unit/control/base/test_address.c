/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/address.h"

#include <criterion/criterion.h>
#include <string.h>

Test(address, what_is_parsed_is_written_the_same)
{
	static const char *const rows[] = {"192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::1", "fe80::2"};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_addr address;
		char text[CTL_ADDRESS_TEXT];
		cr_assert(ctl_address_parse(rows[i], &address) == 0);
		cr_assert(strcmp(ctl_address_text(&address, text), rows[i]) == 0, "%s", text);
	}
}

Test(address, what_is_no_address_is_refused)
{
	static const char *const rows[] = {
	    "", "1.2.3", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4", "fe80::1%eth0", "a.b.c.d", "::ffff:1.2.3.4"};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_addr address;
		cr_assert(ctl_address_parse(rows[i], &address) != 0, "%s", rows[i]);
	}
}

Test(prefix, counts_the_bits_of_the_mapped_address)
{
	static const struct {
		const char *text;
		int length; /* -1: refused */
	} rows[] = {{"10.0.0.0/8", 104}, {"0.0.0.0/0", 96}, {"192.0.2.1", 128}, {"192.0.2.1/32", 128}, {"::/0", 0},
	    {"2001:db8::/32", 32}, {"10.0.0.1/8", -1}, {"10.0.0.0/33", -1}, {"10.0.0.0/", -1}, {"10.0.0.0/8x", -1},
	    {"/8", -1}, {"2001:db8::1/32", -1}};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_addr prefix;
		uint32_t length = 999;
		int error = ctl_prefix_parse(rows[i].text, &prefix, &length);
		cr_assert(error == 0 ? (int)length == rows[i].length : rows[i].length == -1, "%s", rows[i].text);
		cr_assert(error == 0 || length == 999, "untouched: %s", rows[i].text);
	}
}

Test(port_range, is_in_order_and_within_16_bits)
{
	uint16_t lo = 0, hi = 0;
	cr_assert(ctl_port_range_parse("443", &lo, &hi) == 0 && lo == 443 && hi == 443);
	cr_assert(ctl_port_range_parse("8000-8099", &lo, &hi) == 0 && lo == 8000 && hi == 8099);
	static const char *const bad[] = {"", "0", "65536", "9-8", "1-", "-1", "1-2-3", "4294967297", "+1", "1 "};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(ctl_port_range_parse(bad[i], &lo, &hi) != 0, "%s", bad[i]);
}

Test(servers, are_names_and_addresses_with_their_ports)
{
	static const char *const wrong[] = {"", "a", ":1", "a:", "a:0", "a:65536", "a:1,", ",a:1", "a:1,,b:2", "a b:1",
	    "a:1/", "2001:db8::1:1", "[10.0.0.1]:1", "[]:1", "[2001:db8::1]", "u@a:1",
	    "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1"};
	struct wire_addr found[CTL_MAX_SERVERS], v4, v6;
	char host[CTL_HOST_SIZE];
	cr_assert(ctl_address_parse("10.0.0.1", &v4) == 0 && ctl_address_parse("2001:db8::1", &v6) == 0);
	cr_assert(ctl_servers_parse("10.0.0.1:2379,etcd-1.example:65535,[2001:db8::1]:1", found) == 3);
	cr_assert(wire_addr_equal(&found[0], &v4) && wire_addr_is_unset(&found[1]) && wire_addr_equal(&found[2], &v6));
	cr_assert_str_eq(ctl_server_host("10.0.0.1:2379,etcd-1.example:65535,[2001:db8::1]:1", 0, host), "10.0.0.1");
	cr_assert_str_eq(
	    ctl_server_host("10.0.0.1:2379,etcd-1.example:65535,[2001:db8::1]:1", 1, host), "etcd-1.example");
	cr_assert_str_eq(ctl_server_host("10.0.0.1:2379,etcd-1.example:65535,[2001:db8::1]:1", 2, host), "2001:db8::1");
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(ctl_servers_parse(wrong[i], found) == -22, "%s", wrong[i]);
}
