/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: the API on its socket, and the small questions of its view. The rows are in view_*.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "control/api/server.h"
#include "control/base/clock.h"
#include "control/parts/view.h"
#include "lb/state.h"

/* One second without an answer is two missed questions. */
#define STORE_SILENT_NS (3 * CTL_NS_PER_S)
#define POP_SILENT_NS   (5 * CTL_NS_PER_S)

#define READY_FILE "kuafud.ready"

const char *ctl_view_pop(const struct ctl_daemon *d, uint16_t id)
{
	const struct ctl_pop *pop = ctl_cluster_find_id(&d->cluster, id);
	return pop ? pop->name : NULL;
}

uint64_t ctl_view_wall(uint64_t monotonic_ns)
{
	return monotonic_ns ? ctl_wall_ns() - (ctl_monotonic_ns() - monotonic_ns) : 0;
}

int64_t ctl_view_age(uint64_t monotonic_ns)
{
	uint64_t now = ctl_monotonic_ns();
	return monotonic_ns && monotonic_ns <= now ? (int64_t)(now - monotonic_ns) : CTL_API_NO_NS;
}

/* ---- status ---- */

static void show_store(const struct ctl_daemon *d, struct ctl_api_store *ret_store)
{
	static char cause[sizeof(((struct ctl_store_status *)NULL)->error)];
	struct ctl_store_status status;
	ctl_store_status(d->store, &status);
	memcpy(cause, status.error, sizeof(cause));
	if (status.connected && status.lost)
		snprintf(cause, sizeof(cause), CTL_STORE_LOST_TEXT, status.lost);
	*ret_store = (struct ctl_api_store){
	    .url = d->config.store,
	    .state = !status.connected || status.lost ? "silent"
	             : status.refuses                 ? "read-only"
	                                              : "ok",
	    .cause = cause[0] ? cause : NULL,
	    .age_ns = ctl_view_age(status.last_contact_ns),
	};
}

static void show_status(void *daemon, struct ctl_api_status *ret_status)
{
	const struct ctl_daemon *d = daemon;
	struct ctl_dataplane_status dataplane;
	ctl_dataplane_status(d->dataplane, &dataplane);
	bool ebpf = d->kbpf && d->config.timestamps == CTL_TIMESTAMPS_AUTO;
	*ret_status = (struct ctl_api_status){
	    .pop = d->config.name,
	    .region = d->config.region,
	    .version = KUAFU_VERSION,
	    .id = d->config.id,
	    .pid = (uint32_t)getpid(),
	    .started_ns = d->started_wall_ns,
	    .timestamps = ebpf ? "ebpf" : "user",
	    .timestamps_cause = ebpf      ? NULL
	                        : d->kbpf ? "pop.yaml says 'timestamps: user'"
	                                  : d->kbpf_why,
	    .dataplane =
	        {
	            .state = dataplane.synchronised ? "connected"
	                     : dataplane.connected  ? "resyncing"
	                                            : "absent",
	            .pid = dataplane.pid,
	            .workers = dataplane.workers,
	            .generation = dataplane.generation,
	            .since_ns = d->parts->dataplane_since_wall_ns,
	        },
	};
	show_store(d, &ret_status->store);
	struct probe_strangers strangers = probe_sessions_strangers(d->probes);
	ret_status->strangers = (struct ctl_api_strangers){strangers.answered, strangers.refused};
}

static void list_stale(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	struct ctl_store_status status;
	ctl_store_status(d->store, &status);
	int64_t age = ctl_view_age(status.last_contact_ns);
	if (!status.connected || age > (int64_t)STORE_SILENT_NS)
		emit(to, &(struct ctl_api_stale){"store", d->config.store, "silent", age});
	else if (status.refuses)
		emit(to, &(struct ctl_api_stale){
		             "store", d->config.store, "read-only", ctl_view_age(status.last_commit_ns)});
	for (unsigned i = 0; i < d->cluster.n_pops; i++) {
		const struct ctl_pop *pop = d->cluster.pop[i];
		age = ctl_view_age(pop->state_seen_ns);
		if (!pop->self && (age == CTL_API_NO_NS || age > (int64_t)POP_SILENT_NS))
			emit(to, &(struct ctl_api_stale){"pop", pop->name, "silent", age});
	}
}

/* ---- small questions ---- */

static const void *show_stats(void *daemon, size_t *ret_size)
{
	const struct ctl_daemon *d = daemon;
	return ctl_dataplane_stats(d->dataplane, ret_size);
}

static const char *pop_name(void *daemon, uint16_t pop)
{
	return ctl_view_pop(daemon, pop);
}

static const char *class_name(void *daemon, uint8_t class)
{
	const struct ctl_daemon *d = daemon;
	return class < d->policy->n_classes ? d->policy->class[class].name : NULL;
}

static const char *flow_state_name(void *daemon, uint8_t state)
{
	(void)daemon;
	return lb_flow_state_name(state);
}

static const char *port_name(void *daemon, uint16_t port)
{
	const struct ctl_daemon *d = daemon;
	return port < d->config.n_ports ? d->config.ports[port].name : NULL;
}

static uint64_t monotonic(void *daemon)
{
	(void)daemon;
	return ctl_monotonic_ns();
}

/* ---- the part ---- */

static void fill_view(struct ctl_daemon *d)
{
	d->parts->view = (struct ctl_api_view){
	    .daemon = d,
	    .status = show_status,
	    .pops = ctl_view_pops,
	    .links = ctl_view_links,
	    .accuracy = ctl_view_accuracy,
	    .routes = ctl_view_routes,
	    .accelerators = ctl_view_accelerators,
	    .listeners = ctl_view_listeners,
	    .endpoints = ctl_view_endpoints,
	    .policies = ctl_view_policies,
	    .stale = list_stale,
	    .changes = ctl_view_route_changes,
	    .bpf = ctl_view_bpf,
	    .explain = ctl_view_explain,
	    .history = ctl_view_history,
	    .apply = ctl_change_apply,
	    .remove = ctl_change_delete,
	    .drain = ctl_change_drain,
	    .flows = ctl_view_flows,
	    .trace = ctl_view_trace,
	    .capture = ctl_view_capture,
	    .stop = ctl_view_stop,
	    .stats = show_stats,
	    .pop_name = pop_name,
	    .class_name = class_name,
	    .flow_state_name = flow_state_name,
	    .port_name = port_name,
	    .monotonic = monotonic,
	};
}

int ctl_api_part_start(struct ctl_daemon *d)
{
	char path[CTL_RUN_PATH_SIZE];
	fill_view(d);
	int error =
	    ctl_api_server_start(d->loop, ctl_pop_run_path(&d->config, "api.sock", path), &d->parts->view, &d->api);
	if (error) {
		ctl_error("%s: %s", path, strerror(-error));
		return error;
	}
	int fd = open(ctl_pop_run_path(&d->config, READY_FILE, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -errno;
}

void ctl_api_part_stop(struct ctl_daemon *d)
{
	char path[CTL_RUN_PATH_SIZE];
	ctl_api_server_stop(d->api);
	d->api = NULL;
	unlink(ctl_pop_run_path(&d->config, READY_FILE, path));
}
