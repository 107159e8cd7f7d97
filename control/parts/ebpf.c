/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: the BPF programs of our ports. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "control/parts/view.h"

static int attach_port(struct ctl_daemon *d, unsigned number)
{
	const struct ctl_pop_port *port = &d->config.ports[number];
	struct kbpf_attachment attachment;
	d->parts->ifindex[number] = if_nametoindex(port->interface);
	int error = kbpf_attach(d->kbpf, port->interface, &attachment, d->kbpf_why);
	if (error)
		return error;
	ctl_info("port %s: XDP program %s on %s%s", port->name,
	    attachment.replaced ? "exchanged"
	    : attachment.reused ? "found running"
	                        : "loaded",
	    port->interface, attachment.mode == KBPF_GENERIC ? " (generic: the driver refuses native XDP)" : "");
	return 0;
}

static int attach_ports(struct ctl_daemon *d)
{
	int error = 0;
	for (unsigned i = 0; i < d->config.n_ports && !error; i++)
		if (d->config.ports[i].driver == CTL_PORT_AF_XDP)
			error = attach_port(d, i);
	return error;
}

/* An interface that was removed and made anew has the old one's name, but none of its programs. */
void ctl_ebpf_follow(struct ctl_daemon *d)
{
	for (unsigned i = 0; d->kbpf && i < d->config.n_ports; i++) {
		const struct ctl_pop_port *port = &d->config.ports[i];
		if (port->driver != CTL_PORT_AF_XDP)
			continue;
		unsigned now = if_nametoindex(port->interface);
		if (now == d->parts->ifindex[i])
			continue;
		d->parts->ifindex[i] = now;
		if (!now)
			ctl_warning("port %s: interface %s has vanished", port->name, port->interface);
		else if (attach_port(d, i))
			ctl_warning("port %s: %s", port->name, d->kbpf_why);
	}
}

static bool has_af_xdp(const struct ctl_daemon *d)
{
	for (unsigned i = 0; i < d->config.n_ports; i++)
		if (d->config.ports[i].driver == CTL_PORT_AF_XDP)
			return true;
	return false;
}

static int steer_own(struct ctl_daemon *d)
{
	int error = 0;
	for (unsigned i = 0; i < d->config.n_links && !error; i++)
		error = kbpf_set_steer(d->kbpf, &d->config.links[i].address, WIRE_STEER_OVERLAY);
	for (unsigned i = 0; i < d->config.dataplane.n_nats && !error; i++)
		error = kbpf_set_steer(d->kbpf, &d->config.dataplane.nats[i].address, WIRE_STEER_ALL);
	return error;
}

int ctl_ebpf_start(struct ctl_daemon *d)
{
	char directory[CTL_RUN_PATH_SIZE];
	if (!has_af_xdp(d)) {
		strcpy(d->kbpf_why, "no port is af_xdp");
		return 0;
	}
	int error = kbpf_open(ctl_pop_run_path(&d->config, "bpf", directory), &d->kbpf, d->kbpf_why);
	if (!error)
		error = attach_ports(d);
	if (!error)
		error = steer_own(d);
	if (!error)
		return 0;
	ctl_warning(
	    "eBPF cannot be used: %s; user-space timestamps instead", d->kbpf_why[0] ? d->kbpf_why : strerror(-error));
	kbpf_close(d->kbpf);
	d->kbpf = NULL;
	return 0;
}

void ctl_ebpf_stop(struct ctl_daemon *d)
{
	kbpf_close(d->kbpf);
	d->kbpf = NULL;
}

void ctl_ebpf_steer(struct ctl_daemon *d)
{
	const struct ctl_parts *p = d->parts;
	struct wire_addr *keep = d->kbpf ? calloc(CTL_POP_MAX_LINKS + p->n_dark, sizeof(*keep)) : NULL;
	unsigned n = 0;
	if (!keep)
		return;
	for (unsigned i = 0; i < d->config.n_links; i++)
		keep[n++] = d->config.links[i].address;
	for (unsigned i = 0; i < p->n_dark; i++) {
		int error = kbpf_set_steer(d->kbpf, &p->dark[i], WIRE_STEER_ALL);
		if (error)
			ctl_warning("a VIP or NAT address cannot be steered to the data plane: %s", strerror(-error));
		keep[n++] = p->dark[i];
	}
	kbpf_retain_steer(d->kbpf, keep, n);
	free(keep);
}

void ctl_view_bpf(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	uint64_t count[WIRE_BPF_COUNTER_COUNT];
	if (!d->kbpf || kbpf_read_counters(d->kbpf, count) != 0)
		return;
	for (unsigned i = 0; i < WIRE_BPF_COUNTER_COUNT; i++)
		emit(to, &(struct ctl_api_count){kbpf_counter_name(i), count[i]});
}
