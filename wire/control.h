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

#include "wire/control_object.h"
#include "wire/control_query.h"

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

#define WIRE_CTL_MAX_PORTS 16u

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

_Static_assert(sizeof(struct wire_ctl_header) == 16, "ABI");
_Static_assert(sizeof(struct wire_ctl_hello) % 8 == 0, "ABI");
_Static_assert(sizeof(struct wire_ctl_error) == 248, "ABI");
_Static_assert(sizeof(struct wire_ctl_tables) == 224, "ABI");
