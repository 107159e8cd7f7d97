/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts: the client of the data plane, and the mirror of the kernel's routes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/parts.h"

/* ---- the data plane ---- */

static void on_connected(void *arg, const struct wire_ctl_hello *hello)
{
	struct ctl_daemon *d = arg;
	ctl_info("data plane %u is there: %u workers, generation %llu", hello->pid, hello->workers,
	    (unsigned long long)hello->generation);
	d->parts->dataplane_since_wall_ns = ctl_wall_ns();
	if (d->probes)
		probe_sessions_set_workers(d->probes, hello->workers);
}

static void on_disconnected(void *arg, const char *why)
{
	struct ctl_daemon *d = arg;
	ctl_warning("data plane lost: %s; trying again", why);
	d->parts->dataplane_since_wall_ns = ctl_wall_ns();
	ctl_links_dataplane_lost(d);
	d->n_paths = 0;
}

static void on_synchronised(void *arg, uint64_t generation, uint64_t ns, bool full)
{
	(void)arg;
	if (full)
		ctl_info("data plane holds the whole state, generation %llu, after %.1f ms",
		    (unsigned long long)generation, (double)ns / 1e6);
}

static void on_tables(void *arg, const struct wire_ctl_tables *tables)
{
	(void)arg;
	if (!tables->code)
		ctl_info("data plane goes on with %llu flows and %llu NAT flows of its predecessor",
		    (unsigned long long)tables->flows, (unsigned long long)tables->nat_flows);
	else if (tables->code != -ENOENT)
		ctl_warning("data plane cannot go on with its predecessor's flows: %.*s", (int)sizeof(tables->text),
		    tables->text);
}

static void on_refused(void *arg, const struct wire_ctl_error *error)
{
	(void)arg;
	ctl_error("data plane refused a transaction: %.*s (%s)", (int)sizeof(error->text), error->text,
	    strerror(-error->code));
}

static void on_link_state(void *arg, const struct wire_ctl_link_state *state)
{
	ctl_links_flooded(arg, state);
}

static void on_path_state(void *arg, const struct wire_ctl_path_state *state)
{
	struct ctl_daemon *d = arg;
	unsigned i = 0;
	while (i < d->n_paths && (d->path[i].to != state->to_pop || d->path[i].class != state->class))
		i++;
	if (i == d->n_paths) {
		struct ctl_path_in_use *grown = reallocarray(d->path, i + 1, sizeof(*grown));
		if (!grown)
			return;
		d->path = grown;
		d->n_paths++;
	}
	d->path[i] = (struct ctl_path_in_use){state->to_pop, state->class, state->active, state->at_ns};
}

static void on_neighbour_wanted(void *arg, const struct wire_ctl_neighbour_wanted *wanted)
{
	struct ctl_daemon *d = arg;
	if (d->kernel)
		ctl_kernel_resolve(d->kernel, wanted->port, &wanted->address);
}

int ctl_client_start(struct ctl_daemon *d)
{
	static const struct ctl_dataplane_events events = {
	    .connected = on_connected,
	    .disconnected = on_disconnected,
	    .synchronised = on_synchronised,
	    .tables = on_tables,
	    .refused = on_refused,
	    .link_state = on_link_state,
	    .path_state = on_path_state,
	    .neighbour_wanted = on_neighbour_wanted,
	};
	char path[CTL_RUN_PATH_SIZE + 8];
	ctl_pop_run_path(&d->config, "dataplane.sock", path);
	int error = ctl_dataplane_new(d->loop, path, &events, d, &d->dataplane);
	if (error) {
		ctl_error("%s: %s", path, strerror(-error));
		return error;
	}
	ctl_forwarding_settings(d);
	return 0;
}

void ctl_client_stop(struct ctl_daemon *d)
{
	if (d->dataplane)
		ctl_dataplane_close(d->dataplane);
	d->dataplane = NULL;
}

/* ---- the kernel ---- */

static void on_kernel(void *arg, const struct wire_ctl_adjacency *adjacency, size_t n_adjacencies,
    const struct wire_ctl_route *route, size_t n_routes)
{
	struct ctl_daemon *d = arg;
	d->parts->kernel_dumped = true;
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_ADJACENCY, adjacency, n_adjacencies);
	ctl_dataplane_replace(d->dataplane, WIRE_OBJ_ROUTE, route, n_routes);
}

int ctl_mirror_start(struct ctl_daemon *d)
{
	struct ctl_kernel_port ports[WIRE_CTL_MAX_PORTS] = {0};
	for (unsigned i = 0; i < d->config.n_ports; i++)
		memcpy(ports[i].interface, d->config.ports[i].kernel, sizeof(ports[i].interface));
	int error = ctl_kernel_new(d->loop, ports, d->config.n_ports, on_kernel, d, &d->kernel);
	if (error)
		ctl_error("the kernel's routes cannot be read: %s", strerror(-error));
	return error;
}

void ctl_mirror_stop(struct ctl_daemon *d)
{
	if (d->kernel)
		ctl_kernel_close(d->kernel);
	d->kernel = NULL;
}
