/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/control/api/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ll

static void status(void *daemon, struct ctl_api_status *ret_status)
{
	const struct fixture *f = daemon;
	*ret_status = (struct ctl_api_status){
	    .pop = "sgp1",
	    .region = "ap-southeast",
	    .version = "0.1.0",
	    .id = 1,
	    .pid = 4711,
	    .started_ns = 1767323045678000000u,
	    .timestamps = "ebpf",
	    .dataplane = {f->dataplane_is_away ? "absent" : "connected", 4712, 2, 17, 1767323046000000000u},
	    .store = {"etcd://10.255.0.1:2379", f->store_is_silent ? "silent" : "ok", NULL,
	        f->store_is_silent ? 9000 * MS : 20 * MS},
	    .strangers = {5, 6},
	};
}

static void pops(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_pop){"sgp1", "ap-southeast", 1, true, false, 2, 2, 0.25, 0});
	emit(to, &(struct ctl_api_pop){"dxb1", "me-central", 2, false, true, 1, 1, 0, 800 * MS});
	emit(to, &(struct ctl_api_pop){"fra1", "eu-central", 3, false, false, 1, 0, 0, CTL_API_NO_NS});
}

static void links(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_link){"sgp1", "dxb1", "10.1.0.2", "10.2.0.2", "isp-a", 1, true, 0, 0, 1500,
	             "complete", "up", "none", 1767323046000000000u, 80123456, 81 * MS, 40 * MS, 40 * MS, 41 * MS,
	             120000, 0.0, 0.0, 0.01, 0.0, 0.0, 5000, 0.001, 0, 0.5, "ebpf", 50 * MS});
	emit(to, &(struct ctl_api_link){"sgp1", "fra1", "10.1.0.2", "10.3.0.2", "isp-a", 2, true, 0, 0, 1500, "base",
	             "down", "stamp", 1767323046000000000u, CTL_API_NO_NS, CTL_API_NO_NS, CTL_API_NO_NS, CTL_API_NO_NS,
	             CTL_API_NO_NS, CTL_API_NO_NS, NAN, NAN, NAN, NAN, NAN, 0, NAN, 0, 0, "user", CTL_API_NO_NS});
}

static void accuracy(void *daemon, uint64_t seconds, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_accuracy){"sgp1", "dxb1", 0, 1, (uint32_t)seconds, 8000, {2000, 15000, 31000},
	             {90000, 4500000, 9000000}, 300.0, true});
	emit(to, &(struct ctl_api_accuracy){"sgp1", "fra1", 0, 0, 0, CTL_API_NO_NS,
	             {CTL_API_NO_NS, CTL_API_NO_NS, CTL_API_NO_NS}, {CTL_API_NO_NS, CTL_API_NO_NS, CTL_API_NO_NS}, NAN,
	             false});
}

static const char *const relayed[] = {"sgp1", "dxb1", "fra1"};

static void routes(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	struct ctl_api_path primary = {relayed, 3, 85500 * MS / 1000, 1500};
	static const char *const pop[] = {"sgp1", "fra1"};
	struct ctl_api_path direct = {pop, 2, 160 * MS, 1500};
	emit(to, &(struct ctl_api_route){
	             "sgp1", "fra1", "latency", &primary, &direct, &direct, "backup", "new", 1767323046000000000u});
	emit(to, &(struct ctl_api_route){"sgp1", "dxb1", "latency", NULL, NULL, NULL, "none", "lost", 0});
}

static void accelerators(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	static const char *const vip[] = {"203.0.113.10"};
	emit(to, &(struct ctl_api_accelerator){"game", 7, vip, 1, 1, 2, 1, "ready"});
}

static void listeners(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	static const char *const port[] = {"443", "8000-8099"};
	struct ctl_api_group group = {"eu-central", "fra1", 100, 1.0, 2, 1};
	emit(to, &(struct ctl_api_listener){"game", "play", "tcp", port, 2, "latency", "none", "toa", &group, 1});
}

static void endpoints(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_endpoint){"game", "play", "eu-central", "198.51.100.10:8443", 1, 128, "nat", "up",
	             false, "healthy", NULL, "fra1", 1767323046000000000u, 300 * MS});
	emit(to, &(struct ctl_api_endpoint){"game", "play", "eu-central", "198.51.100.11:8443", 2, 128, "nat", "down",
	             false, "unhealthy", "refused", "fra1", 1767323046000000000u, 300 * MS});
}

static void policies(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	struct ctl_api_class class = {"latency", "latency", 20 * MS, 1.0, 2, 0.1, 5 * MS};
	struct ctl_api_rule rule = {.from = "sgp1", .to = "fra1", .pin = relayed, .n_pin = 3};
	emit(to, &(struct ctl_api_policy){"default", &class, 1, &rule, 1});
}

static void stale(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct fixture *f = daemon;
	if (!f->store_is_silent)
		return;
	emit(to, &(struct ctl_api_stale){"store", "etcd://10.255.0.1:2379", "silent", 9000 * MS});
	emit(to, &(struct ctl_api_stale){"pop", "fra1", "silent", 12000 * MS});
}

static void changes(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_count){"failed", 3});
	emit(to, &(struct ctl_api_count){"better", 0});
}

static void bpf(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_count){"sample-flood", 12345678901});
}

static int explain(
    void *daemon, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg, char *ret_error)
{
	(void)daemon;
	if (strcmp(to, "fra1") != 0) {
		snprintf(ret_error, CTL_API_ERROR_SIZE, "no POP '%s'", to);
		return -ENOENT;
	}
	struct ctl_api_term term[] = {{"delay", 80 * MS}, {"loss", 0}, {"jitter", 5 * MS}};
	struct ctl_api_candidate candidate = {
	    relayed, 3, 85 * MS, 170 * MS, term, 3, "primary", "in use", "sgp1-dxb1 0:0", 0, "in 0.4 s"};
	emit(arg, &(struct ctl_api_explanation){from, to, class ? class : "latency", NULL, "new", 1767323046000000000u,
	              70 * MS, 0, 1000 * MS, 0, 0, 2, 9, &candidate, 1});
	return 0;
}

static int history(
    void *daemon, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg, char *ret_error)
{
	(void)daemon;
	if (strcmp(from, "sgp1") != 0) {
		snprintf(ret_error, CTL_API_ERROR_SIZE, "ask %s", from);
		return -EINVAL;
	}
	struct ctl_api_path path = {relayed, 3, 85 * MS, 1500};
	emit(arg, &(struct ctl_api_past){1767323046000000000u, class ? class : "latency", "better", to, &path, &path});
	return 0;
}

static void ask(struct fixture *f, const char *what, const char *name, ctl_api_done *done, void *to)
{
	snprintf(f->asked, sizeof(f->asked), "%s", what);
	snprintf(f->name, sizeof(f->name), "%s", name ? name : "");
	f->done = done;
	f->done_to = to;
}

static void apply(void *daemon, const struct ctl_api_documents *documents, ctl_api_done *done, void *to)
{
	struct fixture *f = daemon;
	snprintf(f->text, sizeof(f->text), "%.*s", (int)documents->size, documents->text);
	snprintf(f->kind, sizeof(f->kind), "%s", documents->kind ? documents->kind : "");
	ask(f, "apply", documents->name, done, to);
}

static void remove_object(void *daemon, const char *kind, const char *name, ctl_api_done *done, void *to)
{
	char what[32];
	snprintf(what, sizeof(what), "delete %s", kind);
	ask(daemon, what, name, done, to);
}

static void drain(void *daemon, const char *kind, const char *name, bool drained, ctl_api_done *done, void *to)
{
	struct fixture *f = daemon;
	snprintf(f->kind, sizeof(f->kind), "%s", kind);
	f->drained = drained;
	ask(f, "drain", name, done, to);
}

static int flows(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id)
{
	struct fixture *f = daemon;
	if (f->dataplane_is_away)
		return -ENOTCONN;
	f->filter = *filter;
	f->query = *query;
	*ret_id = 42;
	return 0;
}

static int trace(
    void *daemon, const struct wire_ctl_filter *filter, const struct ctl_api_query *query, uint64_t *ret_id)
{
	const struct fixture *f = daemon;
	return f->trace_is_busy ? -EBUSY : flows(daemon, filter, query, ret_id);
}

static void stop(void *daemon, uint64_t id)
{
	struct fixture *f = daemon;
	f->stopped = id;
}

static const void *stats(void *daemon, size_t *ret_size)
{
	const struct fixture *f = daemon;
	*ret_size = sizeof(f->stats);
	return f->dataplane_is_away ? NULL : &f->stats;
}

static const char *pop_name(void *daemon, uint16_t pop)
{
	(void)daemon;
	return pop >= 1 && pop <= 3 ? relayed[pop - 1] : NULL;
}

static const char *class_name(void *daemon, uint8_t class)
{
	(void)daemon;
	return class == 0 ? "latency" : NULL;
}

static const char *port_name(void *daemon, uint16_t port)
{
	(void)daemon;
	return port == 0 ? "wan" : NULL;
}

static const char *flow_state_name(void *daemon, uint8_t state)
{
	(void)daemon;
	return state == 1 ? "established" : NULL;
}

static uint64_t monotonic(void *daemon)
{
	(void)daemon;
	return 5000 * MS;
}

void fixture_init(struct fixture *f)
{
	*f = (struct fixture){
	    .view = {f, status, pops, links, routes, accelerators, listeners, endpoints, policies, stale, changes, bpf,
	        accuracy, explain, history, apply, remove_object, drain, flows, trace, trace, stop, stats, pop_name,
	        class_name, flow_state_name, port_name, monotonic},
	    .stats.head = {.magic = WIRE_STATS_MAGIC,
	        .version = WIRE_STATS_VERSION,
	        .size = sizeof(f->stats),
	        .workers = 2,
	        .worker_offset = offsetof(struct fixture, stats.worker) - offsetof(struct fixture, stats),
	        .link_offset = offsetof(struct fixture, stats.link) - offsetof(struct fixture, stats),
	        .traffic_offset = offsetof(struct fixture, stats.traffic) - offsetof(struct fixture, stats),
	        .traffic_rows = 4,
	        .last_mile_offset = offsetof(struct fixture, stats.last_mile) - offsetof(struct fixture, stats),
	        .last_mile_rows = 4,
	        .links = 2},
	    .stats.link = {{.link = 1, .up = 1, .tx_packets = 100, .tx_bytes = 150000, .keepalive_rtt_ns = 80500000},
	        {.link = 9, .tx_packets = 1}},
	};
	f->stats.worker[0].drop[WIRE_DROP_NO_PATH] = 3;
	f->stats.worker[1].drop[WIRE_DROP_NO_PATH] = 4;
	f->stats.worker[0].heartbeat_ns = 4990 * MS;
	for (unsigned w = 0; w < 2; w++) { /* the same key at both; one that nobody knows; and what found no row */
		f->stats.traffic[w][0] = (struct wire_stats_traffic){.used = 1, .packets_in = w};
		f->stats.traffic[w][2 - w] = (struct wire_stats_traffic){.used = 1,
		    .vip = {{.bytes = {[10] = 0xff, 0xff, 203, 0, 113, 10}}},
		    .endpoint = 1,
		    .egress_pop = 3,
		    .packets_in = 10,
		    .bytes_in = 1000,
		    .packets_out = 20,
		    .bytes_out = 30000,
		    .flows = 2};
	}
	f->stats.traffic[1][3] =
	    (struct wire_stats_traffic){.used = 1, .endpoint = 999, .egress_pop = 3, .packets_out = 5};
	f->stats.last_mile[0][1] =
	    (struct wire_stats_last_mile){.prefix = {{.bytes = {[10] = 0xff, 0xff, 192, 0, 2, 0}}},
	        .length = 120,
	        .side = WIRE_SIDE_CLIENT,
	        .handshakes = 3,
	        .smooth_us = 20000,
	        .at_seconds = 2,
	        .rtt = {[8] = 3}};
	f->stats.last_mile[1][2] = f->stats.last_mile[0][1];
	f->stats.last_mile[1][2].handshakes = 1;
	f->stats.last_mile[1][2].smooth_us = 40000;
	f->stats.last_mile[1][2].at_seconds = 4;
	f->stats.last_mile[1][2].rtt[8] = 0;
	f->stats.last_mile[1][2].rtt[10] = 1;
	f->stats.last_mile[1][3] = (struct wire_stats_last_mile){.prefix = {{.bytes = {0x20, 1, 0x0d, 0xb8, [15] = 9}}},
	    .length = 128,
	    .side = WIRE_SIDE_ENDPOINT,
	    .handshakes = 1,
	    .rtt = {1}};
	f->stats.worker[1].counter[WIRE_COUNTER_BUSY_NS] = 1500000000;
	f->stats.worker[1].journey[WIRE_JOURNEY_INGRESS].packets = 12;
}

void fixture_done(struct fixture *f, int error, const char *message)
{
	struct ctl_api_applied applied = {"policy", "default", "changed"};
	struct ctl_api_result result = {error, &message, message ? 1 : 0, &applied, error ? 0 : 1};
	f->done(f->done_to, &result);
}
