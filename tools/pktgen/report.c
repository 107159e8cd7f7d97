/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/report.h"

#include <stdio.h>
#include <unistd.h>

#include "tools/pktgen/rate.h"

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static double microseconds(const struct histogram *h, double q)
{
	return (double)histogram_quantile(h, q) / 1e3;
}

static const char columns[] = "  time       sent/s   received/s   Gbit/s         lost    reordered   duplicated     "
                              "p50 us     p99 us     max us\n";

/* What was there a second ago, to tell the last second. The one trial that runs has it. */
static struct {
	uint32_t number;
	uint64_t sent, sent_bytes, received;
	double seconds;
} before;

static bool begins(const struct trial *trial)
{
	if (before.number == trial->number)
		return false;
	before.number = trial->number;
	before.sent = before.sent_bytes = before.received = 0;
	before.seconds = 0;
	return true;
}

void report_progress(const struct trial *trial, struct trial_result *r)
{
	struct check *c = &r->check;
	bool terminal = isatty(STDERR_FILENO), last = r->seconds + 1 > trial->seconds;
	if (begins(trial))
		fputs(columns, stderr);
	double seconds = r->seconds - before.seconds;
	double bits =
	    8 * ((double)(r->sent_bytes - before.sent_bytes) + (double)(r->sent - before.sent) * RATE_WIRE_OVERHEAD);
	fprintf(stderr, "%s%5.0fs %12.0f %12.0f %8.3f %12lu %12lu %12lu %10.1f %10.1f %10.1f%s",
	    terminal ? "\r\033[K" : "", r->seconds, (double)(r->sent - before.sent) / seconds,
	    (double)(c->received - before.received) / seconds, bits / seconds / 1e9, check_lost(c, r->sent),
	    c->reordered, c->duplicated, microseconds(&c->recent, 0.5), microseconds(&c->recent, 0.99),
	    (double)c->recent.max / 1e3, terminal && !last ? "" : "\n");
	before.sent = r->sent;
	before.sent_bytes = r->sent_bytes;
	before.received = c->received;
	before.seconds = r->seconds;
	histogram_reset(&c->recent);
}

void report_step(double rate, const struct trial_result *r, bool passed, bool fell_short)
{
	fprintf(stderr, "%12.0f packets/s  lost %lu of %lu  %s\n", rate, trial_lost(r), r->sent,
	    passed       ? "passed"
	    : fell_short ? "no verdict: the generator or its port fell short of the rate"
	                 : "failed");
}

static void print_json(const struct trial_result *r, double throughput)
{
	const struct check *c = &r->check;
	uint64_t lost = trial_lost(r);
	printf("{\"sent\": %lu, \"sent_bytes\": %lu, \"connections\": %lu, \"unsent\": %lu, \"unfetched\": %lu, "
	       "\"received\": %lu, "
	       "\"lost\": %lu, \"loss\": %.9f, "
	       "\"reordered\": %lu, \"duplicated\": %lu, \"foreign\": %lu, \"seconds\": %.6f, \"tx_pps\": %.1f, "
	       "\"latency_us\": {\"min\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f}",
	    r->sent, r->sent_bytes, r->connections, r->unsent, r->unfetched, c->received, lost, share(lost, r->sent),
	    c->reordered, c->duplicated, c->foreign, r->seconds, (double)r->sent / r->seconds,
	    c->received ? (double)c->latency.min / 1e3 : 0.0, microseconds(&c->latency, 0.5),
	    microseconds(&c->latency, 0.99), microseconds(&c->latency, 0.999), (double)c->latency.max / 1e3);
	if (throughput >= 0)
		printf(", \"throughput_pps\": %.1f", throughput);
	printf("}\n");
}

void report_result(const struct trial_result *r, double throughput, bool json)
{
	if (json) {
		print_json(r, throughput);
		return;
	}
	const struct check *c = &r->check;
	uint64_t lost = trial_lost(r);
	printf("sent        %12lu  (%.0f packets/s", r->sent, (double)r->sent / r->seconds);
	if (r->unsent)
		printf(", %lu fewer than asked", r->unsent);
	printf(")\nreceived    %12lu\nlost        %12lu  (%.4f%%)\n", c->received, lost, 100 * share(lost, r->sent));
	if (r->unfetched)
		printf("unfetched   %12lu\n", r->unfetched);
	printf("connections %12lu begun\n", r->connections);
	printf("reordered   %12lu\nduplicated  %12lu\nforeign     %12lu\n", c->reordered, c->duplicated, c->foreign);
	if (c->received)
		printf("latency     p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
		    microseconds(&c->latency, 0.5), microseconds(&c->latency, 0.99), microseconds(&c->latency, 0.999),
		    (double)c->latency.max / 1e3);
	if (throughput >= 0)
		printf("throughput  %12.0f packets/s (RFC 2544)\n", throughput);
}
