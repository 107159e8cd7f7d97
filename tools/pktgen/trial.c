/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/trial.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

enum { BURST = 32 };

/* How much of its schedule a trial may catch up at once after the machine took its core away: more would turn a pause
 * into a burst that no device under test could take. */
static const double CATCH_UP_SECONDS = 0.001;

struct pace {
	double per_tick;
	double max_credit;
	double credit;
	uint64_t last;
};

/* How many packets are due at `now`, at most BURST; what is missed beyond the catch-up is returned in *lost. */
static unsigned due(struct pace *p, uint64_t now, uint64_t *lost)
{
	if (p->per_tick <= 0)
		return BURST;
	p->credit += (double)(now - p->last) * p->per_tick;
	p->last = now;
	if (p->credit > p->max_credit) {
		*lost += (uint64_t)(p->credit - p->max_credit);
		p->credit = p->max_credit;
	}
	unsigned n = p->credit > BURST ? BURST : (unsigned)p->credit;
	p->credit -= n;
	return n;
}

static void receive(const struct trial *t, struct trial_result *r)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(t->rx->id, 0, m, BURST);
	uint64_t now = n ? t->clock() : 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(m[i]);
		check_packet(&r->check, rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), last->data_len, now);
	}
	rte_pktmbuf_free_bulk(m, n);
}

static int transmit(const struct trial *t, struct trial_result *r, unsigned n, uint64_t now, double elapsed)
{
	struct rte_mbuf *m[BURST];
	struct packet packet[BURST];
	if (rte_pktmbuf_alloc_bulk(t->tx->pool, m, n))
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		struct check_stamp stamp = {CHECK_MAGIC ^ t->number, (uint32_t)(r->sent + i), now};
		packet[i] = traffic_next(t->traffic, elapsed);
		traffic_write(t->traffic, &packet[i], rte_pktmbuf_mtod(m[i], uint8_t *), &stamp);
		m[i]->data_len = packet[i].size;
		m[i]->pkt_len = packet[i].size;
	}
	uint16_t taken = rte_eth_tx_burst(t->tx->id, 0, m, (uint16_t)n);
	r->sent += taken;
	for (unsigned i = 0; i < taken; i++)
		r->sent_bytes += packet[i].size;
	for (unsigned i = n; i > taken; i--)
		traffic_give_back(t->traffic, &packet[i - 1]);
	if (t->rate > 0)
		r->unsent += n - taken;
	rte_pktmbuf_free_bulk(m + taken, n - taken);
	return 0;
}

static int send_and_receive(const struct trial *t, struct trial_result *r, uint64_t start, uint64_t end)
{
	double hz = (double)t->hz;
	struct pace pace = {t->rate / hz, t->rate * CATCH_UP_SECONDS + BURST, 0, start};
	uint64_t next_report = start + t->hz;
	unsigned failures = 0;
	for (uint64_t now = start; now < end && !*t->stop; now = t->clock()) {
		r->seconds = (double)(now - start) / hz;
		unsigned n = due(&pace, now, &r->unsent);
		if (n && transmit(t, r, n, now, r->seconds)) {
			/* All buffers may be on their way through a ring: only when none comes back in a second is it an error. */
			if (++failures > 1000)
				return -ENOMEM;
			rte_delay_us_sleep(1000);
		} else {
			failures = 0;
		}
		receive(t, r);
		if (now >= next_report && t->progress) {
			t->progress(t, r);
			next_report += t->hz;
		}
	}
	return 0;
}

/* What our receiving port had no room for: its own count, and what a device in this process could not put there. */
static uint64_t unfetched(const struct trial *t)
{
	struct rte_eth_stats stats = {0};
	uint64_t n = t->left_there ? t->left_there(t->device) : 0;
	return rte_eth_stats_get(t->rx->id, &stats) == 0 ? n + stats.imissed + stats.rx_nombuf : n;
}

int trial_run(const struct trial *t, struct trial_result *r)
{
	uint64_t connections = t->traffic->connections, start = t->clock(), before = unfetched(t);

	memset(r, 0, offsetof(struct trial_result, check));
	check_start(&r->check, t->number, 1e9 / (double)t->hz);
	int err = send_and_receive(t, r, start, start + (uint64_t)(t->seconds * (double)t->hz));
	r->connections = t->traffic->connections - connections;
	t->traffic->past += r->seconds;
	uint64_t end = t->clock() + (uint64_t)(t->drain_seconds * (double)t->hz);
	while (!err && t->clock() < end && !*t->stop && r->check.received < r->sent) {
		receive(t, r);
		rte_pause();
	}
	r->unfetched = unfetched(t) - before;
	return err;
}

uint64_t trial_lost(const struct trial_result *r)
{
	uint64_t lost = check_lost(&r->check, r->sent);
	return lost > r->unfetched ? lost - r->unfetched : 0;
}

double trial_loss(const struct trial_result *r)
{
	return r->sent ? (double)trial_lost(r) / (double)r->sent : 1;
}

bool trial_fell_short(const struct trial_result *r)
{
	return (double)(r->unsent + r->unfetched) > 0.01 * (double)(r->sent + r->unsent);
}
