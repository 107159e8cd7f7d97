/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafu-wanem's three readers, chosen by the first byte: frames (port, length, bytes each), its configuration, and a
 * command as its socket brings it. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/expect.h"
#include "tests/unit/tools/wanem_frames.h"
#include "tools/wanem/command.h"
#include "tools/wanem/config.h"

#define PACKETS    8u
#define FRAME_SIZE 256u

static struct wanem_emulator e;

static void begin(void)
{
	memset(&e, 0, sizeof(e));
	two_ports(&e.router);
	EXPECT(wanem_emulator_init(&e, PACKETS, FRAME_SIZE, 1) == 0);
}

/* Each goes on a block of its own. */
static void give_frame(uint8_t port, const uint8_t *bytes, uint32_t length, uint64_t now)
{
	struct wanem_answer answer = {0};
	uint8_t *frame = malloc(length ? length : 1);
	EXPECT(frame);
	memcpy(frame, bytes, length);
	bool answers = wanem_emulator_receive(&e, port, frame, length, now, &answer);
	EXPECT(!answers || (answer.length > 0 && answer.length <= sizeof(answer.frame)));
	free(frame);
}

static void send_all(uint64_t now)
{
	struct wanem_packet *packet;
	uint8_t port, request[WANEM_MAX_DISCOVERY];
	struct wire_addr ask;
	do {
		packet = wanem_emulator_take(&e, now, &port, &ask);
		if (!wire_addr_is_unset(&ask))
			EXPECT(wanem_router_ask(&e.router, port, &ask, request) <= sizeof(request));
		if (!packet)
			continue;
		EXPECT(packet->to < e.router.n_ports && packet->length <= FRAME_SIZE);
		EXPECT(packet->length <= e.router.port[packet->to].mtu + sizeof(struct wire_ether));
		wanem_emulator_done(&e, packet, now);
	} while (packet || !wire_addr_is_unset(&ask));
}

static void as_frames(const uint8_t *data, size_t size)
{
	begin();
	uint64_t now = 1;
	for (; size >= 2 && size - 2 >= data[1]; now += 1000000) {
		give_frame(data[0] & 1, data + 2, data[1], now);
		send_all(now);
		size -= 2u + data[1];
		data += 2 + data[1];
	}
	send_all(now + WANEM_NEIGHBOUR_TRIES * 2ull * WANEM_RETRY_NS);
	EXPECT(e.in_use <= PACKETS);
	wanem_emulator_free(&e);
}

static void as_config(const uint8_t *data, size_t size)
{
	static struct wanem_config config;
	struct ctl_mistakes m = {0};
	int error = wanem_config_parse("f", (const char *)data, size, &m, &config);
	EXPECT(error ? m.found > 0 : m.found == 0 && config.n_ports <= WANEM_MAX_PORTS);
	for (unsigned from = 0; !error && from < WANEM_MAX_PORTS; from++)
		for (unsigned to = 0; to < WANEM_MAX_PORTS; to++)
			EXPECT(config.line[from][to].loss >= 0 && config.line[from][to].loss <= 1);
	ctl_mistakes_free(&m);
}

static void as_command(const uint8_t *data, size_t size)
{
	char request[WANEM_MAX_REQUEST];
	size_t length = size < sizeof(request) - 1 ? size : sizeof(request) - 1;
	memcpy(request, data, length);
	request[length] = '\0';
	begin();
	char *answer = wanem_command(&e, request);
	EXPECT(answer && *answer);
	free(answer);
	wanem_emulator_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const uint8_t *data, size_t size) = {as_frames, as_config, as_command};
	if (size > 0)
		readers[data[0] % 3](data + 1, size - 1);
	return 0;
}
