/* SPDX-License-Identifier: BSD-2-Clause */
/* How busy this POP is, which it publishes, and how loaded a link is that way: by what its two addresses carry of their
 * capacity, and by the workers of the POP that it leads to. */
#include "control/base/clock.h"
#include "control/parts/parts.h"

#define SMOOTHING 0.25f /* of each new second: a burst is no load, a minute is */

/* Since the last reading; counters that have fallen are those of another data plane, or of fewer links. */
static uint64_t since(uint64_t now, uint64_t *last)
{
	uint64_t grown = now >= *last ? now - *last : 0;
	*last = now;
	return grown;
}

static void smooth(float *value, double now)
{
	*value += SMOOTHING * ((float)(now < 1000 ? now : 1000) - *value);
}

static void meter_workers(
    struct ctl_meter *m, const struct ctl_counters *counters, double ns, struct ctl_pop_load *load)
{
	uint64_t most = 0;
	for (uint32_t i = 0; i < counters->workers && i < CTL_METER_WORKERS; i++) {
		uint64_t busy = since(counters->worker[i].counter[WIRE_COUNTER_BUSY_NS], &m->busy_ns[i]);
		most = busy > most ? busy : most;
	}
	smooth(&load->busy, (double)most < ns ? (double)most / ns : 1);
}

static void meter_address(struct ctl_daemon *d, const struct ctl_counters *counters, const struct ctl_pop_link *address,
    double ns, struct ctl_pop_load *load)
{
	struct ctl_meter *m = &d->parts->meter;
	uint64_t tx = 0, rx = 0;
	for (unsigned i = 0; i < d->n_links; i++) {
		const struct ctl_link *link = &d->link[i];
		const struct wire_stats_link *block =
		    link->ours && link->key.local == address->link ? ctl_counters_link(counters, link->number) : NULL;
		tx += block ? block->tx_bytes : 0;
		rx += block ? block->rx_bytes : 0;
	}
	double capacity = (double)address->capacity_bps * ns / 8e9; /* bytes in that time */
	smooth(&load->tx[address->link], (double)since(tx, &m->tx_bytes[address->link]) / capacity);
	smooth(&load->rx[address->link], (double)since(rx, &m->rx_bytes[address->link]) / capacity);
}

void ctl_load_read(struct ctl_daemon *d, const struct ctl_counters *counters)
{
	struct ctl_pop *self = ctl_cluster_find(&d->cluster, d->config.name);
	struct ctl_meter *m = &d->parts->meter;
	uint64_t now_ns = ctl_monotonic_ns();
	double ns = (double)(now_ns - m->at_ns);
	struct ctl_pop_load load = m->load;
	meter_workers(m, counters, ns, &load);
	for (unsigned i = 0; i < d->config.n_links; i++)
		if (d->config.links[i].capacity_bps)
			meter_address(d, counters, &d->config.links[i], ns, &load);
	if (m->at_ns && m->pid == counters->stats->pid)
		m->load = load;
	m->at_ns = now_ns;
	m->pid = counters->stats->pid;
	if (self)
		self->load = m->load;
}

float ctl_load_of(const struct ctl_daemon *d, struct route_link_key key)
{
	const struct ctl_pop *from = ctl_cluster_find_id(&d->cluster, key.from);
	const struct ctl_pop *to = ctl_cluster_find_id(&d->cluster, key.to);
	float load = from ? from->load.tx[key.local] : 0;
	if (to && to->load.rx[key.remote] > load)
		load = to->load.rx[key.remote];
	return to && to->load.busy > load ? to->load.busy : load;
}
