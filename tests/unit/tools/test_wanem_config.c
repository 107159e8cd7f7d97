/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/address.h"
#include "tools/wanem/config.h"
#include "tools/wanem/settings.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct wanem_config config;
static char mistakes_text[4096];

/* Reads `text` as a file; mistakes_text has what was wrong. */
static int read_text(const char *text)
{
	struct ctl_mistakes mistakes = {0};
	int error = wanem_config_parse("wanem.yaml", text, strlen(text), &mistakes, &config);
	ctl_mistakes_text(&mistakes, mistakes_text, sizeof(mistakes_text));
	ctl_mistakes_free(&mistakes);
	return error;
}

static bool is(const struct wire_addr *got, const char *text)
{
	struct wire_addr expected;
	return ctl_address_parse(text, &expected) == 0 && wire_addr_equal(got, &expected);
}

static const struct wanem_route *route_to(const char *text)
{
	struct wire_addr address;
	cr_assert(ctl_address_parse(text, &address) == 0);
	return wanem_routes_find(&config.routes, &address);
}

#define INTERFACES                                                                                                     \
	"interfaces:\n"                                                                                                \
	"  - {name: sgp1, address: 10.1.0.1/24, routes: [{prefix: 203.0.113.10/32, via: 10.1.0.2}]}\n"                 \
	"  - {name: fra1, address: 10.3.0.1/24}\n"

Test(config, reads_interfaces_routes_and_lines)
{
	int error = read_text("socket: /run/w.sock\nseed: 7\npackets: 100\n" INTERFACES "lines:\n"
	                      "  - {between: [sgp1, fra1], delay: 140ms, loss: 1%}\n"
	                      "  - {from: fra1, to: sgp1, jitter: 2ms, rate: 10Mbit, queue: 64KiB, dark: on}\n");
	cr_assert(error == 0, "%s", mistakes_text);
	cr_assert_str_eq(config.socket, "/run/w.sock");
	cr_assert(config.seed == 7 && config.packets == 100 && config.n_ports == 2);
	const struct wanem_gateway *gateway = &config.port[0].gateway[WANEM_V4];
	cr_assert(is(&gateway->address, "10.1.0.1") && gateway->length == 96 + 24);
	cr_assert(wire_addr_is_unset(&config.port[0].gateway[WANEM_V6].address));
	const struct wanem_route *vip = route_to("203.0.113.10");
	cr_assert(vip && is(&vip->gateway, "10.1.0.2") && vip->port == 0);
	const struct wanem_impairment *there = &config.line[0][1], *back = &config.line[1][0];
	cr_assert(there->delay_ns == 140000000 && there->loss == 0.01 && there->jitter_ns == 0 && !there->dark);
	cr_assert(there->queue_bytes == WANEM_DEFAULT_QUEUE_BYTES);
	cr_assert(back->delay_ns == 140000000 && back->loss == 0.01 && back->jitter_ns == 2000000);
	cr_assert(back->rate_bps == 10000000 && back->queue_bytes == 65536 && back->dark);
}

Test(config, reads_interfaces_of_ipv6_alone_and_of_both)
{
	int error =
	    read_text("interfaces:\n"
	              "  - {name: a, address6: 2001:db8:1::1/64,\n"
	              "     routes: [{prefix: 2001:db8:f::10/128, via: 2001:db8:1::2}]}\n"
	              "  - {name: b, address: 10.2.0.1/24, address6: 2001:db8:2::1/64,\n"
	              "     routes: [{prefix: \"::/0\", via: 2001:db8:2::2}, {prefix: 10.9.0.0/16, via: 10.2.0.2}]}\n");
	cr_assert(error == 0, "%s", mistakes_text);
	cr_assert(is(&config.port[0].gateway[WANEM_V6].address, "2001:db8:1::1"));
	cr_assert(wire_addr_is_unset(&config.port[0].gateway[WANEM_V4].address));
	cr_assert(config.port[1].gateway[WANEM_V6].length == 64 && config.port[1].gateway[WANEM_V4].length == 96 + 24);
	const struct wanem_route *vip = route_to("2001:db8:f::10");
	cr_assert(vip && is(&vip->gateway, "2001:db8:1::2") && vip->port == 0);
	const struct wanem_route *near = route_to("2001:db8:2::7");
	cr_assert(near && wire_addr_is_unset(&near->gateway) && near->port == 1);
	cr_assert(route_to("2001:db8:77::1") && route_to("10.9.1.1"));
	cr_assert_null(route_to("10.8.0.1"), "the default of IPv6 is none of IPv4");
}

Test(config, names_each_mistake_and_changes_nothing)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
	    {"interfaces: []\nspeed: 1\n", "speed"},
	    {"seed: 1\n", "interfaces"},
	    {"interfaces:\n  - {name: a, address: 10.1.0.1}\n", "10.1.0.1/24"},
	    {"interfaces:\n  - {name: a, address: 10.1.0.1/33}\n", "interfaces[0].address"},
	    {"interfaces:\n  - {name: a, address: 10.1.0.1/24, routes: [{prefix: 10.3.1.0/28, via: 10.2.0.2}]}\n",
	        "neighbour"},
	    {"interfaces:\n  - {name: a}\n", "address6"},
	    {"interfaces:\n  - {name: a, address: 2001:db8::1/64}\n", "10.1.0.1/24"},
	    {"interfaces:\n  - {name: a, address6: 10.1.0.1/24}\n", "2001:db8:1::1/64"},
	    {"interfaces:\n  - {name: a, address6: 2001:db8::1/129}\n", "interfaces[0].address6"},
	    {"interfaces:\n  - {name: a, address6: fe80::1/64}\n", "interfaces[0].address6"},
	    {"interfaces:\n  - {name: a, address: 10.1.0.1/24, address6: 2001:db8::1/64,\n"
	     "     routes: [{prefix: 2001:db8:1::/48, via: 10.1.0.2}]}\n",
	        "of the prefix's version"},
	    {"interfaces:\n  - {name: a, address: 10.1.0.1/24}\n  - {name: a, address: 10.2.0.1/24}\n",
	        "listed already"},
	    {"interfaces:\n  - {name: a, address: 10.1.0.1/24}\n  - {name: b, address: 10.1.0.3/24}\n",
	        "routed already"},
	    {INTERFACES "lines:\n  - {from: sgp1, to: lhr1, delay: 1ms}\n", "lhr1"},
	    {INTERFACES "lines:\n  - {between: [sgp1], delay: 1ms}\n", "between"},
	    {INTERFACES "lines:\n  - {between: [sgp1, fra1], delay: 1}\n", "lines[0].delay"},
	    {INTERFACES "lines:\n  - {between: [sgp1, fra1], loss: 0.1}\n", "lines[0].loss"},
	    {INTERFACES "lines:\n  - {between: [sgp1, fra1], rate: fast}\n", "lines[0].rate"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&config, 0x55, sizeof(config));
		cr_assert(read_text(rows[i].text) == -EINVAL, "row %zu was accepted", i);
		cr_assert(strstr(mistakes_text, rows[i].expected), "row %zu says: %s", i, mistakes_text);
		cr_assert(config.seed == 0x5555555555555555u);
	}
}

Test(config, reads_rates_and_refuses_what_is_none)
{
	uint64_t bps = 1;
	cr_assert(wanem_rate_parse("1.5Gbit", &bps) == 0 && bps == 1500000000);
	cr_assert(wanem_rate_parse("300kbit", &bps) == 0 && bps == 300000);
	cr_assert(wanem_rate_parse("0", &bps) == 0 && bps == 0);
	static const char *const wrong[] = {"", "-1Mbit", "10", "10MB", "nan", "inf", "1e300Gbit", "0x10bit0", "Mbit"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(wanem_rate_parse(wrong[i], &bps) == -EINVAL, "'%s' was accepted", wrong[i]);
}
