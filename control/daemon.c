/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/clock.h"
#include "control/parts/parts.h"

/* How long a data plane that forwards on its last state is left alone while we have not measured all of our links yet:
 * a first transaction without paths would stop its traffic. */
#define GRACE_NS      (2 * CTL_NS_PER_S)
#define GRACE_POLL_MS 20u

struct part {
	const char *name;
	int (*start)(struct ctl_daemon *d);
	void (*stop)(struct ctl_daemon *d);
};

/* In the order of their starts; stopped backwards. */
static const struct part parts[] = {
    {"secret", ctl_secret_start, ctl_secret_stop},
    {"taken addresses", ctl_taken_start, ctl_taken_stop},
    {"ebpf", ctl_ebpf_start, ctl_ebpf_stop},
    {"routes", ctl_routes_start, ctl_routes_stop},
    {"data-plane client", ctl_client_start, ctl_client_stop},
    {"links", ctl_links_start, ctl_links_stop},
    {"kernel mirror", ctl_mirror_start, ctl_mirror_stop},
    {"health checks", ctl_checks_start, ctl_checks_stop},
    {"store", ctl_watch_start, ctl_watch_stop},
    {"publisher", ctl_publish_start, ctl_publish_stop},
    {"API", ctl_api_part_start, ctl_api_part_stop},
};
#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* ---- what is due ---- */

static void on_soon(uv_timer_t *timer);

void ctl_due(struct ctl_daemon *d, unsigned due)
{
	d->parts->due |= due;
	if (!uv_is_active((uv_handle_t *)&d->parts->soon) && !uv_is_closing((uv_handle_t *)&d->parts->soon))
		uv_timer_start(&d->parts->soon, on_soon, 0, 0);
}

/* The first transaction is whole, so the data plane is told nothing before we know what there is. */
static void maybe_ready(struct ctl_daemon *d)
{
	struct ctl_parts *p = d->parts;
	if (p->ready || !p->listed_ns)
		return;
	if (!(ctl_links_measured(d) && p->kernel_dumped && ctl_taken_known(d)) &&
	    ctl_monotonic_ns() - p->listed_ns < GRACE_NS) {
		uv_timer_start(&p->soon, on_soon, GRACE_POLL_MS, 0);
		return;
	}
	p->ready = true;
	ctl_dataplane_ready(d->dataplane);
	ctl_info("knows the cluster: %u POPs, %u objects, %u links", d->cluster.n_pops, d->objects.n, d->n_links);
}

static void on_soon(uv_timer_t *timer)
{
	struct ctl_daemon *d = timer->data;
	unsigned due = d->parts->due;
	d->parts->due = 0;
	if (due & CTL_DUE_CHECKS)
		ctl_checks_set(d);
	if (due & CTL_DUE_LINKS)
		ctl_links_rebuild(d);
	if (due & (CTL_DUE_LINKS | CTL_DUE_POLICY))
		ctl_routes_policy(d);
	if (due & (CTL_DUE_LINKS | CTL_DUE_POLICY | CTL_DUE_ROUTES))
		ctl_routes_run(d);
	/* Forwarding goes by the distances of now, so these are what the next are compared with, whyever it is due. */
	if (due & (CTL_DUE_LINKS | CTL_DUE_POLICY | CTL_DUE_FORWARDING | CTL_DUE_DISTANCES) && ctl_distances_changed(d))
		due |= CTL_DUE_FORWARDING;
	if (due & (CTL_DUE_LINKS | CTL_DUE_POLICY | CTL_DUE_FORWARDING))
		ctl_forwarding_update(d);
	if (due & CTL_DUE_PUBLISH)
		ctl_publish_now(d);
	maybe_ready(d);
}

/* ---- start and stop ---- */

void ctl_timer_start(struct ctl_daemon *d, uv_timer_t *timer, uv_timer_cb fn, uint64_t ms, uint64_t repeat_ms)
{
	(void)d;
	if (!uv_is_closing((uv_handle_t *)timer))
		uv_timer_start(timer, fn, ms, repeat_ms);
}

static void init_timers(struct ctl_daemon *d)
{
	uv_timer_t *timers[] = {
	    &d->parts->soon, &d->parts->route_wait, &d->parts->measure, &d->parts->publish, &d->parts->change_wait};
	for (unsigned i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(d->loop, timers[i]);
		timers[i]->data = d;
	}
}

static void close_timers(struct ctl_daemon *d)
{
	uv_close((uv_handle_t *)&d->parts->soon, NULL);
	uv_close((uv_handle_t *)&d->parts->route_wait, NULL);
	uv_close((uv_handle_t *)&d->parts->measure, NULL);
	uv_close((uv_handle_t *)&d->parts->publish, NULL);
	uv_close((uv_handle_t *)&d->parts->change_wait, NULL);
}

static void stop_parts(struct ctl_daemon *d, unsigned n)
{
	close_timers(d);
	while (n-- > 0)
		parts[n].stop(d);
}

int ctl_daemon_start(uv_loop_t *loop, const struct ctl_pop_config *config, struct ctl_daemon **ret_daemon)
{
	struct ctl_daemon *d = calloc(1, sizeof(*d));
	if (!d || !(d->parts = calloc(1, sizeof(*d->parts)))) {
		free(d);
		return -ENOMEM;
	}
	d->config = *config;
	d->loop = loop;
	d->started_wall_ns = ctl_wall_ns();
	init_timers(d);
	int error = 0;
	unsigned i = 0;
	for (; i < N_PARTS && !error; i++)
		error = parts[i].start(d);
	if (error) {
		stop_parts(d, i);
		uv_run(loop, UV_RUN_DEFAULT);
		ctl_daemon_free(d);
		return error;
	}
	*ret_daemon = d;
	return 0;
}

void ctl_daemon_stop(struct ctl_daemon *d)
{
	stop_parts(d, N_PARTS);
}

void ctl_daemon_reload(struct ctl_daemon *d)
{
	ctl_secret_reload(d);
}

void ctl_daemon_free(struct ctl_daemon *d)
{
	ctl_objects_free(&d->objects);
	ctl_cluster_free(&d->cluster);
	free(d->policy);
	for (unsigned i = 0; i < d->n_links; i++)
		free(d->link[i].came);
	free(d->link);
	free(d->path);
	explicit_bzero(&d->parts->secrets, sizeof(d->parts->secrets));
	free(d->parts->dark);
	free(d->parts->left_out);
	ctl_taken_free(d->parts->taken);
	free(d->parts->rank);
	free(d->parts);
	free(d);
}

/* ---- questions ---- */

const struct ctl_link *ctl_daemon_link(const struct ctl_daemon *d, uint32_t id)
{
	unsigned lo = 0, hi = d->n_links;
	while (lo < hi) {
		unsigned middle = (lo + hi) / 2;
		if (d->link[middle].id == id)
			return &d->link[middle];
		if (d->link[middle].id < id)
			lo = middle + 1;
		else
			hi = middle;
	}
	return NULL;
}

int ctl_daemon_class(const struct ctl_daemon *d, const char *name)
{
	return ctl_policy_class(d->policy, name, "");
}
