/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "control/parts/view.h"
#include "probes/interval.h"

static const char *const causes[] = {
    [WIRE_CAUSE_NONE] = "none",
    [WIRE_CAUSE_STAMP] = "stamp",
    [WIRE_CAUSE_KEEPALIVE] = "keepalive",
    [WIRE_CAUSE_REMOTE] = "remote",
    [WIRE_CAUSE_ADMIN] = "admin",
};

void ctl_view_pops(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	for (unsigned i = 0; i < d->cluster.n_pops; i++) {
		const struct ctl_pop *pop = d->cluster.pop[i];
		struct ctl_api_pop row = {
		    .name = pop->name,
		    .region = pop->region,
		    .id = pop->id,
		    .self = pop->self,
		    .drained = pop->drained,
		    .busy = (double)pop->load.busy,
		    .age_ns = pop->self ? 0 : ctl_view_age(pop->state_seen_ns),
		};
		for (unsigned j = 0; j < d->n_links; j++) {
			bool counts = d->link[j].ours && (pop->self || d->link[j].key.to == pop->id);
			row.links += counts;
			row.links_up += counts && d->link[j].up;
		}
		emit(to, &row);
	}
}

/* What only our own probes know. */
static void show_round_trip(const struct probe_estimate *e, struct ctl_api_link *row)
{
	row->rtt_p99_ns = (int64_t)e->p99_rtt_ns;
	row->loss_return = e->back.loss;
	row->age_ns = ctl_view_age(e->last_reply_ns);
}

static void show_traffic(const struct probe_traffic_estimate *e, struct ctl_api_link *row)
{
	row->traffic_packets = e->packets;
	if (e->packets)
		row->traffic_loss = probe_traffic_loss(e);
	if (e->delay_packets)
		row->traffic_owd_ns = e->delay_ns;
}

/* What was neither answered nor believed of a link of ours. */
static void show_refused(const struct ctl_daemon *d, const struct ctl_link *link, struct ctl_api_link *row)
{
	struct probe_estimate e;
	uint64_t refused[PROBE_REFUSAL_COUNT];
	if (!link->probed || probe_sessions_get(d->probes, link->id, &e) ||
	    probe_sessions_get_refused(d->probes, link->id, refused))
		return;
	row->ignored = e.ignored;
	row->refused = (struct ctl_api_refused){
	    .too_short = refused[PROBE_REFUSED_SHORT],
	    .forged = refused[PROBE_REFUSED_FORGED],
	    .unauthenticated = refused[PROBE_REFUSED_UNAUTHENTICATED],
	    .replayed = refused[PROBE_REFUSED_REPLAYED],
	    .crowded = refused[PROBE_REFUSED_CROWDED],
	};
}

/* Of a link from us or to us: what each kind of evidence says by itself. */
static void show_evidence(const struct ctl_daemon *d, const struct ctl_link *link, struct ctl_api_link *row)
{
	const struct route_link_key *k = &link->key;
	struct route_link_key reverse = {k->to, k->from, k->remote, k->local};
	const struct ctl_link *ours = link->ours ? link : ctl_daemon_link(d, route_link_find(d->engine, reverse));
	struct probe_traffic_estimate packets;
	struct probe_estimate e;
	if (!ours || !ours->probed || probe_sessions_get(d->probes, ours->id, &e) || !e.samples)
		return;
	const struct probe_direction *direction = link->ours ? &e.forward : &e.back;
	row->probe_loss = direction->loss;
	if (e.one_way_samples)
		row->probe_owd_ns = direction->delay_ns;
	if (link->ours) {
		show_round_trip(&e, row);
		ctl_traffic_went(ours, &packets);
	} else {
		ctl_traffic_came(ours, e.back.delay_ns, &packets);
	}
	show_traffic(&packets, row);
	struct probe_interval loss = probe_interval(row->loss, e.samples + packets.packets + packets.lost);
	row->loss_low = loss.low;
	row->loss_high = loss.high;
}

static int64_t doubt_of(const struct ctl_daemon *d, const struct ctl_link *link)
{
	struct route_link_info info;
	if (route_link_info(d->engine, link->id, ctl_monotonic_ns(), &info))
		return 0;
	return (int64_t)((double)info.doubt_ms * (double)CTL_NS_PER_MS);
}

static const char *mtu_state(const struct ctl_daemon *d, const struct ctl_link *link)
{
	struct probe_mtu m;
	if (link->probed && probe_sessions_get_mtu(d->probes, link->id, &m) == 0)
		return probe_mtu_state_name(m.state);
	return link->found_mtu ? probe_mtu_state_name(PROBE_MTU_COMPLETE) : NULL;
}

void ctl_view_links(void *daemon, ctl_api_emit *emit, void *to)
{
	const struct ctl_daemon *d = daemon;
	const char *timestamps = d->kbpf && d->config.timestamps == CTL_TIMESTAMPS_AUTO ? "ebpf" : "user";
	for (unsigned i = 0; i < d->n_links; i++) {
		const struct ctl_link *link = &d->link[i];
		const struct route_estimate *e = &link->estimate;
		char local[CTL_ADDRESS_TEXT], remote[CTL_ADDRESS_TEXT];
		struct ctl_api_link row = {
		    .from = ctl_view_pop(d, link->key.from),
		    .to = ctl_view_pop(d, link->key.to),
		    .local_address = ctl_address_text(&link->local, local),
		    .remote_address = ctl_address_text(&link->remote, remote),
		    .provider = link->config.provider,
		    .id = link->number,
		    .own = link->ours,
		    .local_link = link->key.local,
		    .remote_link = link->key.remote,
		    .mtu = link->config.mtu,
		    .mtu_state = mtu_state(d, link),
		    .state = link->up ? "up" : "down",
		    .cause = link->cause < sizeof(causes) / sizeof(causes[0]) ? causes[link->cause] : "none",
		    .since_ns = link->changed_wall_ns,
		    .rtt_ns = e->at_ns ? e->rtt_ns : CTL_API_NO_NS,
		    .rtt_p99_ns = CTL_API_NO_NS,
		    .owd_ns = e->at_ns ? e->delay_ns : CTL_API_NO_NS,
		    .probe_owd_ns = CTL_API_NO_NS,
		    .traffic_owd_ns = CTL_API_NO_NS,
		    .jitter_ns = e->at_ns ? e->jitter_ns : CTL_API_NO_NS,
		    .loss = e->at_ns ? (double)e->loss : NAN,
		    .loss_low = NAN,
		    .loss_high = NAN,
		    .probe_loss = NAN,
		    .traffic_loss = NAN,
		    .loss_return = NAN,
		    .doubt_ns = doubt_of(d, link),
		    .load = (double)ctl_load_of(d, link->key),
		    .timestamps = timestamps,
		    .age_ns = ctl_view_age(e->at_ns),
		    .authenticated = link->authenticated,
		};
		show_evidence(d, link, &row);
		show_refused(d, link, &row);
		emit(to, &row);
	}
}

static struct ctl_api_stamp_error stamp_error(const struct probe_error *e)
{
	return (struct ctl_api_stamp_error){(int64_t)e->p50_ns, (int64_t)e->p99_ns, (int64_t)e->max_ns};
}

void ctl_view_accuracy(void *daemon, uint64_t seconds, ctl_api_emit *emit, void *to)
{
	static const struct ctl_api_stamp_error unknown = {CTL_API_NO_NS, CTL_API_NO_NS, CTL_API_NO_NS};
	const struct ctl_daemon *d = daemon;
	uint64_t now = ctl_monotonic_ns(), span = seconds * CTL_NS_PER_S;
	for (unsigned i = 0; i < d->n_links; i++) {
		const struct ctl_link *link = &d->link[i];
		struct probe_accuracy_estimate e;
		if (!link->probed || probe_sessions_get_accuracy(d->probes, link->id, now > span ? now - span : 0, &e))
			continue;
		struct ctl_api_accuracy row = {
		    .from = ctl_view_pop(d, link->key.from),
		    .to = ctl_view_pop(d, link->key.to),
		    .local_link = link->key.local,
		    .remote_link = link->key.remote,
		    .samples = e.samples,
		    .rtt_min_ns = e.samples ? (int64_t)e.min_rtt_ns : CTL_API_NO_NS,
		    .ebpf = e.samples ? stamp_error(&e.driver) : unknown,
		    .user = e.samples ? stamp_error(&e.process) : unknown,
		    .times =
		        e.samples ? (double)e.process.p99_ns / (e.driver.p99_ns ? (double)e.driver.p99_ns : 1) : NAN,
		};
		row.reached = e.samples && row.ebpf.p99_ns <= CTL_API_STAMP_P99_NS && row.times >= CTL_API_STAMP_TIMES;
		emit(to, &row);
	}
}
