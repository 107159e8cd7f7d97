/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP POST of JSON by libcurl's multi interface, driven by the loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct ctl_http;
struct ctl_http_request;

/* In place of an HTTP status; text says why. */
#define CTL_HTTP_NOT_SENT  0u /* the server was not reached */
#define CTL_HTTP_NO_ANSWER 1u /* it may have had the request, and has not answered, or not to the end */

/* body: all of it (zero-terminated), or "" for a stream. The request is freed after this. */
typedef void (*ctl_http_done_fn)(void *arg, unsigned status, const char *body, size_t size, const char *text);
/* One whole line of a stream, without its end; zero-terminated. May cancel the request. */
typedef void (*ctl_http_line_fn)(void *arg, char *line, size_t size);

int ctl_http_new(uv_loop_t *loop, struct ctl_http **ret_http);

/* Cancels everything. freed is called from the loop when nothing is left. */
void ctl_http_close(struct ctl_http *http, void (*freed)(void *arg), void *arg);

/* Posts body (copied). With on_line the answer is a stream that has no end and no time limit, else all must be done
 * within timeout_ms. done is called from the loop, once, unless cancelled. Returns 0 or -ENOMEM. */
int ctl_http_post(struct ctl_http *http, const char *url, const char *body, unsigned timeout_ms,
    ctl_http_line_fn on_line, ctl_http_done_fn done, void *arg, struct ctl_http_request **ret_request);

/* No callback comes after this. */
void ctl_http_cancel(struct ctl_http_request *request);
