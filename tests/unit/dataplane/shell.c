/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <rte_eal.h>
#include <rte_launch.h>

#include "dataplane/loop.h"

static void begin_eal(void)
{
	static bool begun;
	char *argv[] = {"shell", "--no-huge", "-m", "64", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=3",
	    "--lcores=0@(0-1),1@(0-1),2@(0-1)", NULL};
	if (!begun)
		cr_assert_geq(rte_eal_init(9, argv), 0, "EAL");
	begun = true;
}

void shell_start(struct shell *s, uint16_t workers)
{
	shell_start_wide(s, workers, 0);
}

void shell_start_wide(struct shell *s, uint16_t workers, uint16_t mtu)
{
	begin_eal();
	struct dp_workers_config config = {
	    .workers = workers, .ports = 2, .flows = 1024, .nat_flows = 1024, .mbufs = 2047, .mtu = mtu};
	cr_assert_eq(dp_workers_create(&config, &s->set), 0);
	cr_assert_eq(dp_transactions_create(s->set, &s->transactions), 0);
	cr_assert_eq(dp_session_create(s->set, s->transactions, 4711, &s->session), 0);
	dp_session_start(s->session);
}

void shell_end(struct shell *s)
{
	dp_session_destroy(s->session);
	dp_transactions_destroy(s->transactions);
	dp_workers_destroy(s->set);
}

static struct dp_loop loop[2];
static clockid_t cpu_clock[2];

static int run_loop(void *arg)
{
	struct dp_loop *l = arg;
	pthread_getcpuclockid(pthread_self(), &cpu_clock[l->worker]);
	return dp_loop_run(l);
}

void shell_run(struct shell *s, uint16_t id)
{
	loop[id] = (struct dp_loop){.set = s->set, .worker = id};
	cr_assert_eq(rte_eal_remote_launch(run_loop, &loop[id], id + 1u), 0);
	while (__atomic_load_n(&dp_workers_get(s->set, id)->stats->heartbeat_ns, __ATOMIC_RELAXED) == 0)
		usleep(100);
}

clockid_t shell_cpu_clock(uint16_t id)
{
	return cpu_clock[id];
}

void shell_stop(struct shell *s)
{
	dp_loop_stop(s->set);
	rte_eal_mp_wait_lcore();
	shell_end(s);
}

int shell_send(struct shell *s, enum wire_ctl_type type, enum wire_ctl_object object, uint64_t generation,
    const void *body, size_t length)
{
	_Alignas(8) uint8_t datagram[2048];
	struct wire_ctl_header header = {.type = (uint16_t)type,
	    .object = (uint16_t)object,
	    .length = (uint32_t)(sizeof(header) + length),
	    .generation = generation};
	memcpy(datagram, &header, sizeof(header));
	if (length > 0)
		memcpy(datagram + sizeof(header), body, length);
	return dp_session_receive(s->session, datagram, header.length, -1);
}

int shell_hello(struct shell *s)
{
	struct wire_ctl_hello hello = {.version = WIRE_CTL_VERSION, .pid = 1, .boot_id = 2};
	return shell_send(s, WIRE_CTL_HELLO, 0, 0, &hello, sizeof(hello));
}

void shell_commit(struct shell *s, uint64_t generation, bool full, const struct shell_row *rows, size_t n)
{
	struct wire_ctl_begin begin = {.flags = full ? WIRE_CTL_FULL : 0};
	struct wire_ctl_settings settings = {.pop = 1,
	    .keepalive_interval_us = 20000,
	    .keepalive_dead = 3,
	    .tcp_syn_ms = 1000,
	    .tcp_established_ms = 1000,
	    .tcp_closing_ms = 1000,
	    .udp_ms = 1000};
	shell_send(s, WIRE_CTL_BEGIN, 0, generation, &begin, sizeof(begin));
	if (full)
		shell_send(s, WIRE_CTL_UPSERT, WIRE_OBJ_SETTINGS, generation, &settings, sizeof(settings));
	for (size_t i = 0; i < n; i++)
		shell_send(s, WIRE_CTL_UPSERT, rows[i].object, generation, rows[i].body, rows[i].length);
	shell_send(s, WIRE_CTL_COMMIT, 0, generation, NULL, 0);
	dp_session_poll(s->session);
}

enum wire_ctl_type shell_take(struct shell *s, struct wire_ctl_header *ret_header, const void **ret_body)
{
	static _Alignas(8) uint8_t kept[WIRE_CTL_MAX_DATAGRAM];
	struct dp_outbox *out = dp_session_outbox(s->session);
	if (out->used == 0)
		return 0;
	memcpy(ret_header, out->bytes, sizeof(*ret_header));
	cr_assert_leq(ret_header->length, out->used);
	memcpy(kept, out->bytes, ret_header->length);
	memmove(out->bytes, out->bytes + ret_header->length, out->used - ret_header->length);
	out->used -= ret_header->length;
	*ret_body = kept + sizeof(*ret_header);
	return ret_header->type;
}

const char *shell_error(struct shell *s)
{
	static char text[sizeof(((struct wire_ctl_error *)NULL)->text)];
	struct wire_ctl_header header;
	const void *body = NULL;
	text[0] = '\0';
	for (enum wire_ctl_type type; (type = shell_take(s, &header, &body)) != 0;)
		if (type == WIRE_CTL_ERROR && text[0] == '\0')
			memcpy(text, ((const struct wire_ctl_error *)body)->text, sizeof(text));
	return text;
}

struct wire_addr shell_address(const char *text)
{
	uint8_t v4[4];
	cr_assert_eq(inet_pton(AF_INET, text, v4), 1, "%s", text);
	return wire_addr_from_v4(v4);
}

struct wire_ctl_route shell_route(const char *prefix, unsigned v4_bits, uint32_t adjacency, uint32_t port)
{
	return (struct wire_ctl_route){
	    .prefix = shell_address(prefix), .length = 96 + v4_bits, .adjacency = adjacency, .port = port};
}

struct wire_ctl_adjacency shell_adjacency(uint32_t id, uint16_t port)
{
	return (struct wire_ctl_adjacency){
	    .adjacency = id, .port = port, .mtu = 1500, .src = {2, 0, 0, 0, 0, 1}, .dst = {2, 0, 0, 0, 0, (uint8_t)id}};
}
