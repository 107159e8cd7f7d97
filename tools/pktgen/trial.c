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
	uint64_t now = n ? rte_rdtsc() : 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(m[i]);
		check_packet(&r->check, rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), last->data_len, now);
	}
	rte_pktmbuf_free_bulk(m, n);
}

static int transmit(const struct trial *t, struct trial_result *r, unsigned n)
{
	struct rte_mbuf *m[BURST];
	if (rte_pktmbuf_alloc_bulk(t->tx->pool, m, n))
		return -ENOMEM;
	uint64_t now = rte_rdtsc();
	for (unsigned i = 0; i < n; i++) {
		uint64_t sequence = r->sent + i;
		uint16_t size = t->size ? t->size : flows_imix_size(t->set, sequence);
		struct check_stamp stamp = {CHECK_MAGIC ^ t->number, (uint32_t)sequence, now};
		flows_write(
		    t->set, (uint32_t)(sequence % t->set->flows), rte_pktmbuf_mtod(m[i], uint8_t *), size, &stamp);
		m[i]->data_len = size;
		m[i]->pkt_len = size;
	}
	uint16_t taken = rte_eth_tx_burst(t->tx->id, 0, m, (uint16_t)n);
	r->sent += taken;
	for (unsigned i = 0; i < taken; i++)
		r->sent_bytes += t->size ? t->size : flows_imix_size(t->set, r->sent - taken + i);
	if (t->rate > 0)
		r->unsent += n - taken;
	rte_pktmbuf_free_bulk(m + taken, n - taken);
	return 0;
}

int trial_run(const struct trial *t, struct trial_result *r)
{
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc(), end = start + (uint64_t)(t->seconds * (double)hz);
	uint64_t next_report = start + hz;
	struct pace pace = {t->rate / (double)hz, t->rate * CATCH_UP_SECONDS + BURST, 0, start};

	memset(r, 0, offsetof(struct trial_result, check));
	check_start(&r->check, t->number, 1e9 / (double)hz);
	uint64_t now = start;
	for (unsigned failures = 0; now < end && !*t->stop; now = rte_rdtsc()) {
		unsigned n = due(&pace, now, &r->unsent);
		if (n && transmit(t, r, n)) {
			/* All buffers may be on their way through a ring: only when none comes back in a second is it an error. */
			if (++failures > 1000)
				return -ENOMEM;
			rte_delay_us_sleep(1000);
		} else {
			failures = 0;
		}
		receive(t, r);
		if (now >= next_report && t->progress) {
			t->progress(t, r->sent, &r->check, (double)(now - start) / (double)hz);
			next_report += hz;
		}
	}
	r->seconds = (double)(now - start) / (double)hz;
	end = now + (uint64_t)(t->drain_seconds * (double)hz);
	while (rte_rdtsc() < end && !*t->stop && r->check.received < r->sent) {
		receive(t, r);
		rte_pause();
	}
	return 0;
}
