/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/transfer/transfers.h"

#define MAX_ANSWER      (64u << 20) /* bytes of an answer or of a line of a stream; more than any cluster's objects */
#define CONNECT_MS      2000L
#define KEEPALIVE_IDLE  3L /* seconds: a stream whose far end has vanished is noticed */
#define KEEPALIVE_PROBE 1L

struct ctl_http {
	struct ctl_transfers *transfers;
	void (*freed)(void *arg);
	void *freed_arg;
	struct curl_slist *headers;
	struct ctl_http_request *requests;
};

struct ctl_http_request {
	struct ctl_http *http;
	struct ctl_http_request *next, **link; /* *link is this one */
	CURL *easy;
	char *answer;
	size_t size, capacity;
	bool in_callback, cancelled;
	ctl_http_line_fn on_line;
	ctl_http_done_fn done;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

static void free_request(struct ctl_http_request *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	ctl_transfers_remove(r->http->transfers, r->easy);
	curl_easy_cleanup(r->easy);
	free(r->answer);
	free(r);
}

static void finish_request(struct ctl_http_request *r, CURLcode result)
{
	long status = 0, sent = 0;
	curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (result == CURLE_OK)
		curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	else
		status = sent ? CTL_HTTP_NO_ANSWER : CTL_HTTP_NOT_SENT;
	const char *text = result == CURLE_OK ? "" : r->error[0] ? r->error : curl_easy_strerror(result);
	r->in_callback = true;
	r->done(r->arg, (unsigned)status, r->answer ? r->answer : "", r->size, text);
	free_request(r);
}

static void on_finished(void *private, CURLcode result)
{
	struct ctl_http_request *r = private;
	if (r->cancelled)
		free_request(r);
	else
		finish_request(r, result);
}

int ctl_http_new(uv_loop_t *loop, struct ctl_http **ret_http)
{
	struct ctl_http *http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!http->headers || ctl_transfers_new(loop, on_finished, &http->transfers) != 0) {
		curl_slist_free_all(http->headers);
		free(http);
		return -ENOMEM;
	}
	*ret_http = http;
	return 0;
}

static void on_freed(void *arg)
{
	struct ctl_http *http = arg;
	http->freed(http->freed_arg);
	curl_slist_free_all(http->headers);
	free(http);
}

void ctl_http_close(struct ctl_http *http, void (*freed)(void *arg), void *arg)
{
	http->freed = freed;
	http->freed_arg = arg;
	while (http->requests)
		free_request(http->requests); /* takes itself off the list: NOLINT(clang-analyzer-unix.Malloc) */
	ctl_transfers_close(http->transfers, on_freed, http);
}

/* ---- requests ---- */

static bool append(struct ctl_http_request *r, const char *data, size_t size)
{
	if (r->size + size > MAX_ANSWER)
		return false;
	if (r->size + size + 1 > r->capacity) {
		size_t capacity = 2 * (r->size + size + 1);
		char *grown = realloc(r->answer, capacity);
		if (!grown)
			return false;
		r->answer = grown;
		r->capacity = capacity;
	}
	memcpy(r->answer + r->size, data, size);
	r->size += size;
	r->answer[r->size] = '\0';
	return true;
}

/* Gives all whole lines away; what is left is the beginning of the next. */
static void give_lines(struct ctl_http_request *r)
{
	char *start = r->answer, *end;
	size_t left = r->size;
	r->in_callback = true;
	while (!r->cancelled && (end = memchr(start, '\n', left))) {
		*end = '\0';
		r->on_line(r->arg, start, (size_t)(end - start));
		left -= (size_t)(end + 1 - start);
		start = end + 1;
	}
	r->in_callback = false;
	memmove(r->answer, start, left);
	r->size = left;
}

static size_t on_data(char *data, size_t one, size_t size, void *arg)
{
	(void)one;
	struct ctl_http_request *r = arg;
	if (!append(r, data, size))
		return 0;
	if (r->on_line)
		give_lines(r);
	return r->cancelled ? 0 : size; /* 0 makes libcurl end the transfer */
}

static void set_options(struct ctl_http_request *r, const char *url, const char *body, unsigned timeout_ms)
{
	CURL *easy = r->easy;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->http->headers);
	curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, r->on_line ? 0L : (long)timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_PROBE);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
}

int ctl_http_post(struct ctl_http *http, const char *url, const char *body, unsigned timeout_ms,
    ctl_http_line_fn on_line, ctl_http_done_fn done, void *arg, struct ctl_http_request **ret_request)
{
	struct ctl_http_request *r = calloc(1, sizeof(*r));
	CURL *easy = curl_easy_init();
	if (!r || !easy) {
		free(r);
		curl_easy_cleanup(easy);
		return -ENOMEM;
	}
	*r = (struct ctl_http_request){.http = http,
	    .easy = easy,
	    .on_line = on_line,
	    .done = done,
	    .arg = arg,
	    .next = http->requests,
	    .link = &http->requests};
	set_options(r, url, body, timeout_ms);
	if (ctl_transfers_add(http->transfers, easy) != 0) {
		curl_easy_cleanup(easy);
		free(r);
		return -ENOMEM;
	}
	if (r->next)
		r->next->link = &r->next;
	http->requests = r;
	*ret_request = r;
	return 0;
}

void ctl_http_cancel(struct ctl_http_request *r)
{
	r->cancelled = true;
	if (!r->in_callback)
		free_request(r);
}
