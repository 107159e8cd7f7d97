/* SPDX-License-Identifier: BSD-2-Clause */
/* What kuafud makes of a data plane that answers anything: the client (control/dataplane/) over a real socket, with a
 * transaction, a query, a trace and a capture under way. The input is a list of datagrams, each
 *
 *   what (1 byte) | length (2 bytes, little-endian) | bytes
 *
 * What: bit 0: not sent, but the content of a memfd that goes along with the next one, as the counters do. Before the
 * first comes a good HELLO, unless the list begins with one of what = 2. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/dataplane/client.h"
#include "control/dataplane/frame.h"
#include "control/metrics/counters.h"
#include "tests/fuzz/expect.h"

#define TURNS 8 /* of the loop, for a datagram to be read and answered */

enum what { DESCRIPTOR = 1, NO_HELLO = 2 };

static uv_loop_t loop;
static char path[64];
static int listener = -1, peer;
static volatile unsigned sum; /* reads of what is handed out are not optimised away */

static void read_all(const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += ((const uint8_t *)bytes)[i];
}

static void on_flow(void *arg, const struct wire_ctl_flow *flow)
{
	(void)arg;
	read_all(flow, sizeof(*flow));
}

static void on_trace(void *arg, const struct wire_ctl_trace *trace)
{
	(void)arg;
	read_all(trace, sizeof(*trace));
}

static void on_captured(void *arg, const struct wire_ctl_captured *captured)
{
	(void)arg;
	read_all(captured, sizeof(*captured) + captured->captured);
}

static void on_end(void *arg, int error)
{
	(void)arg;
	(void)error;
}

static void on_connected(void *arg, const struct wire_ctl_hello *hello)
{
	struct ctl_dataplane **client = arg;
	struct wire_ctl_filter filter = {0};
	struct ctl_dataplane_query *query;
	read_all(hello, sizeof(*hello));
	ctl_dataplane_flows(*client, &filter, on_flow, on_end, NULL, &query);
	ctl_dataplane_trace(*client, &filter, on_trace, on_end, NULL);
	ctl_dataplane_capture(*client, &filter, on_captured, on_end, NULL);
}

static void on_refused(void *arg, const struct wire_ctl_error *error)
{
	(void)arg;
	EXPECT(memchr(error->text, '\0', sizeof(error->text)));
}

static void remove_path(void)
{
	unlink(path);
}

static void listen_once(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (listener >= 0)
		return;
	snprintf(path, sizeof(path), "/tmp/kuafu-fuzz-client.%d", (int)getpid());
	memcpy(address.sun_path, path, sizeof(path));
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	EXPECT(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT(listen(listener, 1) == 0 && atexit(remove_path) == 0 && uv_loop_init(&loop) == 0);
}

static void turn(void)
{
	static uint8_t discarded[WIRE_CTL_MAX_DATAGRAM];
	for (int i = 0; i < TURNS; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		while (recv(peer, discarded, sizeof(discarded), MSG_DONTWAIT) > 0)
			continue;
	}
}

static void send_datagram(const void *bytes, size_t size, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {(void *)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		*rights = (struct cmsghdr){
		    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	}
	(void)sendmsg(peer, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* the client may have hung up */
	turn();
}

static void say_hello(void)
{
	struct {
		struct wire_ctl_header header;
		struct wire_ctl_hello hello;
	} message = {.header = {.type = WIRE_CTL_HELLO, .length = sizeof(message)},
	    .hello = {.version = WIRE_CTL_VERSION, .boot_id = 1, .workers = 1}};
	send_datagram(&message, sizeof(message), -1);
}

static int memfd_of(const uint8_t *bytes, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	EXPECT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	return fd;
}

/* The reader alone, on a block that ends where the datagram does. */
static void read_frames(const uint8_t *data, size_t size)
{
	const struct wire_ctl_header *header;
	const void *body;
	size_t offset = 0, before = 0;
	uint8_t *copy = malloc(size ? size : 1);
	EXPECT(copy);
	memcpy(copy, data, size);
	for (; ctl_frame_next(copy, size, &offset, &header, &body) > 0; before = offset) {
		EXPECT(offset <= size && offset - before == header->length);
		read_all(header, header->length);
	}
	free(copy);
}

static void speak(const uint8_t *data, size_t size)
{
	int fd = -1;
	if (size && !(data[0] & NO_HELLO))
		say_hello();
	while (size >= 3) {
		uint8_t what = data[0];
		size_t length = (size_t)data[1] | (size_t)data[2] << 8;
		length = length > size - 3 ? size - 3 : length;
		if (fd < 0 && what & DESCRIPTOR) {
			fd = memfd_of(data + 3, length);
		} else {
			read_frames(data + 3, length);
			send_datagram(data + 3, length, fd);
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
		data += 3 + length;
		size -= 3 + length;
	}
	if (fd >= 0)
		close(fd);
}

static void read_counters(const struct ctl_dataplane *client)
{
	struct ctl_counters c;
	size_t size;
	const struct wire_stats *stats = ctl_dataplane_stats(client, &size);
	if (ctl_counters_open(stats, size, &c) != 0)
		return;
	read_all(c.worker, c.workers * sizeof(*c.worker));
	read_all(c.link, c.links * sizeof(*c.link));
	read_all(c.traffic, (size_t)c.workers * c.traffic_rows * sizeof(*c.traffic));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_dataplane *client = NULL;
	struct ctl_dataplane_events events = {.connected = on_connected, .refused = on_refused};
	struct wire_ctl_link_state state = {.from_pop = 1, .to_pop = 2};
	struct wire_ctl_pop pop = {.pop = 1};
	listen_once();
	EXPECT(ctl_dataplane_new(&loop, path, &events, &client, &client) == 0);
	EXPECT(ctl_dataplane_upsert(client, WIRE_OBJ_POP, &pop) == 0);
	EXPECT(ctl_dataplane_link_state(client, &state) == 0);
	ctl_dataplane_ready(client);
	uv_run(&loop, UV_RUN_NOWAIT);
	peer = accept(listener, NULL, NULL);
	EXPECT(peer >= 0);
	speak(data, size);
	read_counters(client);
	close(peer);
	ctl_dataplane_close(client);
	uv_run(&loop, UV_RUN_DEFAULT);
	return 0;
}
