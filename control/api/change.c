/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes: the daemon is asked, and its result is the answer, whenever it comes. */
#include "control/api/router.h"

#include <errno.h>
#include <string.h>

#include "control/api/fields.h"

static unsigned http_status(int error)
{
	switch (error) {
	case 0:
		return 200;
	case -EINVAL:
		return 400;
	case -ENOENT:
		return 404;
	case -EAGAIN:
		return 503;
	case -EINPROGRESS:
		return 504;
	default:
		return 500;
	}
}

/* {"error": the first line, "errors": [every line]} */
static json_t *refusal(const struct ctl_api_result *result)
{
	json_t *lines = json_array();
	for (size_t i = 0; i < result->n_message; i++)
		json_array_append_new(lines, ctl_api_string(result->message[i]));
	json_t *body = json_object();
	const char *first = result->n_message ? result->message[0] : strerror(-result->error);
	json_object_set_new(body, "error", ctl_api_string(first));
	json_object_set_new(body, "errors", lines);
	return body;
}

static json_t *acceptance(const struct ctl_api_result *result)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < result->n_applied; i++)
		json_array_append_new(rows, ctl_api_object(ctl_api_applied_fields, &result->applied[i]));
	json_t *body = json_object();
	json_object_set_new(body, "applied", rows);
	return body;
}

static void done(void *to, const struct ctl_api_result *result)
{
	struct ctl_api_answer *answer = to;
	json_t *body = result->error ? refusal(result) : acceptance(result);
	ctl_api_answer_json(answer, http_status(result->error), body);
	ctl_api_answer_unref(answer);
}

static bool body_is_missing(const struct ctl_api_request *request, struct ctl_api_answer *answer, const char *what)
{
	if (request->size > 0)
		return false;
	ctl_api_answer_error(answer, 400, "the body is empty; send %s", what);
	return true;
}

void ctl_api_post_apply(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	if (body_is_missing(request, answer, "one or more YAML documents"))
		return;
	struct ctl_api_documents documents = {
	    .text = request->body, .size = request->size, .kind = ctl_api_param(request, "kind")};
	view->apply(view->daemon, &documents, done, ctl_api_answer_ref(answer));
}

void ctl_api_put_policy(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	if (body_is_missing(request, answer, "the policy as a YAML document"))
		return;
	struct ctl_api_documents documents = {
	    .text = request->body, .size = request->size, .kind = "policy", .name = request->name};
	view->apply(view->daemon, &documents, done, ctl_api_answer_ref(answer));
}

void ctl_api_delete_policy(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	view->remove(view->daemon, "policy", request->name, done, ctl_api_answer_ref(answer));
}

void ctl_api_delete_accelerator(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	view->remove(view->daemon, "accelerator", request->name, done, ctl_api_answer_ref(answer));
}

void ctl_api_delete_pop(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	view->remove(view->daemon, "pop", request->name, done, ctl_api_answer_ref(answer));
}

void ctl_api_post_drain(
    const struct ctl_api_view *view, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	const char *kind = NULL, *name = NULL;
	int drained = 0;
	json_error_t error;
	json_t *body = json_loadb(request->body ? request->body : "", request->size, JSON_REJECT_DUPLICATES, &error);
	if (!body) {
		ctl_api_answer_error(answer, 400, "the body is no JSON: line %d: %s", error.line, error.text);
		return;
	}
	if (json_unpack_ex(
	        body, &error, JSON_STRICT, "{s:s, s:s, s:b}", "kind", &kind, "name", &name, "drained", &drained) != 0)
		ctl_api_answer_error(answer, 400,
		    "%s; send {\"kind\": \"endpoint\" or \"pop\", \"name\": string, \"drained\": true or false}",
		    error.text);
	else if (strcmp(kind, "endpoint") != 0 && strcmp(kind, "pop") != 0)
		ctl_api_answer_error(answer, 400, "kind: '%s' cannot be drained; use endpoint or pop", kind);
	else
		view->drain(view->daemon, kind, name, drained, done, ctl_api_answer_ref(answer));
	json_decref(body);
}
