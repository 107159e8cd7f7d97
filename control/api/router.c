/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILTER "address address2 port protocol limit"
#define FLOWS  FILTER " client vip endpoint role state pop"

const struct ctl_api_route_entry ctl_api_routes[] = {
    {"GET", "/v1/status", "", ctl_api_get_status},
    {"GET", "/v1/pops", "", ctl_api_get_pops},
    {"GET", "/v1/links", "", ctl_api_get_links},
    {"GET", "/v1/accuracy", "seconds", ctl_api_get_accuracy},
    {"GET", "/v1/routes", "", ctl_api_get_routes},
    {"GET", "/v1/routes/explain", "from to class", ctl_api_get_explain},
    {"GET", "/v1/routes/history", "from to class", ctl_api_get_history},
    {"GET", "/v1/accelerators", "", ctl_api_get_accelerators},
    {"GET", "/v1/listeners", "", ctl_api_get_listeners},
    {"GET", "/v1/endpoints", "", ctl_api_get_endpoints},
    {"GET", "/v1/policies", "", ctl_api_get_policies},
    {"GET", "/v1/flows", FLOWS, ctl_api_get_flows},
    {"GET", "/v1/drops", "all", ctl_api_get_drops},
    {"GET", "/v1/counters", "", ctl_api_get_counters},
    {"GET", "/v1/traffic", "", ctl_api_get_traffic},
    {"GET", "/v1/last-mile", "", ctl_api_get_last_mile},
    {"GET", "/v1/trace", FILTER, ctl_api_get_trace},
    {"GET", "/v1/capture", FILTER " snap", ctl_api_get_capture},
    {"POST", "/v1/apply", "kind", ctl_api_post_apply},
    {"PUT", "/v1/policies/NAME", "", ctl_api_put_policy},
    {"DELETE", "/v1/policies/NAME", "", ctl_api_delete_policy},
    {"DELETE", "/v1/accelerators/NAME", "", ctl_api_delete_accelerator},
    {"DELETE", "/v1/pops/NAME", "", ctl_api_delete_pop},
    {"POST", "/v1/drain", "", ctl_api_post_drain},
    {"GET", "/metrics", "", ctl_api_get_metrics},
};

const size_t ctl_api_n_routes = sizeof(ctl_api_routes) / sizeof(ctl_api_routes[0]);

/* Does the path match the pattern? *ret_name is what stands for NAME, or NULL. */
static bool path_matches(const char *pattern, const char *path, const char **ret_name)
{
	const char *mark = strstr(pattern, "NAME");
	if (!mark) {
		*ret_name = NULL;
		return strcmp(pattern, path) == 0;
	}
	size_t prefix = (size_t)(mark - pattern);
	if (strncmp(pattern, path, prefix) != 0 || !path[prefix] || strchr(path + prefix, '/'))
		return false;
	*ret_name = path + prefix;
	return true;
}

/* Is word one of the words in list, which have a space between them? */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; length && (at = strstr(at, word)); at += length) {
		if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ' '))
			return true;
	}
	return false;
}

static bool params_allowed(const char *allowed, const struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	for (size_t i = 0; i < request->n_param; i++) {
		const char *key = request->param[i].key;
		if (has_word(allowed, key))
			continue;
		if (*allowed)
			ctl_api_answer_error(answer, 400, "unknown parameter '%s'; use: %s", key, allowed);
		else
			ctl_api_answer_error(answer, 400, "unknown parameter '%s'; %s takes none", key, request->path);
		return false;
	}
	return true;
}

static void wrong_method(const struct ctl_api_request *request, const char *allow, struct ctl_api_answer *answer)
{
	snprintf(answer->allow, sizeof(answer->allow), "%s", allow);
	ctl_api_answer_error(answer, 405, "%s takes %s, not %s", request->path, allow, request->method);
}

void ctl_api_dispatch(const struct ctl_api_view *view, struct ctl_api_request *request, struct ctl_api_answer *answer)
{
	char allow[sizeof(answer->allow)] = "";
	if (request->size > CTL_YAML_MAX_APPLY) {
		ctl_api_answer_error(answer, 413, "body over %u bytes; apply it in parts", CTL_YAML_MAX_APPLY);
		return;
	}
	for (size_t i = 0; i < ctl_api_n_routes; i++) {
		const struct ctl_api_route_entry *route = &ctl_api_routes[i];
		if (!path_matches(route->path, request->path, &request->name))
			continue;
		if (strcmp(route->method, request->method) == 0) {
			if (params_allowed(route->params, request, answer))
				route->handler(view, request, answer);
			return;
		}
		size_t used = strlen(allow);
		snprintf(allow + used, sizeof(allow) - used, "%s%s", used ? ", " : "", route->method);
	}
	if (*allow)
		wrong_method(request, allow, answer);
	else
		ctl_api_answer_error(answer, 404, "no such path: %s", request->path);
}

const char *ctl_api_param(const struct ctl_api_request *request, const char *key)
{
	for (size_t i = 0; i < request->n_param; i++) {
		if (strcmp(request->param[i].key, key) == 0)
			return request->param[i].value;
	}
	return NULL;
}

int ctl_api_param_number(const struct ctl_api_request *request, struct ctl_api_answer *answer, const char *key,
    uint64_t lo, uint64_t hi, uint64_t fallback, uint64_t *ret_value)
{
	const char *text = ctl_api_param(request, key);
	if (!text) {
		*ret_value = fallback;
		return 0;
	}
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number < lo || number > hi) {
		ctl_api_answer_error(answer, 400, "%s: '%s' is no whole number from %llu to %llu", key, text,
		    (unsigned long long)lo, (unsigned long long)hi);
		return -EINVAL;
	}
	*ret_value = number;
	return 0;
}
