/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon knows: each answer is a list of rows under the noun's name. */
#include "control/api/router.h"

#include <errno.h>

#include "control/api/fields.h"

#define MAX_SECONDS   500u /* of accuracy; the last 512 probes of a link are known */
#define USUAL_SECONDS 20u

struct list {
	json_t *array;
	const struct ctl_api_field *table;
	bool failed;
};

static void append(void *to, const void *row)
{
	struct list *list = to;
	if (json_array_append_new(list->array, ctl_api_object(list->table, row)) != 0)
		list->failed = true;
}

struct oldest {
	struct list list;
	int64_t age_ns; /* CTL_API_NO_NS: one was never heard */
};

static void append_stale(void *to, const void *row)
{
	struct oldest *oldest = to;
	const struct ctl_api_stale *stale = row;
	append(&oldest->list, row);
	if (stale->age_ns == CTL_API_NO_NS || oldest->age_ns == CTL_API_NO_NS)
		oldest->age_ns = CTL_API_NO_NS;
	else if (stale->age_ns > oldest->age_ns)
		oldest->age_ns = stale->age_ns;
}

void ctl_api_add_stale(const struct ctl_api_view *view, json_t *object)
{
	struct oldest oldest = {{json_array(), ctl_api_stale_fields, false}, 0};
	view->stale(view->daemon, append_stale, &oldest);
	if (json_array_size(oldest.list.array) > 0) {
		bool known = oldest.age_ns != CTL_API_NO_NS;
		json_object_set_new(object, "stale_ms", known ? json_integer(oldest.age_ns / 1000000) : json_null());
		json_object_set(object, "stale", oldest.list.array);
	}
	json_decref(oldest.list.array);
}

static void answer_list(const struct ctl_api_view *view, ctl_api_list *show, const char *noun,
    const struct ctl_api_field *table, struct ctl_api_answer *answer)
{
	struct list list = {json_array(), table, false};
	show(view->daemon, append, &list);
	json_t *body = json_object();
	if (json_object_set_new(body, noun, list.array) != 0 || list.failed) {
		json_decref(body);
		body = NULL;
	} else {
		ctl_api_add_stale(view, body);
	}
	ctl_api_answer_json(answer, 200, body);
}

void ctl_api_get_status(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	(void)request;
	struct ctl_api_status status = {0};
	view->status(view->daemon, &status);
	json_t *body = ctl_api_object(ctl_api_status_fields, &status);
	if (body)
		ctl_api_add_stale(view, body);
	ctl_api_answer_json(answer, 200, body);
}

#define LIST_HANDLER(noun, table)                                                                                      \
	void ctl_api_get_##noun(                                                                                       \
	    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)     \
	{                                                                                                              \
		(void)request;                                                                                         \
		answer_list(view, view->noun, #noun, table, answer);                                                   \
	}

LIST_HANDLER(pops, ctl_api_pop_fields)
LIST_HANDLER(links, ctl_api_link_fields)
LIST_HANDLER(routes, ctl_api_route_fields)
LIST_HANDLER(accelerators, ctl_api_accelerator_fields)
LIST_HANDLER(listeners, ctl_api_listener_fields)
LIST_HANDLER(endpoints, ctl_api_endpoint_fields)
LIST_HANDLER(policies, ctl_api_policy_fields)

void ctl_api_get_accuracy(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	struct list list = {json_array(), ctl_api_accuracy_fields, false};
	uint64_t seconds;
	if (ctl_api_param_number(request, answer, "seconds", 1, MAX_SECONDS, USUAL_SECONDS, &seconds) != 0) {
		json_decref(list.array);
		return;
	}
	view->accuracy(view->daemon, seconds, append, &list);
	json_t *body = json_object();
	if (json_object_set_new(body, "accuracy", list.array) != 0 || list.failed) {
		json_decref(body);
		body = NULL;
	}
	ctl_api_answer_json(answer, 200, body);
}

/* The two POPs of a question. False: it was answered with what is missing. */
static bool two_pops(
    const struct ctl_api_request *request, struct ctl_api_answer *answer, const char **ret_from, const char **ret_to)
{
	*ret_from = ctl_api_param(request, "from");
	*ret_to = ctl_api_param(request, "to");
	if (!*ret_from || !*ret_to)
		ctl_api_answer_error(answer, 400, "parameters 'from' and 'to' are needed: the names of two POPs");
	return *ret_from && *ret_to;
}

static void take_explanation(void *to, const void *row)
{
	json_t **body = to;
	*body = ctl_api_object(ctl_api_explanation_fields, row);
}

void ctl_api_get_explain(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	const char *from, *to, *class = ctl_api_param(request, "class");
	if (!two_pops(request, answer, &from, &to))
		return;
	json_t *body = NULL;
	char error[CTL_API_ERROR_SIZE] = "";
	int err = view->explain(view->daemon, from, to, class, take_explanation, &body, error);
	if (err) {
		ctl_api_answer_error(answer, err == -ENOENT ? 404 : 400, "%s", error);
		return;
	}
	if (body)
		ctl_api_add_stale(view, body);
	ctl_api_answer_json(answer, 200, body);
}

static void take_past(void *to, const void *row)
{
	json_array_append_new(to, ctl_api_object(ctl_api_past_fields, row));
}

void ctl_api_get_history(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	const char *from, *to, *class = ctl_api_param(request, "class");
	if (!two_pops(request, answer, &from, &to))
		return;
	json_t *rows = json_array();
	char error[CTL_API_ERROR_SIZE] = "";
	int err = view->history(view->daemon, from, to, class, take_past, rows, error);
	if (err) {
		json_decref(rows);
		ctl_api_answer_error(answer, err == -ENOENT ? 404 : 400, "%s", error);
		return;
	}
	json_t *body = json_pack("{so}", "history", rows);
	if (body)
		ctl_api_add_stale(view, body);
	ctl_api_answer_json(answer, 200, body);
}
