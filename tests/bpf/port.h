/* SPDX-License-Identifier: BSD-2-Clause */
/* A port's programs in a namespace of their own, run packet by packet through bpf_prog_test_run. */
#pragma once

#include "frame.h"
#include "wire/bpf.h"

#define OFFSET_NS   1700000000000000000ll /* wall clock minus monotonic, in these tests */
#define SENDER_PORT 18862u

/* Before and after each test: OURS reflect for THEIRS, VIP is steered, two workers beat, queue 0 has a socket. */
void a_living_port(void);
void close_port(void);

uint64_t now(void);
void configure(uint32_t workers, uint16_t sender_port);
void configure_stateless(void);
void beat(uint32_t worker, uint64_t at);
void steer(struct wire_addr address, uint32_t how);
void peer(struct wire_addr local, struct wire_addr remote, bool authenticated);
void set_socket(bool present);
uint64_t counted(uint32_t counter);
int map_fd(const char *name);

/* What the programs make of a packet: their verdict; the packet afterwards is in `out`. */
extern struct frame out;
uint32_t enter(const void *data, uint32_t bytes);
uint32_t receive(const struct frame *f); /* the same, right after a beat of both workers */
uint32_t leave(const struct frame *f);   /* to the wire */

/* The packet is dropped, and the counter says why. */
void expect_silence(const struct frame *f, uint32_t counter);
