/* SPDX-License-Identifier: BSD-2-Clause */
#include "lb/listener.h"

#include <errno.h>
#include <stdlib.h>

static int by_port(const void *x, const void *y)
{
	const struct lb_port_range *a = x, *b = y;
	return a->lo != b->lo ? (a->lo < b->lo ? -1 : 1) : 0;
}

int lb_ports_new(struct lb_listener *const listener[], uint32_t n, struct lb_ports **ret_ports,
    const struct lb_listener **ret_overlap)
{
	struct lb_ports *ports = lb_object_new(LB_KIND_PORTS, sizeof(*ports) + n * sizeof(ports->range[0]));
	if (!ports)
		return -ENOMEM;
	ports->count = n;
	for (uint32_t i = 0; i < n; i++)
		ports->range[i] = (struct lb_port_range){
		    .lo = listener[i]->row.port_lo, .hi = listener[i]->row.port_hi, .listener = lb_hold(listener[i])};
	qsort(ports->range, n, sizeof(ports->range[0]), by_port);
	for (uint32_t i = 1; i < n; i++)
		if (ports->range[i].lo <= ports->range[i - 1].hi) {
			*ret_overlap = ports->range[i].listener;
			lb_drop(ports);
			return -EEXIST;
		}
	*ret_ports = ports;
	return 0;
}
