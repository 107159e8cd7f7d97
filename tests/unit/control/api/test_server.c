/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/control/api/fixture.h"

static struct fixture f;
static uv_loop_t loop;
static struct ctl_api_server *server;
static char path[64];

static void start(void)
{
	fixture_init(&f);
	uv_loop_init(&loop);
	snprintf(path, sizeof(path), "/tmp/kuafu-api-test-%d.sock", (int)getpid());
	cr_assert_eq(ctl_api_server_start(&loop, path, &f.view, &server), 0);
}

static void stop(void)
{
	ctl_api_server_stop(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&loop), 0, "every handle is closed");
	cr_assert_neq(access(path, F_OK), 0, "the socket is removed");
}

TestSuite(server, .init = start, .fini = stop, .timeout = 20);

/* A client that may block, in a thread of its own: sends and reads until the other end closes, or until `enough` is
 * read. */
struct client {
	pthread_t thread;
	const char *request;
	const char *enough;
	char reply[65536];
	volatile bool finished;
};

static int connect_to_server(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void *talk(void *context)
{
	struct client *c = context;
	int fd = connect_to_server();
	size_t used = 0, size = strlen(c->request);
	ssize_t n;
	for (size_t sent = 0; sent < size; sent += (size_t)n) {
		if ((n = send(fd, c->request + sent, size - sent, MSG_NOSIGNAL)) <= 0)
			break;
	}
	while ((n = recv(fd, c->reply + used, sizeof(c->reply) - 1 - used, 0)) > 0) {
		used += (size_t)n;
		c->reply[used] = '\0';
		if (c->enough && strstr(c->reply, c->enough))
			break;
	}
	close(fd);
	c->finished = true;
	return NULL;
}

static void run_while(const volatile bool *until, bool (*tick)(void))
{
	while (!*until) {
		uv_run(&loop, UV_RUN_NOWAIT);
		if (tick && tick())
			tick = NULL;
		usleep(500);
	}
}

/* Runs the loop until the client is done; tick is called at every pass until it returns true. */
static void exchange(struct client *c, bool (*tick)(void))
{
	pthread_create(&c->thread, NULL, talk, c);
	run_while(&c->finished, tick);
	pthread_join(c->thread, NULL);
}

Test(server, answers_over_the_socket_which_others_may_not_open)
{
	struct client c = {.request = "GET /v1/status HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n"};
	exchange(&c, NULL);
	cr_assert(strncmp(c.reply, "HTTP/1.1 200 OK\r\n", 17) == 0, "%s", c.reply);
	cr_assert(strstr(c.reply, "\"pop\":\"sgp1\""), "%s", c.reply);
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0660);
}

static bool answer_apply(void)
{
	if (!*f.asked)
		return false;
	fixture_done(&f, 0, NULL);
	return true;
}

Test(server, an_answer_may_come_later_than_its_request)
{
	struct client c = {.request =
	                       "POST /v1/apply HTTP/1.1\r\nHost: k\r\nConnection: close\r\nContent-Length: 13\r\n\r\n"
	                       "kind: policy\n"};
	exchange(&c, answer_apply);
	cr_assert_str_eq(f.text, "kind: policy\n");
	cr_assert(strstr(c.reply, "\"change\":\"changed\""), "%s", c.reply);
}

static bool answer_trace(void)
{
	struct wire_ctl_trace record = {.packet = 1, .text = "a step"};
	if (!f.query.row)
		return false;
	f.query.row(f.query.to, &record);
	return true;
}

Test(server, a_trace_is_sent_record_by_record_while_it_runs)
{
	struct client c = {.request = "GET /v1/trace HTTP/1.1\r\nHost: k\r\n\r\n", .enough = "a step"};
	exchange(&c, answer_trace);
	cr_assert(strstr(c.reply, "application/x-ndjson"), "%s", c.reply);
	for (int i = 0; i < 400 && !f.stopped; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
	cr_assert_eq(f.stopped, 42, "the client has left, so the trace is stopped");
}

static bool wait_for_trace(void)
{
	return f.query.row != NULL;
}

Test(server, a_trace_that_was_left_is_not_in_the_way_of_the_next)
{
	const char *request = "GET /v1/trace HTTP/1.1\r\nHost: k\r\n\r\n";
	int fd = connect_to_server();
	send(fd, request, strlen(request), MSG_NOSIGNAL);
	while (!wait_for_trace()) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	close(fd);
	cr_assert_eq(f.stopped, 0);
	struct client c = {.request = request, .enough = "HTTP/1.1 200"};
	exchange(&c, NULL);
	cr_assert_eq(f.stopped, 42, "the first was stopped before the second was asked");
}

Test(server, a_body_over_the_limit_is_refused)
{
	size_t size = 3 << 20;
	char *request = malloc(size + 200);
	int head = sprintf(
	    request, "POST /v1/apply HTTP/1.1\r\nHost: k\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", size);
	memset(request + head, 'a', size);
	request[(size_t)head + size] = '\0';
	struct client c = {.request = request};
	exchange(&c, NULL);
	cr_assert(strncmp(c.reply, "HTTP/1.1 413", 12) == 0, "%s", c.reply);
	cr_assert_str_empty(f.asked);
	free(request);
}

Test(server, what_is_no_http_does_not_harm)
{
	static const char *const nonsense[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
	    "\x16\x03\x01\x02\x03\r\n\r\n", "GET /v1/status?%zz=%%% HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n"};
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		int fd = connect_to_server();
		send(fd, nonsense[i], strlen(nonsense[i]), MSG_NOSIGNAL);
		for (int pass = 0; pass < 20; pass++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(500);
		}
		close(fd);
	}
	struct client c = {.request = "GET /v1/pops HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n"};
	exchange(&c, NULL);
	cr_assert(strncmp(c.reply, "HTTP/1.1 200", 12) == 0, "%s", c.reply);
}

/* More than libmicrohttpd may have at a time, but no more than the backlog holds beside. */
#define MANY 100

Test(server, answers_again_after_more_connections_than_it_may_have)
{
	int fd[MANY];
	for (int i = 0; i < MANY; i++) {
		fd[i] = connect_to_server();
		cr_assert_eq(send(fd[i], "GET /v1/st", 10, MSG_NOSIGNAL), 10);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	for (int i = 0; i < MANY; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	struct client c = {.request = "GET /v1/status HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n"};
	exchange(&c, NULL);
	cr_assert(strncmp(c.reply, "HTTP/1.1 200 OK\r\n", 17) == 0, "%s", c.reply);
}

Test(server, stops_while_requests_are_open)
{
	int fd = connect_to_server();
	const char *request = "GET /v1/trace HTTP/1.1\r\nHost: k\r\n\r\n";
	send(fd, request, strlen(request), MSG_NOSIGNAL);
	for (int pass = 0; pass < 50 && !f.query.row; pass++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	cr_assert(f.query.row, "the trace runs; the suite's end stops the server");
}

Test(server, a_path_that_is_too_long_is_refused)
{
	char long_path[200];
	struct ctl_api_server *other = NULL;
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	cr_assert_eq(ctl_api_server_start(&loop, long_path, &f.view, &other), -ENAMETOOLONG);
	cr_assert_null(other);
}
