/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unwraps tunnelled packets on an origin: see ebpf/endpoint.h. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire/ask.h"
#include "wire/ecn.h"

enum {
	IPIP,
	GENEVE,
	DENIED,
	STRANGER,
	MALFORMED,
	ECN,
	PASSED,
	COUNTERS
}; /* KBPF_ENDPOINT_COUNTERS, in the same order */

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

struct outer {
	struct wire_addr from;
	__u32 header; /* bytes */
	__u8 protocol;
	__u8 tos;
};

#define MOST_HEADERS 0x1ffu /* 40 of IPv6, 8 of UDP, 260 of Geneve: the verifier wants to be told */

/* Takes IP header and `tunnel` bytes behind it off and puts the Ethernet header, with the inner type, before the rest.
 * The inner packet keeps what the path marked on the outer one (RFC 6040). */
static __always_inline int unwrap(struct xdp_md *ctx, const struct outer *o, __u32 tunnel, __u16 type, __u32 counter)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 size = (o->header + tunnel) & MOST_HEADERS;
	__u8 *inner = data + sizeof(struct wire_ether) + size;
	struct wire_ether ether, *now;
	if (data + sizeof(ether) > end || inner + sizeof(struct wire_ipv4) > end || wire_ip_ethertype(inner) != type)
		return verdict(MALFORMED, XDP_DROP);
	if (type == WIRE_ETHERTYPE_IPV6 ? inner + sizeof(struct wire_ipv6) > end : *inner >> 4 != 4)
		return verdict(MALFORMED, XDP_DROP);
	if (!wire_ecn_unwrap(inner, o->tos))
		return verdict(ECN, XDP_DROP);
	__builtin_memcpy(&ether, data, sizeof(ether));
	ether.type = bpf_htons(type);
	if (bpf_xdp_adjust_head(ctx, (int)size))
		return verdict(MALFORMED, XDP_DROP);
	now = (void *)(long)ctx->data;
	if ((void *)(now + 1) > (void *)(long)ctx->data_end)
		return verdict(MALFORMED, XDP_DROP);
	__builtin_memcpy(now, &ether, sizeof(ether));
	return verdict(counter, XDP_PASS);
}

/* The length of the Geneve header at `g`, 0 when it is malformed or holds a critical option, of which we know none
 * (RFC 8926, 3.5: drop it). */
static __always_inline __u32 geneve_length(const struct wire_geneve *g, const void *end)
{
	if ((const void *)(g + 1) > end || g->version_optlen >> 6 ||
	    (g->flags & (WIRE_GENEVE_OAM | WIRE_GENEVE_CRITICAL)))
		return 0;
	return sizeof(*g) + (g->version_optlen & WIRE_GENEVE_OPTLEN_MASK) * 4u;
}

/* The ends of a TCP segment at `inner` that begins no connection. false: it is something else, or a fragment. */
static __always_inline bool read_segment(
    const __u8 *inner, const __u8 *end, struct bpf_sock_tuple *ret, __u32 *ret_size)
{
	const struct wire_ipv4 *v4 = (const void *)inner;
	const struct wire_ipv6 *v6 = (const void *)inner;
	const struct wire_tcp *tcp;
	if ((const __u8 *)(v4 + 1) > end)
		return false;
	if (v4->version_ihl == 0x45 && v4->protocol == WIRE_PROTO_TCP) {
		if (v4->frag_off & bpf_htons(WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK))
			return false;
		tcp = (const void *)(v4 + 1);
		__builtin_memcpy(&ret->ipv4.saddr, v4->src, 4);
		__builtin_memcpy(&ret->ipv4.daddr, v4->dst, 4);
	} else if ((const __u8 *)(v6 + 1) <= end && wire_ip_is_v6(v6) && v6->next_header == WIRE_PROTO_TCP) {
		tcp = (const void *)(v6 + 1);
		__builtin_memcpy(ret->ipv6.saddr, v6->src, 16);
		__builtin_memcpy(ret->ipv6.daddr, v6->dst, 16);
	} else {
		return false;
	}
	if ((const __u8 *)(tcp + 1) > end || tcp->flags & WIRE_TCP_SYN)
		return false;
	bool is_v4 = (const void *)tcp == v4 + 1;
	__builtin_memcpy(is_v4 ? &ret->ipv4.sport : &ret->ipv6.sport, &tcp->src, 2);
	__builtin_memcpy(is_v4 ? &ret->ipv4.dport : &ret->ipv6.dport, &tcp->dst, 2);
	*ret_size = is_v4 ? sizeof(ret->ipv4) : sizeof(ret->ipv6);
	return true;
}

/* What is not surely another's is ours: the kernel answers it as it always would. */
static __always_inline bool is_ours(struct xdp_md *ctx, const __u8 *inner)
{
	struct bpf_sock_tuple ends = {};
	__u32 size;
	if (!read_segment(inner, (const __u8 *)(long)ctx->data_end, &ends, &size))
		return true;
	struct bpf_sock *socket = bpf_skc_lookup_tcp(ctx, &ends, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return false;
	bool connected = socket->state != BPF_TCP_LISTEN;
	bpf_sk_release(socket);
	return connected;
}

static __always_inline void exchange(void *a, void *b, __u32 size)
{
	__u8 kept[16];
	__builtin_memcpy(kept, a, size);
	__builtin_memcpy(a, b, size);
	__builtin_memcpy(b, kept, size);
}

/* Back to the POP as it came, but for the option's type: no sum changes when ends are exchanged. */
static __always_inline int deny(struct xdp_md *ctx, const struct outer *o)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct wire_ether *ether = (void *)data;
	struct wire_ipv4 *v4 = (void *)(ether + 1);
	struct wire_ipv6 *v6 = (void *)(ether + 1);
	struct wire_udp *udp = o->header == sizeof(*v4) ? (void *)(v4 + 1) : (void *)(v6 + 1);
	struct wire_geneve_opt *option = (void *)((__u8 *)(udp + 1) + sizeof(struct wire_geneve));
	if ((__u8 *)(option + 1) > end)
		return verdict(MALFORMED, XDP_DROP);
	exchange(ether->src, ether->dst, sizeof(ether->src));
	if (o->header == sizeof(*v4))
		exchange(v4->src, v4->dst, sizeof(v4->src));
	else
		exchange(v6->src, v6->dst, sizeof(v6->src));
	exchange(&udp->src, &udp->dst, sizeof(udp->src));
	option->type = WIRE_OPT_DENIED;
	return verdict(DENIED, XDP_TX);
}

static __always_inline int unwrap_geneve(struct xdp_md *ctx, const struct outer *o, const struct wire_udp *udp)
{
	const struct wire_geneve *g = (const void *)(udp + 1);
	__u32 length = geneve_length(g, (const void *)(long)ctx->data_end);
	if (!length)
		return verdict(MALFORMED, XDP_DROP);
	__u16 type = bpf_ntohs(g->protocol);
	if (type != WIRE_ETHERTYPE_IPV4 && type != WIRE_ETHERTYPE_IPV6)
		return verdict(MALFORMED, XDP_DROP);
	const __u8 *behind = (const __u8 *)(g + 1) + WIRE_ASK_SIZE;
	if (behind <= (const __u8 *)(long)ctx->data_end && wire_ask_is(g, WIRE_OPT_ASK) && !is_ours(ctx, behind))
		return deny(ctx, o);
	return unwrap(ctx, o, sizeof(*udp) + length, type, GENEVE);
}

/* The outer header, without options, extensions or fragments: no POP sends such. */
static __always_inline bool read_outer(const __u8 *data, const __u8 *end, struct outer *ret)
{
	const struct wire_ether *ether = (const void *)data;
	const struct wire_ipv4 *v4 = (const void *)(ether + 1);
	const struct wire_ipv6 *v6 = (const void *)(ether + 1);
	if ((const __u8 *)(v4 + 1) > end)
		return false;
	if (ether->type == bpf_htons(WIRE_ETHERTYPE_IPV4) && v4->version_ihl == 0x45) {
		*ret = (struct outer){wire_addr_from_v4(v4->src), sizeof(*v4), v4->protocol, v4->tos};
		return !(v4->frag_off & bpf_htons(WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK));
	}
	if (ether->type != bpf_htons(WIRE_ETHERTYPE_IPV6) || (const __u8 *)(v6 + 1) > end || !wire_ip_is_v6(v6))
		return false;
	*ret = (struct outer){wire_addr_from_v6(v6->src), sizeof(*v6), v6->next_header, wire_ip_tos(v6)};
	return true;
}

SEC("xdp")
int kuafu_endpoint(struct xdp_md *ctx)
{
	const __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct outer o;
	if (!read_outer(data, end, &o))
		return verdict(PASSED, XDP_PASS);
	const struct wire_udp *udp = (const void *)(data + sizeof(struct wire_ether) + o.header);
	bool geneve =
	    o.protocol == WIRE_PROTO_UDP && (const __u8 *)(udp + 1) <= end && udp->dst == bpf_htons(WIRE_OVERLAY_PORT);
	if (!geneve && o.protocol != WIRE_PROTO_IPIP && o.protocol != WIRE_PROTO_IPV6)
		return verdict(PASSED, XDP_PASS);
	if (!bpf_map_lookup_elem(&pops, &o.from))
		return verdict(STRANGER, XDP_DROP);
	if (geneve)
		return unwrap_geneve(ctx, &o, udp);
	__u16 type = o.protocol == WIRE_PROTO_IPV6 ? WIRE_ETHERTYPE_IPV6 : WIRE_ETHERTYPE_IPV4;
	return unwrap(ctx, &o, 0, type, IPIP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
