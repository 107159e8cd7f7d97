/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ABI between kuafud and kuafu-dataplane, over a SOCK_SEQPACKET UNIX socket (<run-dir>/dataplane.sock; the data
 * plane listens and serves one client). Host byte order, but addresses are bytes as on the wire; ports are host order.
 *
 * A datagram holds one or more whole messages, at most WIRE_CTL_MAX_DATAGRAM bytes. Every message starts with
 * struct wire_ctl_header and is padded to a multiple of 8.
 *
 *   kuafud                              data plane
 *   HELLO            ------------->
 *                    <-------------     HELLO        (with the descriptor of the counters' memfd)
 *   TABLES           ------------->                  (with the memfd of the last data plane's flow tables, if there is one)
 *                    <-------------     TABLES       (with the memfd of its own, for kuafud to keep)
 *   HEARTBEAT_MAP    ------------->                  (with the descriptor of the BPF heartbeat array)
 *   BEGIN g [FULL]   ------------->
 *   UPSERT, DELETE   ------------->                  any number
 *   COMMIT g         ------------->
 *                    <-------------     ACK g        every worker has taken the new state
 *                    <-------------     ERROR g      or: nothing has changed, and this is why
 *   LINK_STATE       <------------>                  at any time, outside transactions too
 *   FLOWS_QUERY, TRACE_START, CAPTURE_START, …      rows come back as they are found
 *
 * BEGIN with FULL replaces the whole state: what is not sent again is gone at COMMIT. A transaction that does not
 * validate, or a connection that ends before COMMIT, changes nothing. */
#pragma once

#include "wire/address.h"
#include "wire/overlay.h"
#include "wire/quic.h"

#define WIRE_CTL_VERSION      3u
#define WIRE_CTL_MAX_DATAGRAM 65536u

enum wire_ctl_type {
	WIRE_CTL_HELLO = 1,
	WIRE_CTL_HEARTBEAT_MAP = 2,
	WIRE_CTL_BEGIN = 3,
	WIRE_CTL_UPSERT = 4,
	WIRE_CTL_DELETE = 5,
	WIRE_CTL_COMMIT = 6,
	WIRE_CTL_ACK = 7,
	WIRE_CTL_ERROR = 8,
	WIRE_CTL_LINK_STATE = 9,
	WIRE_CTL_NEIGHBOUR_WANTED = 10,
	WIRE_CTL_FLOWS_QUERY = 11,
	WIRE_CTL_FLOW = 12,
	WIRE_CTL_FLOWS_END = 13,
	WIRE_CTL_TRACE_START = 14,
	WIRE_CTL_TRACE_STOP = 15,
	WIRE_CTL_TRACE = 16,
	WIRE_CTL_PATH_STATE = 17,
	WIRE_CTL_CAPTURE_START = 18,
	WIRE_CTL_CAPTURE_STOP = 19,
	WIRE_CTL_CAPTURED = 20,
	WIRE_CTL_TABLES = 21,
};

enum wire_ctl_object {
	WIRE_OBJ_SETTINGS = 1,
	WIRE_OBJ_POP = 2,
	WIRE_OBJ_LINK = 3,
	WIRE_OBJ_KEY = 4,
	WIRE_OBJ_PATH = 5,
	WIRE_OBJ_VIP = 6,
	WIRE_OBJ_LISTENER = 7,
	WIRE_OBJ_GROUP = 8,
	WIRE_OBJ_ENDPOINT = 9,
	WIRE_OBJ_NAT = 10,
	WIRE_OBJ_ADJACENCY = 11,
	WIRE_OBJ_ROUTE = 12,
	WIRE_OBJ_QUIC = 13,
	WIRE_OBJ_COUNT
};

struct wire_ctl_header {
	uint16_t type;       /* enum wire_ctl_type */
	uint16_t object;     /* enum wire_ctl_object for UPSERT and DELETE, else 0 */
	uint32_t length;     /* of the whole message, header included; a multiple of 8 */
	uint64_t generation; /* of the transaction; 0 outside one */
};

enum wire_ctl_begin_flags { WIRE_CTL_FULL = 1 };

#define WIRE_CTL_MAX_PORTS  16u
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

struct wire_ctl_hello {
	uint32_t version; /* WIRE_CTL_VERSION; another one ends the connection with ERROR */
	uint32_t pid;
	uint64_t boot_id;    /* random, new at every start of the sender: tells a restart from a reconnect */
	uint64_t generation; /* data plane: the last one committed, 0 after a start */
	uint32_t workers;
	uint32_t n_ports;
	char port[WIRE_CTL_MAX_PORTS][WIRE_CTL_NAME_SIZE]; /* names in `ports:`; the index is the port number here */
};

struct wire_ctl_heartbeat_map {
	uint32_t entries; /* of 8 bytes: each worker writes CLOCK_MONOTONIC ns into its own */
	uint32_t reserved;
};

/* The memory's layout is the data plane's own affair. From kuafud all fields are zero. */
struct wire_ctl_tables {
	uint64_t flows; /* that the data plane took over */
	uint64_t nat_flows;
	int32_t code; /* 0: taken over; -ENOENT: there was nothing to take; else why not, in words below */
	uint32_t reserved;
	char text[200];
};

struct wire_ctl_begin {
	uint32_t flags;
	uint32_t reserved;
};

struct wire_ctl_error {
	int32_t code; /* -errno */
	uint16_t object;
	uint16_t reserved;
	char text[240]; /* what was wrong, one line: object, key, field, value */
};

/* ---- objects: the fields before `end of key` are the key; DELETE reads only those ---- */

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

/* ---- outside transactions ---- */

/* kuafud -> data plane: what STAMP knows of our own links. Data plane -> kuafud: the outcome for any link (ours, both
 * sources together; foreign ones by flood). */
struct wire_ctl_link_state {
	uint16_t from_pop;
	uint16_t to_pop;
	uint8_t local_link;
	uint8_t remote_link;
	uint8_t state;  /* enum wire_link_state */
	uint8_t cause;  /* enum wire_link_cause */
	uint64_t at_ns; /* CLOCK_REALTIME of the knowledge */
};

/* Data plane -> kuafud: which of a path's two is in use from now on. */
struct wire_ctl_path_state {
	uint16_t to_pop;
	uint8_t class;
	uint8_t active; /* 0 primary, 1 backup, 2 none usable */
	uint32_t reserved;
	uint64_t at_ns;
};

struct wire_ctl_neighbour_wanted {
	uint32_t port;
	uint32_t reserved;
	struct wire_addr address;
};

enum wire_ctl_flow_role { WIRE_FLOW_INGRESS = 1, WIRE_FLOW_EGRESS = 2 };
enum wire_ctl_flow_end { WIRE_END_ANY = 0, WIRE_END_CLIENT = 1, WIRE_END_VIP = 2, WIRE_END_ENDPOINT = 3 };

/* Matches a packet or flow in either direction; unset fields (zero) match anything. end, end2, state, role and
 * pop are FLOWS_QUERY's alone. */
struct wire_ctl_filter {
	struct wire_addr address; /* client, VIP, endpoint or NAT address */
	struct wire_addr address2;
	uint16_t l4_port;
	uint8_t protocol;
	uint8_t end; /* enum wire_ctl_flow_end: which end has `address` */
	uint8_t end2;
	uint8_t state; /* enum lb_flow_state */
	uint8_t role;  /* enum wire_ctl_flow_role */
	uint8_t reserved;
	uint32_t limit; /* rows or packets after which it ends; 0: no limit */
	uint16_t pop;   /* the flow's ingress or egress */
	uint16_t snap;  /* CAPTURE_START's: bytes of each frame at most; 0: WIRE_CTL_MAX_SNAP */
};

struct wire_ctl_flow {
	struct wire_addr client;
	struct wire_addr vip;
	struct wire_addr endpoint_address;
	struct wire_addr nat_address; /* egress only */
	uint16_t client_port;
	uint16_t vip_port;
	uint16_t endpoint_port;
	uint16_t nat_port;
	uint8_t protocol;
	uint8_t role;
	uint8_t state; /* enum lb_flow_state */
	uint8_t class;
	uint16_t ingress_pop;
	uint16_t egress_pop;
	uint32_t endpoint;
	uint32_t idle_ms;
	uint16_t worker;
	uint16_t reserved[3];
};

struct wire_ctl_trace {
	uint64_t packet; /* the same for all records of one packet at this POP */
	uint64_t at_ns;  /* CLOCK_REALTIME */
	uint16_t worker;
	uint16_t journey; /* enum wire_journey, stats.h */
	uint16_t drop;    /* enum wire_drop */
	uint16_t reserved;
	char text[232]; /* one step: the lookup and its result, zero-terminated */
};

#define WIRE_CTL_MAX_SNAP 2024u /* bytes of a packet that one CAPTURED carries */

enum wire_ctl_capture_direction { WIRE_CAPTURE_IN = 0, WIRE_CAPTURE_OUT = 1 };

/* `captured` bytes of the frame follow. */
struct wire_ctl_captured {
	uint64_t at_ns;  /* CLOCK_REALTIME */
	uint32_t length; /* of the whole frame */
	uint32_t missed; /* frames that this worker had no room for since the last one */
	uint16_t captured;
	uint16_t port;
	uint16_t worker;
	uint8_t direction; /* enum wire_ctl_capture_direction */
	uint8_t reserved;
};

_Static_assert(sizeof(struct wire_ctl_header) == 16, "ABI");
_Static_assert(sizeof(struct wire_ctl_hello) % 8 == 0, "ABI");
_Static_assert(sizeof(struct wire_ctl_error) == 248, "ABI");
_Static_assert(sizeof(struct wire_ctl_tables) == 224, "ABI");
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
_Static_assert(sizeof(struct wire_ctl_link_state) == 16, "ABI");
_Static_assert(sizeof(struct wire_ctl_flow) == 96, "ABI");
_Static_assert(sizeof(struct wire_ctl_trace) == 256, "ABI");
_Static_assert(sizeof(struct wire_ctl_filter) == 48, "ABI");
_Static_assert(sizeof(struct wire_ctl_captured) == 24, "ABI");
