/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct named_row {
	struct wire_stats_traffic count;
	bool shown;
};

struct rows {
	const struct ctl_api_view *view;
	ctl_traffic_emit *emit;
	void *to;
	size_t n;
	struct named_row *row; /* in order of endpoint, VIP, egress */
};

static int compare(const void *a, const void *b)
{
	const struct wire_stats_traffic *x = a, *y = b;
	if (x->endpoint != y->endpoint)
		return x->endpoint < y->endpoint ? -1 : 1;
	int vip = memcmp(&x->vip, &y->vip, sizeof(x->vip));
	return vip ? vip : (int)x->egress_pop - (int)y->egress_pop;
}

/* A copy; false: unused, or it changed its key meanwhile. */
static bool read_row(const struct wire_stats_traffic *row, struct wire_stats_traffic *ret_row)
{
	if (!__atomic_load_n(&row->used, __ATOMIC_ACQUIRE))
		return false;
	*ret_row = *row;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&row->used, __ATOMIC_RELAXED) &&
	       memcmp(&row->vip, &ret_row->vip, sizeof(row->vip)) == 0 && row->endpoint == ret_row->endpoint &&
	       row->egress_pop == ret_row->egress_pop;
}

static void add(struct wire_stats_traffic *sum, const struct wire_stats_traffic *row)
{
	sum->packets_in += row->packets_in;
	sum->bytes_in += row->bytes_in;
	sum->packets_out += row->packets_out;
	sum->bytes_out += row->bytes_out;
	sum->flows += row->flows;
}

/* Sorted, and one row for each key. */
static size_t merge(struct named_row *row, size_t n)
{
	size_t kept = 0;
	qsort(row, n, sizeof(*row), compare);
	for (size_t i = 0; i < n; i++) {
		if (kept && compare(&row[kept - 1], &row[i]) == 0)
			add(&row[kept - 1].count, &row[i].count);
		else
			row[kept++] = row[i];
	}
	return kept;
}

static void show(struct rows *rows, struct named_row *row, const struct ctl_api_endpoint *endpoint)
{
	char vip[INET6_ADDRSTRLEN];
	const struct wire_addr *address = &row->count.vip;
	bool known = !wire_addr_is_unset(address), v4 = wire_addr_is_v4(address);
	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? 12 : 0), vip, sizeof(vip));
	struct ctl_traffic traffic = {
	    .vip = known ? vip : NULL,
	    .egress = rows->view->pop_name(rows->view->daemon, row->count.egress_pop),
	    .count = row->count,
	};
	if (endpoint) {
		traffic.accelerator = endpoint->accelerator;
		traffic.listener = endpoint->listener;
		traffic.group = endpoint->group;
		traffic.endpoint = endpoint->name;
	}
	row->shown = true;
	rows->emit(rows->to, &traffic);
}

static void show_endpoint(void *to, const void *emitted)
{
	struct rows *rows = to;
	const struct ctl_api_endpoint *endpoint = emitted;
	size_t low = 0, high = rows->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (rows->row[middle].count.endpoint < endpoint->id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < rows->n && rows->row[low].count.endpoint == endpoint->id; low++)
		show(rows, &rows->row[low], endpoint);
}

int ctl_traffic_list(
    const struct ctl_api_view *view, const struct ctl_counters *counters, ctl_traffic_emit *emit, void *to)
{
	size_t all = (size_t)counters->workers * counters->traffic_rows;
	struct rows rows = {.view = view, .emit = emit, .to = to, .row = calloc(all + 1, sizeof(*rows.row))};
	if (!rows.row)
		return -ENOMEM;
	for (size_t i = 0; i < all; i++)
		rows.n += read_row(&counters->traffic[i], &rows.row[rows.n].count);
	rows.n = merge(rows.row, rows.n);
	view->endpoints(view->daemon, show_endpoint, &rows);
	for (size_t i = 0; i < rows.n; i++)
		if (!rows.row[i].shown && rows.row[i].count.packets_in + rows.row[i].count.packets_out)
			show(&rows, &rows.row[i], NULL);
	free(rows.row);
	return 0;
}
