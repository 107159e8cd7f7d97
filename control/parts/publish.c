/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: what this POP tells the others through the store: its registration, once a second its state, and its verdicts on
 * endpoints when one has changed, when the store holds others, and seldom in any case. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/clock.h"
#include "control/cluster/message.h"
#include "control/parts/parts.h"

#define PUBLISH_MS 1000u

/* Whoever heard the verdicts before the registration, as after an outage of the store, has dropped them. Seldom enough to
 * cost the store nothing beside the states. */
#define VERDICTS_AGAIN_NS (30 * CTL_NS_PER_S)

static void log_store(struct ctl_daemon *d)
{
	struct ctl_store_status status;
	ctl_store_status(d->store, &status);
	if (status.lost > d->parts->store_lost)
		ctl_warning("store %s: " CTL_STORE_LOST_TEXT, status.url, status.lost);
	else if (!status.lost && d->parts->store_lost)
		ctl_info("store %s holds again what it had lost", status.url);
	d->parts->store_lost = status.lost;
	if (status.refuses && !d->parts->store_refused)
		ctl_warning("store %s takes no change: %s; going on with what is known", status.url, status.error);
	else if (!status.refuses && d->parts->store_refused && status.connected)
		ctl_info("store %s takes changes again", status.url);
	d->parts->store_refused = status.refuses;
	if (status.connected == d->parts->store_was_connected)
		return;
	d->parts->store_was_connected = status.connected;
	if (status.connected)
		ctl_info("store %s answers", status.url);
	else
		ctl_warning("store %s is away: %s; going on with what is known", status.url, status.error);
}

/* ---- registration ---- */

static void on_registered(void *arg, int error, const char *text)
{
	struct ctl_daemon *d = arg;
	if (error == -ECANCELED)
		return;
	d->parts->publishing = false;
	d->parts->registered = error == 0;
	if (!error)
		ctl_due(d, CTL_DUE_PUBLISH);
	else
		ctl_warning("this POP is not registered in the store yet: %s", text);
}

static void put_registration(struct ctl_daemon *d)
{
	char key[64], *text = ctl_registration_text(&d->config);
	snprintf(key, sizeof(key), CTL_STORE_PREFIX "pop/%s", d->config.name);
	struct ctl_store_op op = {key, text};
	d->parts->publishing = text && ctl_store_commit(d->store, &op, 1, on_registered, d) == 0;
	free(text);
}

/* ---- state ---- */

static void on_published(void *arg, int error, const char *text)
{
	struct ctl_daemon *d = arg;
	if (error == -ECANCELED)
		return;
	d->parts->publishing = false;
	if (error)
		ctl_debug("state not published: %s", text);
	else if (d->parts->publish_again)
		ctl_due(d, CTL_DUE_PUBLISH);
}

static void on_verdicts_published(void *arg, int error, const char *text)
{
	struct ctl_daemon *d = arg;
	d->parts->verdicts_changed = d->parts->verdicts_changed || error;
	on_published(arg, error, text);
}

static struct ctl_link_report report_of(const struct ctl_link *link)
{
	struct ctl_link_report report = {
	    .key = link->key, .up = link->up, .estimate = link->estimate, .mtu = link->found_mtu};
	ctl_traffic_came(link, link->back_ns, &report.heard);
	return report;
}

static unsigned list_reports(const struct ctl_daemon *d, struct ctl_link_report *report)
{
	unsigned n = 0;
	for (unsigned i = 0; i < d->n_links; i++)
		if (d->link[i].ours &&
		    d->link[i].changed_wall_ns) /* what a new kuafud does not know yet takes no path away */
			report[n++] = report_of(&d->link[i]);
	return n;
}

static unsigned list_group(
    const struct ctl_daemon *d, const struct ctl_group *group, struct ctl_endpoint_verdict *verdict)
{
	unsigned n = 0;
	const struct ctl_pop *self = ctl_cluster_find(&d->cluster, d->config.name);
	if (!self || !ctl_checks_are_ours(d, group))
		return 0;
	for (unsigned i = 0; i < group->n_endpoints; i++) {
		uint32_t id = group->endpoints[i].id;
		enum ctl_health_verdict now = ctl_pop_verdict(d, self, id);
		if (now != CTL_HEALTH_UNKNOWN)
			verdict[n++] = (struct ctl_endpoint_verdict){id, now == CTL_HEALTH_UP};
	}
	return n;
}

/* The verdicts of our own checks, until the first of them those of our last life. verdict NULL: the most that there can
 * be. */
static unsigned list_verdicts(const struct ctl_daemon *d, struct ctl_endpoint_verdict *verdict)
{
	unsigned n = 0;
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		if (d->objects.object[i]->kind != CTL_KIND_ACCELERATOR)
			continue;
		for (unsigned j = 0; j < a->n_listeners; j++)
			for (unsigned k = 0; k < a->listeners[j].n_groups; k++)
				n += verdict ? list_group(d, &a->listeners[j].groups[k], verdict + n)
				             : a->listeners[j].groups[k].n_endpoints;
	}
	return n;
}

static char *state_text(const struct ctl_daemon *d)
{
	struct ctl_link_report *report = calloc(d->n_links + 1, sizeof(*report));
	char *text =
	    report ? ctl_state_text(ctl_wall_ns(), &d->parts->meter.load, report, list_reports(d, report)) : NULL;
	free(report);
	return text;
}

static char *verdicts_text(const struct ctl_daemon *d)
{
	struct ctl_endpoint_verdict *verdict = calloc(list_verdicts(d, NULL) + 1, sizeof(*verdict));
	char *text = verdict ? ctl_verdicts_text(verdict, list_verdicts(d, verdict)) : NULL;
	free(verdict);
	return text;
}

static void put_state(struct ctl_daemon *d)
{
	struct ctl_parts *p = d->parts;
	uint64_t now = ctl_monotonic_ns();
	bool verdicts = p->verdicts_changed || now - p->verdicts_ns >= VERDICTS_AGAIN_NS;
	char state_key[64], verdicts_key[64];
	snprintf(state_key, sizeof(state_key), CTL_STORE_PREFIX "state/%s", d->config.name);
	snprintf(verdicts_key, sizeof(verdicts_key), CTL_STORE_PREFIX "health/%s", d->config.name);
	struct ctl_store_op op[] = {{state_key, state_text(d)}, {verdicts_key, verdicts ? verdicts_text(d) : NULL}};
	if (op[0].value && (op[1].value || !verdicts))
		p->publishing = ctl_store_commit(d->store, op, verdicts ? 2 : 1,
		                    verdicts ? on_verdicts_published : on_published, d) == 0;
	if (p->publishing && verdicts) {
		p->verdicts_changed = false;
		p->verdicts_ns = now;
	}
	free((char *)op[0].value);
	free((char *)op[1].value);
}

void ctl_publish_stored(struct ctl_daemon *d, const char *stored)
{
	char *ours = verdicts_text(d);
	if (ours && (!stored || strcmp(ours, stored) != 0))
		d->parts->verdicts_changed = true;
	free(ours);
}

void ctl_publish_now(struct ctl_daemon *d)
{
	d->parts->publish_again = d->parts->publishing;
	if (d->parts->publishing || !d->parts->listed_ns)
		return;
	if (!d->parts->registered)
		put_registration(d);
	else
		put_state(d);
}

static void on_second(uv_timer_t *timer)
{
	struct ctl_daemon *d = timer->data;
	log_store(d);
	ctl_ebpf_follow(d);
	ctl_traffic_read(d);
	ctl_publish_now(d);
	ctl_due(d, CTL_DUE_DISTANCES);
}

int ctl_publish_start(struct ctl_daemon *d)
{
	d->parts->store_was_connected = true;
	ctl_timer_start(d, &d->parts->publish, on_second, PUBLISH_MS, PUBLISH_MS);
	return 0;
}

void ctl_publish_stop(struct ctl_daemon *d)
{
	(void)d; /* the timer is closed with the others; a commit under way is cancelled by the store */
}
