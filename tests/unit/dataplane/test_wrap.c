/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/wrap.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lb/hash.h"
#include "lb/nat.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/control.h"

#define INNER 24

static struct wire_addr v4(uint8_t d)
{
	return wire_addr_from_v4((uint8_t[4]){10, 3, 1, d});
}

static struct wire_addr v6(uint8_t d)
{
	return wire_addr_from_v6((uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, [15] = d});
}

/* An inner packet behind room for outer headers; TOS 0x4e. */
static uint8_t *inner_of(uint8_t buffer[256], bool is_v6)
{
	uint8_t *inner = buffer + 100;
	memset(buffer, 0xee, 256);
	inner[0] = is_v6 ? 0x64 : 0x45;
	inner[1] = is_v6 ? 0xe0 : 0x4e;
	return inner;
}

static uint8_t *wrap(uint8_t buffer[256], const struct dp_wrap *w, bool is_v6_inner)
{
	uint8_t *inner = inner_of(buffer, is_v6_inner), before[INNER];
	uint16_t size = dp_wrap_size(w);
	memcpy(before, inner, INNER);
	dp_wrap_write(inner - size, w, INNER);
	cr_assert_arr_eq(inner, before, INNER, "the inner packet is as it was");
	cr_assert_eq(inner[-size - 1], 0xee, "no byte before the header is written");
	return inner - size;
}

Test(wrap, ip_in_ip_of_each_pair_of_versions)
{
	for (unsigned n = 0; n < 4; n++) {
		uint8_t buffer[256];
		bool outer6 = n & 1, inner6 = n & 2;
		struct dp_wrap w = {.cookie = 0x1234, .hash14 = 0x2345};
		w.src = outer6 ? v6(1) : v4(1);
		w.dst = outer6 ? v6(2) : v4(2);
		uint8_t *at = wrap(buffer, &w, inner6), protocol = inner6 ? 41 : 4;
		struct wire_addr src = wire_ip_src(at), dst = wire_ip_dst(at);
		cr_assert(wire_addr_equal(&src, &w.src) && wire_addr_equal(&dst, &w.dst));
		cr_assert_eq(wire_ip_tos(at), 0x4e, "DSCP and ECN");
		cr_assert_eq(wire_ip_ttl(at), 64);
		if (outer6) {
			cr_assert_eq(wire_be16(at + 4), INNER);
			cr_assert_eq(at[6], protocol);
			cr_assert_eq(wire_be32(at) & 0xfffff, 0x2345, "flow label");
		} else {
			cr_assert_eq(wire_be16(at + 2), 20 + INNER);
			cr_assert_eq(wire_be16(at + 4), 0x1234);
			cr_assert_eq(wire_be16(at + 6), WIRE_IPV4_DF);
			cr_assert_eq(at[9], protocol);
			cr_assert_eq(wire_csum_fold(wire_csum_add(0, at, 20)), 0xffff);
		}
	}
}

Test(wrap, geneve_is_udp_to_its_port_without_options_or_checksum)
{
	uint8_t buffer[256];
	struct dp_wrap w = {.src = v4(1), .dst = v4(2), .vni = 0x010203, .hash14 = 99, .encap = WIRE_ENCAP_GENEVE};
	uint8_t *at = wrap(buffer, &w, false);
	cr_assert_eq(at[9], 17);
	cr_assert_eq(wire_be16(at + 20), dp_wrap_port(99));
	cr_assert_eq(wire_be16(at + 22), 6081);
	cr_assert_eq(wire_be16(at + 24), 8 + 8 + INNER);
	cr_assert_eq(wire_be16(at + 26), 0);
	cr_assert_arr_eq(at + 28, "\x00\x00\x08\x00\x01\x02\x03\x00", 8);
	w.src = v6(1);
	w.dst = v6(2);
	at = wrap(buffer, &w, true);
	cr_assert_eq(at[6], 17);
	cr_assert_eq(wire_be16(at + 40 + 10), 0x86dd);
}

Test(wrap, the_source_port_of_geneve_belongs_to_the_flows_worker)
{
	static bool seen[1 << 14];
	for (unsigned hash = 0; hash < 1 << 14; hash++) {
		uint16_t port = dp_wrap_port((uint16_t)hash);
		cr_assert(port >= 0xc000 && !seen[port & 0x3fff], "a port each");
		seen[port & 0x3fff] = true;
		for (unsigned workers = 1; workers <= 64; workers += 7)
			cr_assert_eq(lb_nat_owner(port, workers), lb_owner((uint16_t)hash, workers));
	}
}

Test(wrap, what_was_written_is_read_again_as_far_as_it_is_quoted)
{
	for (unsigned n = 0; n < 12; n++) {
		uint8_t buffer[256];
		bool outer6 = n & 1, geneve = n & 12, asks = n & 8;
		struct dp_wrap w = {
		    .cookie = 0x1234, .encap = geneve ? WIRE_ENCAP_GENEVE : WIRE_ENCAP_IPIP, .asks = asks};
		w.src = outer6 ? v6(1) : v4(1);
		w.dst = outer6 ? v6(2) : v4(2);
		uint8_t *at = wrap(buffer, &w, n & 2);
		uint16_t size = dp_wrap_size(&w);
		for (uint16_t length = 0; length < size + INNER; length++) {
			struct dp_wrapped r;
			uint8_t *copy = malloc(length ? length : 1); /* so that a read past the end is seen */
			memcpy(copy, at, length);
			bool is = dp_wrap_read(copy, length, &r);
			cr_assert(is == (length >= size - (geneve ? 8 : 0) - (asks ? 12 : 0)), "%u of %u bytes", length,
			    size);
			if (is) {
				cr_assert(wire_addr_equal(&r.src, &w.src) && wire_addr_equal(&r.dst, &w.dst));
				cr_assert(r.encap == w.encap);
				cr_assert(r.overhead == size || (asks && length < size - 12),
				    "how long options are stands there");
				cr_assert(r.cookie == (outer6 ? 0 : 0x1234));
				cr_assert(r.inner == (length > size ? copy + size : NULL));
				cr_assert(r.left == (length > size ? length - size : 0));
			}
			free(copy);
		}
	}
}

Test(wrap, nothing_else_is_read_as_wrapped)
{
	uint8_t buffer[256];
	struct dp_wrap w = {.src = v4(1), .dst = v4(2), .encap = WIRE_ENCAP_GENEVE};
	struct dp_wrapped r;
	uint8_t *at = wrap(buffer, &w, false);
	at[20] = 0x40; /* a source port that we never use */
	cr_assert_not(dp_wrap_read(at, 60, &r));
	at[9] = 6;
	cr_assert_not(dp_wrap_read(at, 60, &r));
	at[9] = 4;
	cr_assert(dp_wrap_read(at, 60, &r));
	at[0] = 0x46;
	cr_assert_not(dp_wrap_read(at, 60, &r));
}
