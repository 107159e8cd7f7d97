/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unwraps tunnelled packets on an origin: see ebpf/endpoint.h. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire/address.h"
#include "wire/overlay.h"
#include "wire/packet.h"

enum { IPIP, GENEVE, STRANGER, MALFORMED, PASSED, COUNTERS }; /* KBPF_ENDPOINT_COUNTERS, in the same order */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct wire_addr);
	__type(value, __u8);
} pops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline int verdict(__u32 counter, int action)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &counter);
	if (n)
		(*n)++;
	return action;
}

/* Takes `outer` bytes of IP and tunnel header off and puts the Ethernet header, with the inner type, before the rest. */
static __always_inline int unwrap(struct xdp_md *ctx, __u32 outer, __u16 type, __u32 counter)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct wire_ether ether, *now;
	if (data + sizeof(ether) > end)
		return verdict(MALFORMED, XDP_DROP);
	__builtin_memcpy(&ether, data, sizeof(ether));
	ether.type = bpf_htons(type);
	if (bpf_xdp_adjust_head(ctx, (int)outer))
		return verdict(MALFORMED, XDP_DROP);
	now = (void *)(long)ctx->data;
	if ((void *)(now + 1) > (void *)(long)ctx->data_end)
		return verdict(MALFORMED, XDP_DROP);
	__builtin_memcpy(now, &ether, sizeof(ether));
	return verdict(counter, XDP_PASS);
}

/* The length of the Geneve header at `g`, 0 when it is malformed or holds a critical option that we do not know
 * (RFC 8926, 3.5: drop it). A POP that tunnels to an origin sends no options. */
static __always_inline __u32 geneve_length(const struct wire_geneve *g, const void *end)
{
	if ((const void *)(g + 1) > end || g->version_optlen >> 6 ||
	    (g->flags & (WIRE_GENEVE_OAM | WIRE_GENEVE_CRITICAL)))
		return 0;
	return sizeof(*g) + (g->version_optlen & WIRE_GENEVE_OPTLEN_MASK) * 4u;
}

static __always_inline int unwrap_geneve(struct xdp_md *ctx, const struct wire_ipv4 *ip)
{
	const void *end = (const void *)(long)ctx->data_end;
	const struct wire_udp *udp = (const void *)(ip + 1);
	const struct wire_geneve *g = (const void *)(udp + 1);
	__u32 length = geneve_length(g, end);
	if (!length)
		return verdict(MALFORMED, XDP_DROP);
	__u16 type = bpf_ntohs(g->protocol);
	if (type != WIRE_ETHERTYPE_IPV4 && type != WIRE_ETHERTYPE_IPV6)
		return verdict(MALFORMED, XDP_DROP);
	return unwrap(ctx, sizeof(*ip) + sizeof(*udp) + length, type, GENEVE);
}

SEC("xdp")
int kuafu_endpoint(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct wire_ether *ether = data;
	const struct wire_ipv4 *ip = (const void *)(ether + 1);
	const struct wire_udp *udp = (const void *)(ip + 1);

	if ((void *)(ip + 1) > end || ether->type != bpf_htons(WIRE_ETHERTYPE_IPV4) || ip->version_ihl != 0x45)
		return verdict(PASSED, XDP_PASS);
	bool ipip = ip->protocol == WIRE_PROTO_IPIP;
	bool geneve =
	    ip->protocol == WIRE_PROTO_UDP && (void *)(udp + 1) <= end && udp->dst == bpf_htons(WIRE_OVERLAY_PORT);
	if ((!ipip && !geneve) || (ip->frag_off & bpf_htons(WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK)))
		return verdict(PASSED, XDP_PASS);

	struct wire_addr from = wire_addr_from_v4(ip->src);
	if (!bpf_map_lookup_elem(&pops, &from))
		return verdict(STRANGER, XDP_DROP);
	return ipip ? unwrap(ctx, sizeof(*ip), WIRE_ETHERTYPE_IPV4, IPIP) : unwrap_geneve(ctx, ip);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
