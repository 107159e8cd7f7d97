/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of rtnetlink, one behind the other, as the kernel hands them out: what is made of them must be rows that a
 * data plane takes. */
#include <stdlib.h>
#include <string.h>

#include "control/kernel/message.h"
#include "tests/fuzz/expect.h"

#define PORTS 2u

static void read_message(const struct nlmsghdr *message, struct ctl_fib *fib)
{
	static const char interface[PORTS][16] = {"eth0", "a-name-of-15-bs"};
	struct wire_addr address;
	ctl_message_link(message, interface, fib);
	EXPECT(ctl_message_neighbour(message, fib) == 0);
	EXPECT(ctl_message_route(message, fib) == 0);
	ctl_message_blackhole(message, &address);
}

static void check_rows(struct ctl_fib *fib)
{
	struct ctl_fib_rows rows;
	struct wire_addr hop, address = wire_addr_from_v4("\xc0\0\2\1");
	EXPECT(ctl_fib_compute(fib, &rows) == 0);
	for (size_t i = 0; i < rows.n_routes; i++) {
		EXPECT(rows.route[i].length <= 128 &&
		       (rows.route[i].port < PORTS || rows.route[i].port == WIRE_CTL_NOWHERE));
		EXPECT(rows.route[i].adjacency <= fib->n_adjacencies);
		EXPECT(rows.route[i].length >= 96 || !wire_addr_is_v4(&rows.route[i].prefix));
	}
	for (size_t i = 0; i < rows.n_adjacencies; i++)
		EXPECT(rows.adjacency[i].adjacency <= fib->n_adjacencies && rows.adjacency[i].port < PORTS);
	ctl_fib_next_hop(fib, &address, &hop);
	ctl_fib_rows_free(&rows);
}

/* mnl_nlmsg_ok() of libmnl 1.0.4 takes a length of 2 GiB and more for a negative one. */
static bool is_whole(const struct nlmsghdr *message, int left)
{
	return left >= (int)sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= (unsigned)left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_fib fib = {.n_ports = PORTS};
	uint8_t *bytes = malloc(size ? size : 1); /* of this length, so that a read beyond it is seen */
	int left = (int)size;
	EXPECT(bytes);
	memcpy(bytes, data, size);
	for (const struct nlmsghdr *m = (const void *)bytes; is_whole(m, left); m = mnl_nlmsg_next(m, &left))
		read_message(m, &fib);
	check_rows(&fib);
	ctl_fib_free(&fib);
	free(bytes);
	return 0;
}
