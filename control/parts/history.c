/* SPDX-License-Identifier: BSD-2-Clause */
/* What the routes were: the last changes of each destination, all classes together, in memory that depends on the number
 * of POPs alone. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/parts/view.h"

#define ROWS 64u /* of a destination */

struct ctl_history {
	uint16_t to;
	unsigned n;    /* kept */
	unsigned next; /* place of the next one */
	struct row {
		uint64_t at_wall_ns;
		char class[ROUTE_NAME_SIZE];
		enum route_reason reason;
		struct route_path primary;
		struct route_path backup;
	} row[ROWS];
};

static struct ctl_history *find(const struct ctl_daemon *d, uint16_t to)
{
	for (unsigned i = 0; i < d->parts->n_history; i++)
		if (d->parts->history[i]->to == to)
			return d->parts->history[i];
	return NULL;
}

/* Those of POPs that are no more make room. */
static void forget_gone(struct ctl_daemon *d)
{
	struct ctl_parts *p = d->parts;
	unsigned kept = 0;
	for (unsigned i = 0; i < p->n_history; i++)
		if (ctl_cluster_find_id(&d->cluster, p->history[i]->to))
			p->history[kept++] = p->history[i];
		else
			free(p->history[i]);
	p->n_history = kept;
}

static struct ctl_history *begin(struct ctl_daemon *d, uint16_t to)
{
	struct ctl_parts *p = d->parts;
	forget_gone(d);
	struct ctl_history **more = realloc(p->history, (p->n_history + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->history = more;
	struct ctl_history *history = calloc(1, sizeof(*history));
	if (!history)
		return NULL;
	history->to = to;
	p->history[p->n_history++] = history;
	return history;
}

void ctl_history_note(struct ctl_daemon *d, const struct route_change *change)
{
	d->parts->rerouted[change->reason]++;
	if (change->reason == ROUTE_REASON_BACKUP || change->class >= d->policy->n_classes)
		return;
	struct ctl_history *history = find(d, change->to);
	if (!history)
		history = begin(d, change->to);
	if (!history)
		return;
	struct row *row = &history->row[history->next];
	*row = (struct row){.at_wall_ns = ctl_wall_ns(),
	    .reason = change->reason,
	    .primary = change->primary,
	    .backup = change->backup};
	memcpy(row->class, d->policy->class[change->class].name, sizeof(row->class));
	history->next = (history->next + 1) % ROWS;
	history->n += history->n < ROWS;
}

void ctl_history_free(struct ctl_daemon *d)
{
	for (unsigned i = 0; i < d->parts->n_history; i++)
		free(d->parts->history[i]);
	free(d->parts->history);
	d->parts->history = NULL;
	d->parts->n_history = 0;
}

static void show(const struct ctl_daemon *d, const struct row *row, ctl_api_emit *emit, void *arg)
{
	const char *names[2][WIRE_PATH_MAX_HOPS + 1];
	struct ctl_api_path primary = {0}, backup = {0};
	if (row->primary.n_links)
		ctl_view_path(d, d->config.id, &row->primary, names[0], &primary);
	if (row->backup.n_links)
		ctl_view_path(d, d->config.id, &row->backup, names[1], &backup);
	struct ctl_api_past past = {
	    .at_ns = row->at_wall_ns,
	    .class = row->class,
	    .reason = route_reason_name(row->reason),
	    .why = route_reason_text(row->reason),
	    .primary = row->primary.n_links ? &primary : NULL,
	    .backup = row->backup.n_links ? &backup : NULL,
	};
	emit(arg, &past);
}

int ctl_view_history(
    void *daemon, const char *from, const char *to, const char *class, ctl_api_emit *emit, void *arg, char *ret_error)
{
	const struct ctl_daemon *d = daemon;
	uint16_t from_id = 0, to_id = 0;
	int error = ctl_view_find_pop(d, from, &from_id, ret_error);
	if (!error)
		error = ctl_view_find_pop(d, to, &to_id, ret_error);
	if (!error && from_id != d->config.id) {
		snprintf(ret_error, CTL_API_ERROR_SIZE,
		    "from: '%.64s': this POP is %s and remembers its own routes; ask %.64s", from, d->config.name,
		    from);
		error = -EINVAL;
	}
	const struct ctl_history *history = error ? NULL : find(d, to_id);
	for (unsigned i = 1; history && i <= history->n; i++) {
		const struct row *row = &history->row[(history->next + ROWS - i) % ROWS];
		if (!class || strcmp(class, row->class) == 0)
			show(d, row, emit, arg);
	}
	return error;
}

void ctl_view_route_changes(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	for (unsigned reason = 0; reason < ROUTE_REASON_COUNT; reason++)
		emit(to, &(struct ctl_api_count){route_reason_name(reason), d->parts->rerouted[reason]});
}
