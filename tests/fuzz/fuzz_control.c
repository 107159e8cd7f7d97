/* SPDX-License-Identifier: BSD-2-Clause */
/* A datagram from whoever reached the control socket, given to a session that has said HELLO: whatever it holds, the
 * answers are well-formed, and the state is either the old one or a whole new one. */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "dataplane/session.h"
#include "tests/fuzz/expect.h"

static struct dp_workers *workers(void)
{
	static struct dp_workers *set;
	char *argv[] = {"fuzz", "--no-huge", "-m", "32", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=3",
	    "--lcores=0", NULL};
	struct dp_workers_config config = {.workers = 1, .ports = 2, .flows = 64, .nat_flows = 64, .mbufs = 127};
	if (set == NULL) {
		EXPECT(rte_eal_init(9, argv) >= 0);
		EXPECT(dp_workers_create(&config, &set) == 0);
	}
	return set;
}

static void say_hello(struct dp_session *s)
{
	struct {
		struct wire_ctl_header header;
		struct wire_ctl_hello hello;
	} message = {
	    .header = {.type = WIRE_CTL_HELLO, .length = sizeof(message)}, .hello = {.version = WIRE_CTL_VERSION}};
	EXPECT(dp_session_receive(s, &message, sizeof(message), -1) == 0);
	dp_session_outbox(s)->used = 0;
}

static void check_answers(const struct dp_outbox *out)
{
	struct wire_ctl_header header;
	for (size_t at = 0; at < out->used; at += header.length) {
		EXPECT(out->used - at >= sizeof(header));
		memcpy(&header, out->bytes + at, sizeof(header));
		EXPECT(header.length >= sizeof(header) && header.length <= out->used - at && header.length % 8 == 0);
		struct wire_ctl_error error;
		if (header.type != WIRE_CTL_ERROR)
			continue;
		memcpy(&error, out->bytes + at + sizeof(header), sizeof(error));
		EXPECT(error.code < 0 && error.text[0] != '\0' && memchr(error.text, '\0', sizeof(error.text)) != NULL);
		EXPECT(strchr(error.text, '\n') == NULL);
	}
}

/* What a worker may find: every value of the FIB leads into the table. */
static void check_state(const struct dp_state *state)
{
	for (uint32_t i = 0; i < 65536; i++) {
		uint8_t v4[4] = {(uint8_t)(i >> 8), (uint8_t)i, 1, 1};
		struct wire_addr a = wire_addr_from_v4(v4);
		uint32_t index = dp_fib_find(&state->fib, &a);
		EXPECT(index == 0 || index < state->n_adjacencies);
		EXPECT(index == 0 || state->adjacency[index].port < 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dp_transactions *transactions = NULL;
	struct dp_session *session = NULL;
	struct dp_command command;
	if (size > WIRE_CTL_MAX_DATAGRAM)
		return 0;
	struct dp_workers *set = workers();
	EXPECT(dp_transactions_create(set, &transactions) == 0);
	EXPECT(dp_session_create(set, transactions, 1, &session) == 0);
	dp_session_start(session);
	say_hello(session);
	(void)dp_session_receive(session, data, size, -1);
	for (int i = 0; i < 1000 && dp_session_busy(session); i++) {
		while (dp_workers_command(set, 0, &command) == 0)
			continue;
		(void)dp_session_poll(session);
		check_answers(dp_session_outbox(session));
		dp_session_outbox(session)->used = 0;
	}
	check_answers(dp_session_outbox(session));
	if (dp_transaction_generation(transactions) != 0)
		check_state(dp_transaction_state(transactions));
	dp_session_destroy(session);
	while (dp_workers_command(set, 0, &command) == 0)
		continue;
	dp_transactions_destroy(transactions);
	return 0;
}
