/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP by libuv, HTTP by libcurl. */
#include "control/health/trial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/transfer/transfers.h"

struct ctl_trials {
	uv_loop_t *loop;
	struct ctl_transfers *transfers; /* of HTTP */
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
	ctl_transfers_remove(trial->trials->transfers, trial->http);
	curl_easy_cleanup(trial->http);
	free(trial);
}

static void on_http_done(void *private, CURLcode result)
{
	struct ctl_trial *trial = private;
	char detail[64];
	long status = 0;
	curl_easy_getinfo(trial->http, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_OPERATION_TIMEDOUT)
		snprintf(detail, sizeof(detail), "timed out");
	else if (result != CURLE_OK)
		snprintf(detail, sizeof(detail), "%s", curl_easy_strerror(result));
	else
		snprintf(detail, sizeof(detail), "%ld", status);
	report(trial, result == CURLE_OK && status >= 200 && status < 400, detail);
	end_http(trial);
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
	if (ctl_transfers_add(trial->trials->transfers, trial->http) != 0) {
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
	int error = ctl_transfers_new(loop, on_http_done, &trials->transfers);
	if (error) {
		free(trials);
		return error;
	}
	*ret_trials = trials;
	return 0;
}

void ctl_trials_close(struct ctl_trials *trials)
{
	ctl_transfers_close(trials->transfers, free, trials);
}
