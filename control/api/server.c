/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/api/router.h"

#define BACKLOG          64
#define MAX_CONNECTIONS  64u
#define CONNECTION_BYTES (64u << 10) /* libmicrohttpd's own memory of a connection: headers and a send block */
#define BLOCK            (16u << 10) /* bytes handed to libmicrohttpd at a time */
#define IDLE_SECONDS     10u         /* a connection without a request */

struct ctl_api_server {
	const struct ctl_api_view *view;
	struct MHD_Daemon *http;
	uv_poll_t poll;
	uv_timer_t timer;
	uv_timer_t tick;
	unsigned open_handles;
	struct exchange *exchanges;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

/* One request and its answer on a connection. */
struct exchange {
	struct ctl_api_server *server;
	struct exchange *next;
	struct MHD_Connection *connection;
	struct ctl_api_answer *answer; /* NULL while the body comes in */
	char *body;
	size_t size;
	bool suspended;
	bool queued; /* the response has been handed over; its body may still be coming */
	uint64_t moved_ms;
};

/* ---- the loop ---- */

static void run(struct ctl_api_server *server);

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

static unsigned connections(struct ctl_api_server *server)
{
	return MHD_get_daemon_info(server->http, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* With as many connections as it may have, libmicrohttpd takes its listener out of the poll, and puts it back in the
 * pass after the one in which a connection ended: without that pass nothing would ever wake us again. */
static void run(struct ctl_api_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	unsigned before;
	do {
		before = connections(server);
		MHD_run(server->http);
	} while (connections(server) < before);
	if (MHD_get_timeout(server->http, &timeout_ms) == MHD_YES)
		uv_timer_start(&server->timer, on_timer, timeout_ms, 0);
	else
		uv_timer_stop(&server->timer);
}

/* Continues a connection that waits, at the loop's next pass. */
static void wake(struct exchange *exchange)
{
	if (!exchange->suspended)
		return;
	exchange->suspended = false;
	MHD_resume_connection(exchange->connection);
	uv_timer_start(&exchange->server->timer, on_timer, 0, 0);
}

static void hold(struct exchange *exchange)
{
	exchange->suspended = true;
	MHD_suspend_connection(exchange->connection);
}

/* ---- streams that wait ---- */

static bool client_is_gone(const struct exchange *exchange)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char byte;
	ssize_t n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* libmicrohttpd does not look at a suspended connection. A trace whose client has gone is in the way of the next. */
static void end_abandoned(struct ctl_api_server *server)
{
	for (struct exchange *e = server->exchanges; e; e = e->next) {
		if (!e->suspended || !e->queued || e->answer->ended || !client_is_gone(e))
			continue;
		if (e->answer->left)
			e->answer->left(e->answer);
		ctl_api_answer_end(e->answer);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct ctl_api_server *server = timer->data;
	uint64_t now_ms = uv_now(timer->loop);
	end_abandoned(server);
	for (struct exchange *e = server->exchanges; e; e = e->next) {
		if (e->suspended && e->queued && e->answer->idle && now_ms - e->moved_ms >= CTL_API_IDLE_MS)
			e->answer->idle(e->answer);
	}
}

/* ---- answers ---- */

static void on_answer_changed(struct ctl_api_answer *answer)
{
	wake(answer->server);
}

static ssize_t read_answer(void *context, uint64_t position, char *buffer, size_t max)
{
	(void)position;
	struct exchange *exchange = context;
	size_t n = ctl_api_answer_take(exchange->answer, buffer, max);
	exchange->moved_ms = uv_now(exchange->server->timer.loop);
	if (n > 0)
		return (ssize_t)n;
	if (exchange->answer->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	hold(exchange);
	return 0;
}

static enum MHD_Result queue(struct exchange *exchange)
{
	struct ctl_api_answer *answer = exchange->answer;
	uint64_t size = answer->ended ? answer->size : MHD_SIZE_UNKNOWN;
	struct MHD_Response *response = MHD_create_response_from_callback(size, BLOCK, read_answer, exchange, NULL);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	if (*answer->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	enum MHD_Result result = MHD_queue_response(exchange->connection, answer->status, response);
	MHD_destroy_response(response);
	exchange->queued = true;
	return result;
}

/* ---- requests ---- */

static enum MHD_Result add_param(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	struct ctl_api_request *request = context;
	if (request->n_param == CTL_API_MAX_PARAMS)
		return MHD_NO;
	request->param[request->n_param++] = (struct ctl_api_param){key, value ? value : ""};
	return MHD_YES;
}

/* Keeps a byte more than is allowed, so that the router sees what is too long. */
static enum MHD_Result add_body(struct exchange *exchange, const char *data, size_t *size)
{
	size_t room = CTL_YAML_MAX_APPLY + 1 - exchange->size;
	size_t n = *size < room ? *size : room;
	char *body = n ? realloc(exchange->body, exchange->size + n) : exchange->body;
	if (n && !body)
		return MHD_NO;
	if (n)
		memcpy(body + exchange->size, data, n);
	exchange->body = body;
	exchange->size += n;
	*size = 0;
	return MHD_YES;
}

static enum MHD_Result dispatch(struct exchange *exchange, const char *method, const char *path)
{
	struct ctl_api_request request = {
	    .method = method, .path = path, .body = exchange->body, .size = exchange->size};
	MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, add_param, &request);
	end_abandoned(exchange->server);
	exchange->answer = ctl_api_answer_new();
	if (!exchange->answer)
		return MHD_NO;
	exchange->answer->server = exchange;
	exchange->answer->changed = on_answer_changed;
	ctl_api_dispatch(exchange->server->view, &request, exchange->answer);
	if (exchange->answer->status)
		return queue(exchange);
	hold(exchange);
	return MHD_YES;
}

static struct exchange *exchange_new(struct ctl_api_server *server, struct MHD_Connection *connection)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return NULL;
	exchange->server = server;
	exchange->connection = connection;
	exchange->next = server->exchanges;
	server->exchanges = exchange;
	return exchange;
}

/* libmicrohttpd calls this once with the headers, once for each part of the body, once at its end, and again after each
 * resume until there is a response. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **exchange_at)
{
	(void)version;
	struct exchange *exchange = *exchange_at;
	if (!exchange) {
		*exchange_at = exchange_new(context, connection);
		return *exchange_at ? MHD_YES : MHD_NO;
	}
	if (*size > 0)
		return add_body(exchange, data, size);
	if (!exchange->answer)
		return dispatch(exchange, method, url);
	return queue(exchange);
}

static void on_completed(
    void *context, struct MHD_Connection *connection, void **exchange_at, enum MHD_RequestTerminationCode code)
{
	(void)connection;
	(void)code;
	struct ctl_api_server *server = context;
	struct exchange *exchange = *exchange_at;
	if (!exchange)
		return;
	struct exchange **at = &server->exchanges;
	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
	if (exchange->answer)
		ctl_api_answer_abandon(exchange->answer);
	free(exchange->body);
	free(exchange);
	*exchange_at = NULL;
}

/* ---- start and stop ---- */

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	mode_t mask = umask(0117);
	int err =
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0 ? -errno : 0;
	umask(mask);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static void attach(struct ctl_api_server *server, uv_loop_t *loop)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->http, MHD_DAEMON_INFO_EPOLL_FD);
	uv_poll_init(loop, &server->poll, info->epoll_fd);
	uv_timer_init(loop, &server->timer);
	uv_timer_init(loop, &server->tick);
	server->poll.data = server->timer.data = server->tick.data = server;
	server->open_handles = 3;
	uv_poll_start(&server->poll, UV_READABLE, on_poll);
	uv_timer_start(&server->tick, on_tick, CTL_API_IDLE_MS, CTL_API_IDLE_MS);
}

int ctl_api_server_start(
    uv_loop_t *loop, const char *path, const struct ctl_api_view *view, struct ctl_api_server **ret_server)
{
	struct ctl_api_server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	int fd = listen_on(path);
	if (fd < 0) {
		free(server);
		return fd;
	}
	server->view = view;
	strcpy(server->path, path);
	server->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
	    MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
	if (!server->http) {
		close(fd);
		unlink(path);
		free(server);
		return -ENOMEM;
	}
	attach(server, loop);
	*ret_server = server;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct ctl_api_server *server = handle->data;
	if (--server->open_handles == 0)
		free(server);
}

void ctl_api_server_stop(struct ctl_api_server *server)
{
	if (!server)
		return;
	for (struct exchange *e = server->exchanges; e; e = e->next)
		wake(e);
	uv_close((uv_handle_t *)&server->poll, on_closed);
	uv_close((uv_handle_t *)&server->timer, on_closed);
	uv_close((uv_handle_t *)&server->tick, on_closed);
	MHD_stop_daemon(server->http);
	unlink(server->path);
}
