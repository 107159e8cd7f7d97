/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/transfer/transfers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct ctl_transfers {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	unsigned handles; /* of libuv, open: memory goes when none is */
	bool closing;
	ctl_transfer_done_fn done;
	void (*freed)(void *arg);
	void *freed_arg;
};

struct socket_watch {
	uv_poll_t poll;
	curl_socket_t fd;
	struct ctl_transfers *transfers;
};

static void handle_closed(struct ctl_transfers *t)
{
	if (--t->handles)
		return;
	void (*freed)(void *arg) = t->freed;
	void *arg = t->freed_arg;
	free(t);
	if (freed)
		freed(arg);
}

static void act(struct ctl_transfers *t, curl_socket_t fd, int events)
{
	int running, left;
	if (t->closing)
		return;
	curl_multi_socket_action(t->multi, fd, events, &running);
	for (CURLMsg *message; !t->closing && (message = curl_multi_info_read(t->multi, &left));) {
		char *private = NULL;
		CURLcode result = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		t->done(private, result);
	}
}

/* ---- the timeout ---- */

static void on_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct ctl_transfers *t = arg;
	(void)multi;
	if (t->closing)
		return 0;
	if (ms < 0)
		uv_timer_stop(&t->timer);
	else
		uv_timer_start(&t->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

/* ---- sockets ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct socket_watch *w = poll->data;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;
	flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
	flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
	act(w->transfers, w->fd, flags);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct socket_watch *w = handle->data;
	struct ctl_transfers *t = w->transfers;
	free(w);
	handle_closed(t);
}

static struct socket_watch *watch_socket(struct ctl_transfers *t, curl_socket_t fd)
{
	struct socket_watch *w = calloc(1, sizeof(*w));
	if (!w || uv_poll_init_socket(t->loop, &w->poll, fd)) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->fd = fd;
	w->transfers = t;
	t->handles++;
	curl_multi_assign(t->multi, fd, w);
	return w;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct ctl_transfers *t = arg;
	struct socket_watch *w = socket_arg;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(t->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, on_poll_closed);
		}
		return 0;
	}
	if (!w && !(w = watch_socket(t, fd)))
		return -1;
	int events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
	return uv_poll_start(&w->poll, events, on_poll);
}

/* ---- all of them ---- */

int ctl_transfers_new(uv_loop_t *loop, ctl_transfer_done_fn done, struct ctl_transfers **ret_transfers)
{
	struct ctl_transfers *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct ctl_transfers){.loop = loop, .multi = curl_multi_init(), .done = done, .handles = 1};
	if (!t->multi) {
		free(t);
		return -ENOMEM;
	}
	uv_timer_init(loop, &t->timer);
	t->timer.data = t;
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
	*ret_transfers = t;
	return 0;
}

int ctl_transfers_add(struct ctl_transfers *transfers, CURL *easy)
{
	return curl_multi_add_handle(transfers->multi, easy) == CURLM_OK ? 0 : -ENOMEM;
}

void ctl_transfers_remove(struct ctl_transfers *transfers, CURL *easy)
{
	curl_multi_remove_handle(transfers->multi, easy);
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

void ctl_transfers_close(struct ctl_transfers *transfers, void (*freed)(void *arg), void *arg)
{
	transfers->freed = freed;
	transfers->freed_arg = arg;
	curl_multi_cleanup(transfers->multi);
	transfers->closing = true;
	uv_close((uv_handle_t *)&transfers->timer, on_timer_closed);
}
