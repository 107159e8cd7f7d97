/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/split.h"

#include <string.h>

#include "dataplane/output.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define OPTION_COPIED 0x80u /* RFC 791, 3.1 */
#define OPTION_END    0u
#define OPTION_NOP    1u

bool dp_split_may(const uint8_t *ip)
{
	const struct wire_ipv4 *v4 = (const struct wire_ipv4 *)ip;
	return !wire_ip_is_v6(ip) && !(wire_be16(&v4->frag_off) & WIRE_IPV4_DF);
}

/* The header of fragments after the first: of options only those that say so. `at` has room for 60 bytes. */
static uint8_t put_later_header(uint8_t *at, const uint8_t *ip)
{
	const uint8_t *option = ip + sizeof(struct wire_ipv4), *end = ip + (ip[0] & 0x0fu) * 4u;
	uint8_t size = sizeof(struct wire_ipv4);
	memcpy(at, ip, sizeof(struct wire_ipv4));
	while (option < end && *option != OPTION_END) {
		uint8_t length = *option == OPTION_NOP ? 1 : end - option >= 2 ? option[1] : 0;
		if (length == 0 || length > end - option)
			break;
		if (*option & OPTION_COPIED) {
			memcpy(at + size, option, length);
			size = (uint8_t)(size + length);
		}
		option += length;
	}
	while (size % 4)
		at[size++] = OPTION_END;
	at[0] = (uint8_t)(0x40 | size / 4);
	return size;
}

/* One fragment: `n` bytes of payload from `offset` (in bytes, of m's own payload) on. */
static struct rte_mbuf *piece_of(struct dp_worker *w, const uint8_t *ip, const uint8_t *header, uint8_t header_size,
    unsigned offset, unsigned n, bool last)
{
	struct rte_mbuf *m = dp_output_alloc(w, (uint16_t)(header_size + n));
	if (!m)
		return NULL;
	struct wire_ipv4 *out = rte_pktmbuf_mtod(m, struct wire_ipv4 *);
	uint16_t was = wire_be16(&((const struct wire_ipv4 *)ip)->frag_off);
	uint16_t more = last ? was & WIRE_IPV4_MF : WIRE_IPV4_MF;
	memcpy(out, header, header_size);
	memcpy((uint8_t *)out + header_size, ip + (ip[0] & 0x0fu) * 4u + offset, n);
	wire_put_be16(&out->total_length, (uint16_t)(header_size + n));
	wire_put_be16(&out->frag_off, (uint16_t)(more | ((was & WIRE_IPV4_OFFSET_MASK) + offset / 8)));
	out->checksum = 0;
	out->checksum = wire_csum(out, header_size);
	return m;
}

unsigned dp_split(struct dp_worker *w, struct rte_mbuf *m, uint16_t room, struct rte_mbuf *ret_piece[DP_SPLIT_MAX])
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t first = (uint8_t)((ip[0] & 0x0fu) * 4u), later[60];
	uint8_t later_size = put_later_header(later, ip);
	unsigned total = rte_pktmbuf_pkt_len(m) - first, n = 0;
	enum wire_drop drop = room < first + 8u ? WIRE_DROP_TOO_BIG : WIRE_DROP_NONE;
	for (unsigned offset = 0; drop == WIRE_DROP_NONE && offset < total;) {
		uint8_t size = offset ? later_size : first;
		unsigned most = (room - size) / 8u * 8u, left = total - offset;
		bool last = left <= (unsigned)room - size;
		if (n == DP_SPLIT_MAX) {
			drop = WIRE_DROP_TOO_BIG;
			break;
		}
		ret_piece[n] = piece_of(w, ip, offset ? later : ip, size, offset, last ? left : most, last);
		if (ret_piece[n])
			n++;
		else
			drop = WIRE_DROP_NO_MBUF;
		offset += most;
	}
	if (drop != WIRE_DROP_NONE) {
		rte_pktmbuf_free_bulk(ret_piece, n);
		dp_drop(w, m, drop);
		return 0;
	}
	rte_pktmbuf_free(m);
	return n;
}
