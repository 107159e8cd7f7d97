/* SPDX-License-Identifier: BSD-2-Clause */
/* Three POPs in one process, on virtual time, without network or privileges: each a real set of workers.
 *
 *    client 192.0.2.7                                              endpoint 198.51.100.10:8443 (id 100)
 *        |                                                                  |
 *      sgp1 ======= 12 ======= dxb1 ======= 23 ======= fra1         VIP 203.0.113.10: tcp/443, udp/53
 *      POP 1                   POP 2                   POP 3        accelerator 7, class 0, group 5 at fra1
 *        ====================== 13 ========================         NAT address of POP n: 10.n.1.1
 *
 * The same service is at the VIP 2001:db8:f::10 for clients like 2001:db8:7::7, with the NAT address 2001:db8:n::1:1.
 * The address of POP n is 10.n.0.2, over IPv6 2001:db8:n::2, its local link 10 + n. Paths between POPs: sgp1-fra1 by dxb1,
 * backup direct; the neighbours of dxb1 directly, backup around. Keys are the pair's: secret_of(from, to). Every POP has
 * port 0 and a default route to a router there. */
#pragma once

#include "dataplane/workers.h"
#include "lb/change.h"
#include "tests/journey/packet.h"

enum pop { SGP1 = 1, DXB1 = 2, FRA1 = 3, POPS = 3 };

#define CLIENT   "192.0.2.7"
#define VIP      "203.0.113.10"
#define ENDPOINT "198.51.100.10"

#define CLIENT6   "2001:db8:7::7"
#define VIP6      "2001:db8:f::10"
#define ENDPOINT6 "2001:db8:e::10"

#define LINK(from, to) (10u * (from) + (to)) /* id of the link */

#define KEEPALIVE_US 10000u
#define DEAD         3u

/* What the POPs' links are made of; BOTH: IPv4 between sgp1 and dxb1, IPv6 to and from fra1. Paths of all but V4 have the
 * MTU that is left over IPv6. */
enum underlay { UNDER_V4, UNDER_V6, UNDER_BOTH };
enum underlay world_underlay(void);

/* Makes the world, each POP with so many workers. */
void world_begin(unsigned workers);
void world_begin_over(enum underlay underlay, unsigned workers);
/* With that MTU on every port, link and path, instead of 1500. */
void world_begin_wide(enum underlay underlay, uint16_t mtu);
uint16_t world_mtu(void);
void world_end(void);

/* ---- its state ---- */

/* A transaction at one POP, on top of what it has. DELETE if `gone`. Fails the test if it is refused. */
void change(enum pop pop, enum wire_ctl_object object, const void *row, size_t size, bool gone);

struct wire_ctl_endpoint endpoint_row(uint32_t id, const char *at);
struct wire_ctl_group group_row(uint16_t egress);
struct wire_ctl_listener listener_row(uint32_t id, const char *vip, uint8_t protocol, uint16_t port);
/* Of the VIP's tcp/443. */
#define LISTENER  1u
#define LISTENER6 3u

const uint8_t *secret_of(enum pop from, enum pop to);

struct dp_worker *worker(enum pop pop, unsigned id);

/* Sums over the workers of a POP. */
uint64_t drops(enum pop pop, enum wire_drop reason);
uint64_t all_drops(enum pop pop);
uint64_t counter(enum pop pop, enum wire_counter counter);
uint64_t journeys(enum pop pop, enum wire_journey journey);

/* ---- one POP alone ---- */

/* A frame with this packet arrives at the worker that owns it, or at another. */
void receive(enum pop pop, struct packet p);
void receive_at(enum pop pop, unsigned worker, struct packet p);
void receive_frame(enum pop pop, unsigned worker, const uint8_t *frame, uint16_t length);

/* Frames with these packets arrive at worker 0 in one burst, n <= 32. */
void receive_burst(enum pop pop, unsigned n, const struct packet *p);

/* The packet that the POP sent next, without its link-layer header; the test fails if there is none. */
struct packet sent(enum pop pop);

/* The test fails if anything was sent. */
void expect_nothing_sent(enum pop pop);

/* ---- all together ---- */

/* Carries what POPs sent to each other until nothing moves. What goes elsewhere is kept for delivered(). */
void carry(void);

/* The packet that left the overlay next, and where. */
struct packet delivered(enum pop *ret_pop);
bool was_delivered(struct packet *ret_packet); /* the same; false: nothing did */
void expect_nothing_delivered(void);
/* Whatever was delivered and not looked at. */
void forget_delivered(void);

/* One direction of a link goes dark or heals. */
void cut(enum pop from, enum pop to, bool dark);

/* The latest control packet of this kind (WIRE_OPT_KEEPALIVE or WIRE_OPT_LINKSTATE) from POP to POP, as sent; a notice
 * that `from` made itself. */
struct packet recorded(enum pop from, enum pop to, uint8_t type);
#define RECORDED_REPLY 0u /* in place of a type: the latest keepalive that was a reply */

/* Time passes, a millisecond at a time: workers tick, packets are carried. */
void pass_ms(unsigned ms);
uint64_t world_now_ns(void);
/* The sender's stamp of a packet sent now. */
uint32_t world_time_us(void);

/* The MTU of all ports from now on; 1500 at first. */
void set_port_mtu(uint16_t mtu);

/* At every POP, the route to first.second.0.0/16 is a blackhole from now on. */
void lead_nowhere(uint8_t first, uint8_t second);

/* The wall clock of a POP runs ahead of the world's by so much from now on. */
void set_clock(enum pop pop, int64_t offset_ns);

/* The data plane of a POP ends and another takes its place: with the same state, and no memory of flows and links. */
void restart(enum pop pop, uint32_t epoch);

/* The next event that worker 0 of a POP posted, of this type. Returns whether there was one. */
bool event(enum pop pop, enum dp_event_type type, struct dp_event *ret_event);

/* ---- packets of this world ---- */

/* Overlay from POP to POP along the hops, in the flow of the client -> VIP packet `flow`, with a good tag, the first
 * sequence that is new, and the present time. */
struct overlay overlay_along(const struct packet *flow, enum pop from, unsigned hops, const enum pop *hop);
uint16_t overlay_port_of(const struct packet *flow);
