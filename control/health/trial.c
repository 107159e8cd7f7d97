/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP by libuv, HTTP by libcurl's multi interface, whose sockets and timeout libuv watches. */
#include "control/health/trial.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctl_trials {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer; /* libcurl's */
};

struct ctl_trial {
	struct ctl_trials *trials;
	ctl_trial_done done; /* NULL: cancelled or reported */
	void *arg;
	uint64_t started;
	unsigned handles; /* TCP: not yet closed */
	uv_tcp_t tcp;
	uv_timer_t timeout;
	uv_connect_t connect;
	CURL *http;
};

/* A socket of libcurl's. */
struct watch {
	uv_poll_t poll;
	struct ctl_trials *trials;
	curl_socket_t socket;
};

static void report(struct ctl_trial *trial, bool good, const char *detail)
{
	ctl_trial_done done = trial->done;
	trial->done = NULL;
	if (done)
		done(trial->arg, good, detail, (uint32_t)((uv_hrtime() - trial->started) / 1000));
}

/* ---- TCP ---- */

static void on_tcp_closed(uv_handle_t *handle)
{
	struct ctl_trial *trial = handle->data;
	if (--trial->handles == 0)
		free(trial);
}

static void end_tcp(struct ctl_trial *trial)
{
	if (uv_is_closing((uv_handle_t *)&trial->tcp))
		return;
	uv_close((uv_handle_t *)&trial->tcp, on_tcp_closed);
	uv_close((uv_handle_t *)&trial->timeout, on_tcp_closed);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct ctl_trial *trial = connect->data;
	if (status == UV_ECANCELED) /* closed by us: already reported */
		return;
	end_tcp(trial);
	report(trial, status == 0, status ? uv_strerror(status) : "connected");
}

static void on_timeout(uv_timer_t *timer)
{
	struct ctl_trial *trial = timer->data;
	end_tcp(trial);
	report(trial, false, "timed out");
}

static void sockaddr_of(const struct ctl_health_target *target, struct sockaddr_storage *ret_address)
{
	*ret_address = (struct sockaddr_storage){0};
	if (wire_addr_is_v4(&target->address)) {
		struct sockaddr_in *v4 = (void *)ret_address;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(target->port);
		memcpy(&v4->sin_addr, target->address.bytes + 12, 4);
	} else {
		struct sockaddr_in6 *v6 = (void *)ret_address;
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(target->port);
		memcpy(&v6->sin6_addr, target->address.bytes, 16);
	}
}

static int start_tcp(struct ctl_trial *trial, const struct ctl_health_target *target)
{
	struct sockaddr_storage address;
	sockaddr_of(target, &address);
	int error = uv_tcp_init(trial->trials->loop, &trial->tcp);
	if (error) {
		free(trial);
		return error;
	}
	uv_timer_init(trial->trials->loop, &trial->timeout);
	trial->tcp.data = trial->timeout.data = trial->connect.data = trial;
	trial->handles = 2;
	error = uv_tcp_connect(&trial->connect, &trial->tcp, (const struct sockaddr *)&address, on_connected);
	if (error) {
		trial->done = NULL;
		end_tcp(trial);
		return error;
	}
	uv_timer_start(&trial->timeout, on_timeout, target->timeout_ms, 0);
	return 0;
}

/* ---- HTTP ---- */

static void end_http(struct ctl_trial *trial)
{
	curl_multi_remove_handle(trial->trials->multi, trial->http);
	curl_easy_cleanup(trial->http);
	free(trial);
}

static void collect(struct ctl_trials *trials)
{
	int waiting;
	for (CURLMsg *message; (message = curl_multi_info_read(trials->multi, &waiting));) {
		if (message->msg != CURLMSG_DONE)
			continue;
		char *private = NULL, detail[64];
		long status = 0;
		CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		struct ctl_trial *trial = (void *)private;
		bool good = result == CURLE_OK && status >= 200 && status < 400;
		if (result == CURLE_OPERATION_TIMEDOUT)
			snprintf(detail, sizeof(detail), "timed out");
		else if (result != CURLE_OK)
			snprintf(detail, sizeof(detail), "%s", curl_easy_strerror(result));
		else
			snprintf(detail, sizeof(detail), "%ld", status);
		report(trial, good, detail);
		end_http(trial);
	}
}

static void act(struct ctl_trials *trials, curl_socket_t socket, int events)
{
	int running;
	curl_multi_socket_action(trials->multi, socket, events, &running);
	collect(trials);
}

static void on_curl_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_curl_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	int bits = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	act(watch->trials, watch->socket, status < 0 ? CURL_CSELECT_ERR : bits);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* libcurl: watch this socket for `what`, or no longer. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *of_socket)
{
	struct ctl_trials *trials = arg;
	struct watch *watch = of_socket;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch) {
			uv_poll_stop(&watch->poll);
			uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
			curl_multi_assign(trials->multi, socket, NULL);
		}
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch || uv_poll_init(trials->loop, &watch->poll, socket)) {
			free(watch);
			return -1;
		}
		watch->trials = trials;
		watch->socket = socket;
		watch->poll.data = watch;
		curl_multi_assign(trials->multi, socket, watch);
	}
	return uv_poll_start(&watch->poll,
	    (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_curl_socket);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct ctl_trials *trials = arg;
	(void)multi;
	if (ms < 0)
		uv_timer_stop(&trials->timer);
	else
		uv_timer_start(&trials->timer, on_curl_timer, (uint64_t)ms, 0);
	return 0;
}

static size_t swallow(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes, (void)arg;
	return size * n;
}

static int start_http(struct ctl_trial *trial, const struct ctl_health_target *target)
{
	char url[320], address[INET6_ADDRSTRLEN];
	bool v4 = wire_addr_is_v4(&target->address);
	inet_ntop(
	    v4 ? AF_INET : AF_INET6, v4 ? target->address.bytes + 12 : target->address.bytes, address, sizeof(address));
	snprintf(
	    url, sizeof(url), v4 ? "http://%s:%u%.255s" : "http://[%s]:%u%.255s", address, target->port, target->path);
	trial->http = curl_easy_init();
	if (!trial->http) {
		free(trial);
		return -ENOMEM;
	}
	curl_easy_setopt(trial->http, CURLOPT_URL, url);
	curl_easy_setopt(trial->http, CURLOPT_PRIVATE, trial);
	curl_easy_setopt(trial->http, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(trial->http, CURLOPT_TIMEOUT_MS, (long)target->timeout_ms);
	curl_easy_setopt(trial->http, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(trial->http, CURLOPT_PROXY, "");
	curl_easy_setopt(trial->http, CURLOPT_USERAGENT, "kuafu-health");
	curl_easy_setopt(trial->http, CURLOPT_PROTOCOLS_STR, "http");
	/* An endpoint that takes no new connection is not healthy, whatever an old one says. */
	curl_easy_setopt(trial->http, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(trial->http, CURLOPT_FORBID_REUSE, 1L);
	if (curl_multi_add_handle(trial->trials->multi, trial->http) != CURLM_OK) {
		curl_easy_cleanup(trial->http);
		free(trial);
		return -ENOMEM;
	}
	return 0;
}

/* ---- both ---- */

int ctl_trial_start(struct ctl_trials *trials, const struct ctl_health_target *target, ctl_trial_done done, void *arg,
    struct ctl_trial **ret_trial)
{
	struct ctl_trial *trial = calloc(1, sizeof(*trial));
	if (!trial)
		return -ENOMEM;
	*trial = (struct ctl_trial){.trials = trials, .done = done, .arg = arg, .started = uv_hrtime()};
	int error = target->type == CTL_HEALTH_HTTP ? start_http(trial, target) : start_tcp(trial, target);
	if (!error)
		*ret_trial = trial;
	return error;
}

void ctl_trial_cancel(struct ctl_trial *trial)
{
	trial->done = NULL;
	if (trial->http)
		end_http(trial);
	else
		end_tcp(trial);
}

int ctl_trials_new(uv_loop_t *loop, struct ctl_trials **ret_trials)
{
	struct ctl_trials *trials = calloc(1, sizeof(*trials));
	if (!trials)
		return -ENOMEM;
	trials->loop = loop;
	trials->multi = curl_multi_init();
	if (!trials->multi) {
		free(trials);
		return -ENOMEM;
	}
	uv_timer_init(loop, &trials->timer);
	trials->timer.data = trials;
	curl_multi_setopt(trials->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(trials->multi, CURLMOPT_SOCKETDATA, trials);
	curl_multi_setopt(trials->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(trials->multi, CURLMOPT_TIMERDATA, trials);
	*ret_trials = trials;
	return 0;
}

static void on_trials_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void ctl_trials_close(struct ctl_trials *trials)
{
	curl_multi_cleanup(trials->multi);
	uv_close((uv_handle_t *)&trials->timer, on_trials_closed);
}
