/* SPDX-License-Identifier: BSD-2-Clause */
/* The client against a peer that speaks the protocol over a real socket, both on one loop. */
#include "control/dataplane/client.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uv_loop_t loop;
static char path[64];
static int listener, peer;
static uint64_t peer_boot, peer_generation;
static struct ctl_dataplane *client;

/* What has come, by type; and of the transaction last committed. */
static unsigned count[32], upserts, deletes, fulls;
static uint64_t committed;
static bool sent_link;         /* a link is in the transaction */
static bool has_link;          /* a link has been committed */
static unsigned early, heard;  /* link states before that, and after */
static unsigned poll_failures; /* that uv_poll_start is still to have */
static bool refuse;
static struct {
	unsigned synchronised, disconnected, refused, rows, ends;
	bool full;
	int end_error;
	char why[64]; /* the last disconnection */
} seen;

static void reply(uint16_t type, uint64_t generation, const void *body, size_t size, int fd)
{
	_Alignas(8) uint8_t bytes[4096] = {0};
	struct wire_ctl_header header = {
	    .type = type, .length = (uint32_t)(sizeof(header) + size), .generation = generation};
	memcpy(bytes, &header, sizeof(header));
	if (size)
		memcpy(bytes + sizeof(header), body, size);
	struct iovec part = {bytes, header.length};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	}
	cr_assert(sendmsg(peer, &message, MSG_NOSIGNAL) == (ssize_t)header.length);
}

static int stats_memfd(void)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);
	struct wire_stats stats = {
	    .magic = WIRE_STATS_MAGIC, .version = WIRE_STATS_VERSION, .size = sizeof(stats), .pid = 42};
	cr_assert(write(fd, &stats, sizeof(stats)) == (ssize_t)sizeof(stats));
	return fd;
}

static void peer_message(const struct wire_ctl_header *header)
{
	const void *body = header + 1;
	count[header->type]++;
	switch (header->type) {
	case WIRE_CTL_HELLO: {
		struct wire_ctl_hello hello = {
		    .version = WIRE_CTL_VERSION, .boot_id = peer_boot, .generation = peer_generation, .workers = 1};
		int fd = stats_memfd();
		reply(WIRE_CTL_HELLO, 0, &hello, sizeof(hello), fd);
		close(fd);
		break;
	}
	case WIRE_CTL_BEGIN:
		upserts = deletes = 0;
		fulls += ((const struct wire_ctl_begin *)body)->flags & WIRE_CTL_FULL;
		break;
	case WIRE_CTL_UPSERT:
		upserts++;
		sent_link = sent_link || header->object == WIRE_OBJ_LINK;
		break;
	case WIRE_CTL_LINK_STATE:
		early += !has_link;
		heard += has_link;
		break;
	case WIRE_CTL_DELETE:
		deletes++;
		break;
	case WIRE_CTL_COMMIT:
		if (refuse) {
			struct wire_ctl_error error = {.code = -22, .text = "endpoint 1: no such group"};
			reply(WIRE_CTL_ERROR, header->generation, &error, sizeof(error), -1);
			break;
		}
		cr_assert(header->generation > peer_generation);
		committed = peer_generation = header->generation;
		has_link = has_link || sent_link;
		reply(WIRE_CTL_ACK, header->generation, NULL, 0, -1);
		break;
	case WIRE_CTL_FLOWS_QUERY: {
		struct wire_ctl_flow flow = {.client_port = 5};
		reply(WIRE_CTL_FLOW, 0, &flow, sizeof(flow), -1);
		reply(WIRE_CTL_FLOW, 0, &flow, sizeof(flow), -1);
		reply(WIRE_CTL_FLOWS_END, 0, NULL, 0, -1);
		break;
	}
	default:
		break;
	}
}

static void peer_poll(void)
{
	_Alignas(8) static uint8_t bytes[WIRE_CTL_MAX_DATAGRAM];
	if (peer < 0 && listener >= 0)
		peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ssize_t length = -1;
	while (peer >= 0 && (length = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		for (size_t at = 0; at < (size_t)length;) {
			const struct wire_ctl_header *header = (void *)(bytes + at);
			cr_assert(header->length >= sizeof(*header) && header->length % 8 == 0 &&
			          at + header->length <= (size_t)length);
			peer_message(header);
			at += header->length;
		}
	if (length == 0) {
		close(peer);
		peer = -1; /* the client has hung up */
	}
}

static void peer_listen(uint64_t boot, uint64_t generation)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, path);
	unlink(path);
	peer_boot = boot;
	peer_generation = generation;
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert(bind(listener, (void *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0);
}

static void peer_die(void)
{
	close(peer);
	close(listener);
	peer = listener = -1;
}

static void on_synchronised(void *arg, uint64_t generation, uint64_t ns, bool full)
{
	(void)arg, (void)ns;
	cr_assert(generation == committed || !full);
	seen.synchronised++;
	seen.full = full;
}

static void on_disconnected(void *arg, const char *why)
{
	(void)arg;
	seen.disconnected++;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
}

static void on_refused(void *arg, const struct wire_ctl_error *error)
{
	(void)arg, (void)error;
	seen.refused++;
}

static void on_row(void *arg, const struct wire_ctl_flow *flow)
{
	(void)arg;
	cr_assert(flow->client_port == 5);
	seen.rows++;
}

static void on_end(void *arg, int error)
{
	(void)arg;
	seen.ends++;
	seen.end_error = error;
}

/* Turn both sides until `value` reaches `wanted`, at most 3 s. */
static void until(const unsigned *value, unsigned wanted)
{
	uint64_t deadline = uv_hrtime() + 3000000000ull;
	while (*value < wanted) {
		cr_assert(uv_hrtime() < deadline, "waited in vain: %u of %u", *value, wanted);
		uv_run(&loop, UV_RUN_NOWAIT);
		peer_poll();
		usleep(500);
	}
}

static void turn(unsigned ms)
{
	for (uint64_t deadline = uv_hrtime() + ms * 1000000ull; uv_hrtime() < deadline; usleep(500)) {
		uv_run(&loop, UV_RUN_NOWAIT);
		peer_poll();
	}
}

static void setup(void)
{
	struct ctl_dataplane_events events = {
	    .synchronised = on_synchronised, .disconnected = on_disconnected, .refused = on_refused};
	snprintf(path, sizeof(path), "/tmp/kuafu-test-client-%d.sock", (int)getpid());
	uv_loop_init(&loop);
	peer = listener = -1;
	cr_assert(ctl_dataplane_new(&loop, path, &events, NULL, &client) == 0);
}

static void teardown(void)
{
	ctl_dataplane_close(client);
	while (uv_run(&loop, UV_RUN_DEFAULT))
		;
	cr_assert(uv_loop_close(&loop) == 0);
	peer_die();
	unlink(path);
}

TestSuite(client, .init = setup, .fini = teardown);

static void want(uint32_t endpoint, uint16_t port)
{
	struct wire_ctl_endpoint body = {.endpoint = endpoint, .port = port};
	cr_assert(ctl_dataplane_upsert(client, WIRE_OBJ_ENDPOINT, &body) == 0);
}

Test(client, waits_for_ready_and_for_the_data_plane_then_sends_everything_once)
{
	want(1, 1);
	turn(60);
	peer_listen(100, 0);
	until(&count[WIRE_CTL_HELLO], 1);
	turn(20);
	cr_assert(count[WIRE_CTL_BEGIN] == 0, "nothing before ready");
	want(2, 1);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	cr_assert(seen.full && upserts == 2 && fulls == 1 && count[WIRE_CTL_BEGIN] == 1);
	size_t size;
	const struct wire_stats *stats = ctl_dataplane_stats(client, &size);
	cr_assert(stats && size >= sizeof(*stats) && stats->pid == 42);
}

Test(client, sends_only_what_differs_and_gathers_what_comes_together)
{
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	for (uint32_t i = 1; i <= 3; i++)
		want(i, 1);
	until(&seen.synchronised, 1);
	want(2, 9);
	want(2, 8);
	cr_assert(ctl_dataplane_delete(client, WIRE_OBJ_ENDPOINT, &(struct wire_ctl_endpoint){.endpoint = 3}) == 0);
	until(&seen.synchronised, 2);
	cr_assert(upserts == 1 && deletes == 1 && count[WIRE_CTL_BEGIN] == 2 && !seen.full);
	want(2, 8);
	turn(30);
	cr_assert(count[WIRE_CTL_BEGIN] == 2, "no transaction without a difference");
}

Test(client, gives_a_restarted_data_plane_the_whole_state_and_a_surviving_one_the_rest)
{
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	want(1, 1);
	want(2, 1);
	until(&seen.synchronised, 1);
	uint64_t held = committed;
	peer_die();
	until(&seen.disconnected, 1);
	want(3, 1);
	peer_listen(100, held);
	until(&seen.synchronised, 2);
	cr_assert(upserts == 1 && fulls == 1 && !seen.full, "the same data plane");
	peer_die();
	until(&seen.disconnected, 2);
	peer_listen(200, 0);
	until(&seen.synchronised, 3);
	cr_assert(upserts == 3 && fulls == 2 && seen.full, "another one");
}

Test(client, tells_no_states_of_links_that_have_gone)
{
	for (uint8_t i = 1; i <= 50; i++) {
		struct wire_ctl_link link = {.link = i, .from_pop = 1, .to_pop = 2, .local_link = i, .remote_link = 1};
		struct wire_ctl_link_state down = {.from_pop = 1, .to_pop = 2, .local_link = i, .remote_link = 1};
		cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_LINK, &link, 1) == 0);
		cr_assert(ctl_dataplane_link_state(client, &down) == 0);
	}
	ctl_dataplane_ready(client);
	peer_listen(100, 0);
	until(&seen.synchronised, 1);
	until(&count[WIRE_CTL_LINK_STATE], 1);
	turn(20);
	cr_assert(count[WIRE_CTL_LINK_STATE] == 1, "%u states of one link", count[WIRE_CTL_LINK_STATE]);
}

Test(client, reports_a_refusal_once_and_takes_the_next_change_anew)
{
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	refuse = true;
	want(1, 1);
	until(&seen.refused, 1);
	want(1, 2);
	until(&count[WIRE_CTL_COMMIT], 3);
	turn(20);
	cr_assert(seen.refused == 1);
	struct ctl_dataplane_status status;
	ctl_dataplane_status(client, &status);
	cr_assert(status.error[0] && !status.synchronised && status.refusals == 2);
	refuse = false;
	want(1, 3);
	until(&seen.synchronised, 2);
	ctl_dataplane_status(client, &status);
	cr_assert(!status.error[0] && status.synchronised && upserts == 1);
}

Test(client, answers_queries_in_turn_and_ends_them_when_the_data_plane_dies)
{
	struct ctl_dataplane_query *query;
	struct wire_ctl_filter filter = {0};
	cr_assert(ctl_dataplane_flows(client, &filter, on_row, on_end, NULL, &query) < 0);
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	cr_assert(ctl_dataplane_flows(client, &filter, on_row, on_end, NULL, &query) == 0);
	cr_assert(ctl_dataplane_flows(client, &filter, on_row, on_end, NULL, &query) == 0);
	ctl_dataplane_flows_cancel(query);
	cr_assert(ctl_dataplane_flows(client, &filter, on_row, on_end, NULL, &query) == 0);
	until(&seen.ends, 2);
	cr_assert(seen.rows == 4 && seen.end_error == 0);
	cr_assert(ctl_dataplane_trace(client, &filter, NULL, on_end, NULL) == 0);
	cr_assert(ctl_dataplane_trace(client, &filter, NULL, on_end, NULL) < 0, "one at a time");
	peer_die();
	until(&seen.ends, 3);
	cr_assert(seen.end_error < 0);
}

Test(client, tells_of_links_that_are_down_when_the_data_plane_has_them)
{
	struct wire_ctl_link link = {.link = 1, .from_pop = 1, .to_pop = 2, .mtu = 1500};
	struct wire_ctl_link_state down = {.from_pop = 1, .to_pop = 2, .state = WIRE_LINK_DOWN};
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	cr_assert(ctl_dataplane_link_state(client, &down) == 0);
	cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_LINK, &link, 1) == 0);
	until(&heard, 1);
	cr_assert(early == 0);
	peer_die();
	until(&seen.disconnected, 1);
	has_link = sent_link = false;
	heard = 0;
	peer_listen(200, 0);
	until(&heard, 1);
	cr_assert(early == 0, "a state before the transaction with its link is forgotten");
	peer_die();
	until(&seen.disconnected, 2);
	peer_listen(200, committed);
	until(&heard, 2);
}

Test(client, tells_of_a_link_state_again_when_the_link_is_added)
{
	struct wire_ctl_link link = {.link = 1, .from_pop = 1, .to_pop = 2, .mtu = 1500};
	struct wire_ctl_link_state down = {.from_pop = 1, .to_pop = 2, .state = WIRE_LINK_DOWN};
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	cr_assert(ctl_dataplane_link_state(client, &down) == 0);
	until(&early, 1);
	cr_assert(ctl_dataplane_replace(client, WIRE_OBJ_LINK, &link, 1) == 0);
	until(&heard, 1);
}

int __real_uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb cb);
int __wrap_uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb cb);

int __wrap_uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb cb)
{
	return poll_failures && poll_failures-- ? UV_ENOMEM : __real_uv_poll_start(handle, events, cb);
}

Test(client, connects_again_after_a_socket_could_not_be_watched)
{
	poll_failures = 1;
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	cr_assert(poll_failures == 0);
}

Test(client, hangs_up_on_a_peer_that_talks_nonsense)
{
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	cr_assert(send(peer, "nonsense", 8, MSG_NOSIGNAL) == 8);
	until(&seen.disconnected, 1);
}

Test(client, says_that_a_data_plane_has_gone_which_read_not_all)
{
	char byte;
	peer_listen(100, 0);
	ctl_dataplane_ready(client);
	until(&seen.synchronised, 1);
	want(1, 1);
	for (; recv(peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0; usleep(500))
		uv_run(&loop, UV_RUN_NOWAIT);
	peer_die();
	until(&seen.disconnected, 1);
	cr_assert_str_eq(seen.why, "the data plane has gone");
}
