/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The objects of a transaction between kuafud and kuafu-dataplane (wire/control.h): the bodies of UPSERT and DELETE. The
 * fields before `end of key` are the key; DELETE reads only those. */
#pragma once

#include "wire/address.h"
#include "wire/overlay.h"
#include "wire/quic.h"

#define WIRE_CTL_NAME_SIZE  32u /* with its terminating zero */
#define WIRE_CTL_MAX_SHARES 8u

/* What the data plane keeps at most. kuafud leaves out what is beyond, so that one object too many, or one that cannot
 * be kept, does not refuse a whole transaction. */
#define WIRE_CTL_MAX_POPS    1024u
#define WIRE_CTL_MAX_LINKS   16384u /* ours and foreign ones */
#define WIRE_CTL_MAX_CLASSES 8u     /* route policy classes */
#define WIRE_CTL_MAX_NATS    8u
#define WIRE_CTL_MIN_MTU     576u /* of a link; RFC 791 */
#define WIRE_CTL_V6_EXTRA    20u  /* bytes by which an outer IPv6 header is longer than IPv4's */

struct wire_ctl_settings { /* one row, no key */
	uint16_t pop;
	uint16_t reserved;
	uint32_t keepalive_interval_us;
	uint32_t keepalive_dead; /* intervals of silence after which a link is down */
	uint32_t tcp_syn_ms;     /* flow timeouts, by protocol and TCP state */
	uint32_t tcp_established_ms;
	uint32_t tcp_closing_ms;
	uint32_t udp_ms;
	uint32_t reserved2;
};

struct wire_ctl_pop {
	uint16_t pop; /* end of key */
	uint16_t flags;
	uint32_t reserved;
	char name[WIRE_CTL_NAME_SIZE];
};

/* A directed link. Ours (from_pop is our POP) have addresses and serve both directions of traffic with that neighbour;
 * foreign ones are named so that a flooded notice can take them out of a path. */
struct wire_ctl_link {
	uint32_t link; /* end of key; ids are kuafud's, unique in this data plane */
	uint16_t from_pop;
	uint16_t to_pop;
	uint8_t local_link;
	uint8_t remote_link;
	uint16_t mtu; /* of the outer packet, bytes */
	uint32_t reserved;
	struct wire_addr local;
	struct wire_addr remote;
};

enum wire_ctl_key_direction { WIRE_KEY_TX = 0, WIRE_KEY_RX = 1 };

/* Of a directed POP pair. Several may receive at a time (rotation); the TX key with the highest id sends. */
struct wire_ctl_key {
	uint16_t pop; /* the other end */
	uint8_t direction;
	uint8_t key_id; /* end of key */
	uint32_t reserved;
	uint8_t secret[16];
};

/* From us to `to_pop`, for a class. Links in order of travel; n_backup 0: there is none. */
struct wire_ctl_path {
	uint16_t to_pop;
	uint8_t class; /* end of key */
	uint8_t n_primary;
	uint8_t n_backup;
	uint8_t reserved[3];
	uint32_t primary[WIRE_PATH_MAX_HOPS];
	uint32_t backup[WIRE_PATH_MAX_HOPS];
	uint16_t primary_mtu; /* smallest MTU on the way, less WIRE_CTL_V6_EXTRA for links over IPv6 */
	uint16_t backup_mtu;
	uint32_t reserved2;
};

struct wire_ctl_vip {
	struct wire_addr address; /* end of key */
	uint32_t accelerator;
	uint32_t reserved;
};

struct wire_ctl_share {
	uint32_t group;
	uint32_t weight; /* of 65536 */
};

enum wire_ctl_affinity { WIRE_AFFINITY_NONE = 0, WIRE_AFFINITY_SOURCE_IP = 1 };
enum wire_ctl_client_ip { WIRE_CLIENT_IP_NONE = 0, WIRE_CLIENT_IP_TOA = 1, WIRE_CLIENT_IP_PROXY_V2 = 2 };

/* One row per VIP and port range. Ranges of one VIP and protocol do not overlap. */
struct wire_ctl_listener {
	uint32_t listener;    /* end of key */
	uint32_t accelerator; /* VNI, 24 bits */
	struct wire_addr vip;
	uint8_t protocol; /* WIRE_PROTO_TCP, WIRE_PROTO_UDP */
	uint8_t class;
	uint8_t affinity;
	uint8_t client_ip;
	uint16_t port_lo;
	uint16_t port_hi; /* inclusive */
	uint32_t n_shares;
	uint32_t quic;                                    /* how connection ids name the endpoint; 0: they do not */
	struct wire_ctl_share share[WIRE_CTL_MAX_SHARES]; /* how kuafud splits the traffic that enters here */
};

/* Connection ids of one listener's endpoints, by the configuration's rotation bits. */
struct wire_ctl_quic_config {
	uint8_t server_id_length; /* 1 .. 15; 0: there is no such configuration */
	uint8_t nonce_length;     /* at least 4; at most 19 with the server id's */
	uint8_t keyed;            /* 0: server ids are in the clear */
	uint8_t reserved[5];
	uint8_t key[16];
};

struct wire_ctl_quic {
	uint32_t quic; /* end of key */
	uint32_t reserved;
	struct wire_ctl_quic_config config[WIRE_QUIC_CODEPOINTS];
};

struct wire_ctl_group {
	uint32_t group;                                /* end of key */
	uint16_t egress_pop;                           /* the one that this POP uses */
	uint16_t candidate[WIRE_STEER_MAX_CANDIDATES]; /* second chance, in order; 0 ends */
	uint16_t reserved;
};

enum wire_ctl_endpoint_mode { WIRE_MODE_NAT = 0, WIRE_MODE_TUNNEL = 1 };
enum wire_ctl_encap { WIRE_ENCAP_IPIP = 0, WIRE_ENCAP_GENEVE = 1 }; /* of mode tunnel */
enum wire_ctl_endpoint_state {
	WIRE_ENDPOINT_UP = 0,
	WIRE_ENDPOINT_DRAINED = 1, /* no new flow, old ones stay */
	WIRE_ENDPOINT_DOWN = 2,    /* its flows move */
};

struct wire_ctl_endpoint {
	uint32_t endpoint; /* end of key */
	uint32_t group;
	struct wire_addr address;
	uint16_t port;
	uint16_t weight; /* 0 .. 255 */
	uint8_t mode;
	uint8_t state;
	uint8_t encap;
	uint8_t server_id_length; /* in QUIC connection ids; 0: has none */
	uint8_t server_id[WIRE_QUIC_MAX_SERVER_ID + 1];
};

/* A source-NAT address of this POP. Workers split the port range among themselves. */
struct wire_ctl_nat {
	struct wire_addr address; /* end of key */
	uint16_t port_lo;
	uint16_t port_hi; /* inclusive */
	uint32_t reserved;
};

struct wire_ctl_adjacency {
	uint32_t adjacency; /* end of key; 0 is reserved: next hop not resolved */
	uint16_t port;
	uint16_t mtu;
	uint8_t src[6];
	uint8_t dst[6];
	uint32_t reserved;
};

#define WIRE_CTL_NOWHERE UINT32_MAX

struct wire_ctl_route {
	struct wire_addr prefix;
	uint32_t length; /* 0 .. 128, an IPv4 prefix of n bits is 96 + n; end of key */
	uint32_t adjacency;
	uint32_t port; /* when adjacency is 0: where to ask for the neighbour; WIRE_CTL_NOWHERE: it leads to no port */
	uint32_t reserved;
};

_Static_assert(sizeof(struct wire_ctl_settings) % 8 == 0, "ABI");
_Static_assert(sizeof(struct wire_ctl_pop) == 40, "ABI");
_Static_assert(sizeof(struct wire_ctl_link) == 48, "ABI");
_Static_assert(sizeof(struct wire_ctl_key) == 24, "ABI");
_Static_assert(sizeof(struct wire_ctl_path) == 48, "ABI");
_Static_assert(sizeof(struct wire_ctl_vip) == 24, "ABI");
_Static_assert(sizeof(struct wire_ctl_listener) == 104, "ABI");
_Static_assert(sizeof(struct wire_ctl_group) == 16, "ABI");
_Static_assert(sizeof(struct wire_ctl_quic) == 176, "ABI");
_Static_assert(sizeof(struct wire_ctl_endpoint) == 48, "ABI");
_Static_assert(sizeof(struct wire_ctl_nat) == 24, "ABI");
_Static_assert(sizeof(struct wire_ctl_adjacency) == 24, "ABI");
_Static_assert(sizeof(struct wire_ctl_route) == 32, "ABI");
