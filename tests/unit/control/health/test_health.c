/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks against a listener on the loopback that answers as it is told. */
#include "control/health/health.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t loop;
static struct ctl_health *health;
static int listener = -1;
static uint16_t port;
static const char *answer; /* NULL: silence */
static char request[1024];
static unsigned changes, accepted;
static struct ctl_health_result last;

static void on_changed(void *arg, const struct ctl_health_result *result)
{
	(void)arg;
	changes++;
	last = *result;
}

static void listen_on(uint16_t number)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(number), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int one = 1;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	cr_assert(bind(listener, (void *)&address, sizeof(address)) == 0 && listen(listener, 16) == 0);
	cr_assert(getsockname(listener, (void *)&address, &size) == 0);
	port = ntohs(address.sin_port);
}

static void stop_listening(void)
{
	close(listener);
	listener = -1;
}

static void serve(void)
{
	int fd = listener < 0 ? -1 : accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	accepted++;
	if (answer) {
		ssize_t length = recv(fd, request, sizeof(request) - 1, 0);
		request[length > 0 ? length : 0] = 0;
		send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		close(fd);
	}
}

static void turn(unsigned ms)
{
	for (uint64_t deadline = uv_hrtime() + ms * 1000000ull; uv_hrtime() < deadline; usleep(500)) {
		uv_run(&loop, UV_RUN_NOWAIT);
		serve();
	}
}

static void until_changes(unsigned wanted)
{
	for (int i = 0; i < 300 && changes < wanted; i++)
		turn(10);
	cr_assert(changes == wanted, "%u changes, not %u", changes, wanted);
}

static struct ctl_health_target target_of(enum ctl_health_type type)
{
	uint8_t loopback[4] = {127, 0, 0, 1};
	return (struct ctl_health_target){.endpoint = 7,
	    .type = type,
	    .address = wire_addr_from_v4(loopback),
	    .port = port,
	    .interval_ms = 20,
	    .timeout_ms = 100,
	    .rise = 2,
	    .fall = 3,
	    .path = "/healthz?x=1"};
}

static void setup(void)
{
	uv_loop_init(&loop);
	listen_on(0);
	cr_assert(ctl_health_new(&loop, on_changed, NULL, &health) == 0);
}

static void teardown(void)
{
	ctl_health_close(health);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&loop) == 0);
}

TestSuite(health, .init = setup, .fini = teardown);

Test(health, of_a_tcp_port_follows_whether_it_can_be_connected_to)
{
	struct ctl_health_target target = target_of(CTL_HEALTH_TCP);
	cr_assert(ctl_health_set(health, &target, 1) == 0);
	until_changes(1);
	cr_assert(last.verdict == CTL_HEALTH_UP && !strcmp(last.detail, "connected"));
	stop_listening();
	until_changes(2);
	cr_assert(last.verdict == CTL_HEALTH_DOWN && last.endpoint == 7 && last.detail[0]);
	listen_on(port);
	until_changes(3);
	cr_assert(last.verdict == CTL_HEALTH_UP);
}

Test(health, of_an_http_server_is_in_its_status)
{
	struct ctl_health_target target = target_of(CTL_HEALTH_HTTP);
	answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
	cr_assert(ctl_health_set(health, &target, 1) == 0);
	until_changes(1);
	cr_assert(last.verdict == CTL_HEALTH_UP && !strcmp(last.detail, "204"));
	cr_assert(strstr(request, "GET /healthz?x=1 HTTP/1.1\r\n"));
	answer = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
	until_changes(2);
	cr_assert(last.verdict == CTL_HEALTH_DOWN && !strcmp(last.detail, "503"));
	answer = "nonsense\r\n\r\n";
	turn(100);
	answer = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
	until_changes(3);
	cr_assert(last.verdict == CTL_HEALTH_UP, "a redirection is an answer, and is not followed");
}

Test(health, of_a_server_that_accepts_and_says_nothing_is_down_after_the_timeout)
{
	struct ctl_health_target target = target_of(CTL_HEALTH_HTTP);
	cr_assert(ctl_health_set(health, &target, 1) == 0);
	until_changes(1);
	cr_assert(last.verdict == CTL_HEALTH_DOWN && !strcmp(last.detail, "timed out"));
}

Test(health, of_an_unchanged_target_survives_a_new_list_and_a_changed_one_starts_anew)
{
	struct ctl_health_target target[2] = {target_of(CTL_HEALTH_TCP), target_of(CTL_HEALTH_NONE)};
	target[1].endpoint = 8;
	cr_assert(ctl_health_set(health, target, 1) == 0);
	until_changes(1);
	cr_assert(ctl_health_set(health, target, 2) == 0);
	cr_assert(ctl_health_get(health, 7)->verdict == CTL_HEALTH_UP &&
	          ctl_health_get(health, 8)->verdict == CTL_HEALTH_UNKNOWN);
	until_changes(2);
	cr_assert(last.endpoint == 8 && last.verdict == CTL_HEALTH_UP, "what is not checked is up");
	target[0].fall = 4;
	cr_assert(ctl_health_set(health, target, 1) == 0);
	cr_assert(ctl_health_get(health, 7)->verdict == CTL_HEALTH_UNKNOWN && !ctl_health_get(health, 8));
}

Test(health, set_that_makes_no_sense_changes_nothing)
{
	struct ctl_health_target target[2] = {target_of(CTL_HEALTH_TCP), target_of(CTL_HEALTH_TCP)};
	cr_assert(ctl_health_set(health, target, 1) == 0);
	cr_assert(ctl_health_set(health, target, 2) < 0, "an endpoint twice");
	target[1].endpoint = 8;
	target[1].interval_ms = 0;
	cr_assert(ctl_health_set(health, target, 2) < 0);
	cr_assert(ctl_health_get(health, 7) && !ctl_health_get(health, 8));
}
