// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The two programs of a POP's network interface.
 *
 *   in:  frame ─▶ steered address? ──all──────────────▶ AF_XDP socket of the queue, or dropped; but Neighbour
 *                       │                               Discovery is the kernel's, as ARP is
 *                       │ └─ours─▶ UDP 6081 (overlay) ─▶ the same
 *                       │          UDP 862 (a probe) ──▶ answered on the spot, while the forwarder lives; the
 *                       │                                kernel's, where our socket has more to say
 *                       │          from UDP 862 to our ▶ sample into the ring buffer
 *                       │          senders' port
 *                       └─no, or anything else────────▶ the kernel
 *   out: kernel's packet ─▶ a probe of ours? T1 is written ─▶ wire
 *
 * DPDK's net_af_xdp (libxdp) adopts a running program with this name, this metadata and this socket map. */
#include "ebpf/maps.bpf.h"
#include "ebpf/packet.bpf.h"
#include "ebpf/stamp.bpf.h"
#include "wire/overlay.h"

#include <linux/pkt_cls.h>

#define XSK_PROG_VERSION 1 /* the only one that libxdp 1.0 to 1.5 knows */

/* Never to the kernel: one that answered with a reset would kill what a restarted forwarder would save. */
static __always_inline int to_forwarder(uint32_t queue)
{
	int verdict = (int)bpf_redirect_map(&xsks_map, queue, XDP_DROP);
	count(verdict == XDP_REDIRECT ? WIRE_BPF_STEERED : WIRE_BPF_NO_SOCKET);
	return verdict;
}

static __always_inline int pass(void)
{
	count(WIRE_BPF_PASSED);
	return XDP_PASS;
}

/* RFC 4861: type 133 to 137. A neighbour may probe a VIP or NAT address of ours by unicast (7.3). */
static __always_inline bool is_discovery(const struct packet *p, const uint8_t *data, const uint8_t *end)
{
	const uint8_t *type = data + sizeof(struct wire_ether) + sizeof(struct wire_ipv6);
	if (!p->v6 || p->protocol != WIRE_PROTO_ICMPV6 || type + 1 > end)
		return false;
	return *type >= WIRE_ICMPV6_ND_FIRST && *type <= WIRE_ICMPV6_ND_LAST;
}

SEC("xdp")
int xsk_def_prog(struct xdp_md *ctx)
{
	uint8_t *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = {0};
	if (!parse(&p, data, end))
		return pass();
	const uint32_t *how = bpf_map_lookup_elem(&steer, &p.dst);
	if (!how)
		return pass();
	if (*how == WIRE_STEER_ALL)
		return is_discovery(&p, data, end) ? pass() : to_forwarder(ctx->rx_queue_index);
	const struct wire_udp *udp = udp_of(&p, data, end);
	if (!udp)
		return pass();
	if (udp->dst == bpf_htons(WIRE_OVERLAY_PORT))
		return to_forwarder(ctx->rx_queue_index);
	if (udp->dst == bpf_htons(WIRE_STAMP_PORT))
		return reflect(ctx, &p, bpf_ktime_get_ns());
	const struct wire_bpf_config *c = configuration();
	if (udp->src == bpf_htons(WIRE_STAMP_PORT) && c && c->sender_port && udp->dst == bpf_htons(c->sender_port))
		return take_reply(ctx, &p, c, bpf_ktime_get_ns());
	return pass();
}

/* Offset of the UDP header of a packet of ours without options, or 0. */
static __always_inline uint32_t own_udp(const uint8_t *data, const uint8_t *end)
{
	const struct wire_ether *ether = (const void *)data;
	const struct wire_ipv4 *v4 = (const void *)(ether + 1);
	const struct wire_ipv6 *v6 = (const void *)(ether + 1);
	if ((const uint8_t *)(v4 + 1) > end)
		return 0;
	if (ether->type == bpf_htons(WIRE_ETHERTYPE_IPV4))
		return v4->version_ihl == 0x45 && v4->protocol == WIRE_PROTO_UDP &&
		               !(v4->frag_off & bpf_htons(WIRE_IPV4_MF | WIRE_IPV4_OFFSET_MASK))
		           ? sizeof(*ether) + sizeof(*v4)
		           : 0;
	if (ether->type != bpf_htons(WIRE_ETHERTYPE_IPV6) || (const uint8_t *)(v6 + 1) > end)
		return 0;
	return v6->next_header == WIRE_PROTO_UDP ? sizeof(*ether) + sizeof(*v6) : 0;
}

SEC("tc")
int stamp_egress(struct __sk_buff *skb)
{
	const uint8_t *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	uint32_t l4 = own_udp(data, end);
	const struct wire_bpf_config *c = configuration();
	if (l4 == 0 || !c || c->sender_port == 0)
		return TC_ACT_UNSPEC;
	const struct wire_udp *udp = (const void *)(data + l4);
	if ((const uint8_t *)(udp + 1) + WIRE_STAMP_SIZE > end)
		return TC_ACT_UNSPEC;
	if (udp->dst != bpf_htons(WIRE_STAMP_PORT) || udp->src != bpf_htons(c->sender_port))
		return TC_ACT_UNSPEC;
	uint32_t time = l4 + sizeof(*udp) + offsetof(struct wire_stamp_sender, time);
	uint8_t before[8], after[8];
	if (bpf_skb_load_bytes(skb, time, before, sizeof(before)))
		return TC_ACT_UNSPEC;
	wire_stamp_time_put(after, bpf_ktime_get_ns() + c->clock_offset_ns);
	int64_t difference = bpf_csum_diff((void *)before, sizeof(before), (void *)after, sizeof(after), 0);
	/* Knows a checksum that the device has yet to finish, and leaves a zero one zero. */
	if (bpf_l4_csum_replace(skb, l4 + offsetof(struct wire_udp, checksum), 0, difference, BPF_F_MARK_MANGLED_0))
		return TC_ACT_UNSPEC;
	bpf_skb_store_bytes(skb, time, after, sizeof(after), 0);
	count(WIRE_BPF_STAMPED);
	return TC_ACT_UNSPEC;
}

__uint(xsk_prog_version, XSK_PROG_VERSION) SEC("xdp_metadata");

char dual_license[] SEC("license") = "Dual BSD/GPL";
