/* SPDX-License-Identifier: BSD-2-Clause */
/* TABLES: a predecessor's flow tables come in, our own go out to be kept. */
#include "dataplane/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/clock.h"

/* What came with the message becomes the workers' tables. Until the first state they have no flows of their own. */
static int take_over(struct dp_session *s, char why[DP_TABLES_WHY_SIZE])
{
	struct dp_tables *tables = NULL;
	if (s->in_fd < 0)
		return -ENOENT;
	if (dp_transaction_generation(s->transactions) != 0) {
		snprintf(why, DP_TABLES_WHY_SIZE, "this data plane has flows of its own already");
		return -EBUSY;
	}
	int error = dp_tables_take_over(s->in_fd, &s->set->config, dp_clock_ns(CLOCK_MONOTONIC), &tables, why);
	if (error != 0)
		return error;
	s->in_fd = -1;
	s->retired = dp_workers_exchange_tables(s->set, tables);
	return 0;
}

void dp_session_take_tables(struct dp_session *s, const struct dp_message *m)
{
	struct wire_ctl_tables answer = {0};
	char why[DP_TABLES_WHY_SIZE] = "";
	(void)m;
	answer.code = take_over(s, why);
	if (answer.code == 0)
		dp_tables_count(s->set->tables, s->set->n, &answer.flows, &answer.nat_flows);
	memcpy(answer.text, why, sizeof(answer.text));
	dp_session_answer(s, WIRE_CTL_TABLES, 0, &answer, sizeof(answer));
	s->out.fd = s->set->tables->fd;
}

bool dp_session_tables_settle(struct dp_session *s)
{
	if (s->retired == NULL)
		return true;
	if (!dp_workers_have_tables(s->set))
		return false;
	dp_tables_destroy(s->retired);
	s->retired = NULL;
	return true;
}
