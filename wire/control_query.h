/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What kuafud and kuafu-dataplane (wire/control.h) tell and ask each other outside transactions: states of links and paths,
 * neighbours that are wanted, flows, traces and captures. */
#pragma once

#include "wire/address.h"

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

_Static_assert(sizeof(struct wire_ctl_link_state) == 16, "ABI");
_Static_assert(sizeof(struct wire_ctl_flow) == 96, "ABI");
_Static_assert(sizeof(struct wire_ctl_trace) == 256, "ABI");
_Static_assert(sizeof(struct wire_ctl_filter) == 48, "ABI");
_Static_assert(sizeof(struct wire_ctl_captured) == 24, "ABI");
