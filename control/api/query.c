/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define END_ROOM 256u /* is kept for the last words of an answer */

static void query_free(struct ctl_api_asked *query)
{
	query->answer->handler = NULL;
	query->answer->left = NULL;
	query->answer->idle = NULL;
	ctl_api_answer_unref(query->answer);
	free(query);
}

static void client_left(struct ctl_api_answer *answer)
{
	struct ctl_api_asked *query = answer->handler;
	query->view->stop(query->view->daemon, query->id);
	query_free(query);
}

bool ctl_api_query_start(const struct ctl_api_view *view, struct ctl_api_answer *answer, ctl_api_ask *ask,
    const char *what, const struct wire_ctl_filter *filter, uint64_t limit, void (*row)(void *, const void *),
    void (*end)(void *, int))
{
	struct ctl_api_asked *query = calloc(1, sizeof(*query));
	if (!query) {
		ctl_api_answer_error(answer, 500, "out of memory");
		return false;
	}
	query->view = view;
	query->limit = limit;
	int err = ask(view->daemon, filter, &(struct ctl_api_query){row, end, query}, &query->id);
	if (err) {
		free(query);
		if (err == -ENOTCONN)
			ctl_api_answer_error(
			    answer, 503, "the data plane is not connected; is kuafu-dataplane running?");
		else if (err == -EBUSY)
			ctl_api_answer_error(answer, 409, "another %s runs; end it first", what);
		else
			ctl_api_answer_error(answer, 500, "asking the data plane: %s", strerror(-err));
		return false;
	}
	query->answer = ctl_api_answer_ref(answer);
	answer->handler = query;
	answer->left = client_left;
	return true;
}

void ctl_api_query_end(struct ctl_api_asked *asked, const char *text, size_t size)
{
	ctl_api_answer_write(asked->answer, text, size);
	ctl_api_answer_end(asked->answer);
	query_free(asked);
}

void ctl_api_query_stop(struct ctl_api_asked *asked)
{
	asked->view->stop(asked->view->daemon, asked->id);
}

void ctl_api_query_write(struct ctl_api_asked *asked, const char *bytes, size_t size)
{
	if (size + END_ROOM > CTL_API_ANSWER_MAX - asked->answer->size ||
	    ctl_api_answer_write(asked->answer, bytes, size) != 0)
		asked->lost++;
	else
		asked->rows++;
}
