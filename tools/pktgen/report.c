/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/report.h"

#include <stdio.h>
#include <unistd.h>

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static double microseconds(const struct check *c, double q)
{
	return (double)histogram_quantile(&c->latency, q) / 1e3;
}

void report_progress(const struct trial *trial, uint64_t sent, const struct check *c, double elapsed)
{
	bool terminal = isatty(STDERR_FILENO);
	fprintf(stderr, "%s%5.0f of %.0f s  sent %lu  received %lu  p50 %.1f us  p99 %.1f us%s",
	    terminal ? "\r\033[K" : "", elapsed, trial->seconds, sent, c->received, microseconds(c, 0.5),
	    microseconds(c, 0.99), terminal ? "" : "\n");
	if (terminal && elapsed + 1 > trial->seconds)
		fputc('\n', stderr);
}

void report_step(double rate, const struct trial_result *r, bool passed)
{
	uint64_t lost = check_lost(&r->check, r->sent);
	fprintf(stderr, "%12.0f packets/s  lost %lu of %lu  %s\n", rate, lost, r->sent, passed ? "passed" : "failed");
}

static void print_json(const struct trial_result *r, double throughput)
{
	const struct check *c = &r->check;
	uint64_t lost = check_lost(c, r->sent);
	printf(
	    "{\"sent\": %lu, \"sent_bytes\": %lu, \"unsent\": %lu, \"received\": %lu, \"lost\": %lu, \"loss\": %.9f, "
	    "\"reordered\": %lu, \"duplicated\": %lu, \"foreign\": %lu, \"seconds\": %.6f, \"tx_pps\": %.1f, "
	    "\"latency_us\": {\"min\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f}",
	    r->sent, r->sent_bytes, r->unsent, c->received, lost, share(lost, r->sent), c->reordered, c->duplicated,
	    c->foreign, r->seconds, (double)r->sent / r->seconds, c->received ? (double)c->latency.min / 1e3 : 0.0,
	    microseconds(c, 0.5), microseconds(c, 0.99), microseconds(c, 0.999), (double)c->latency.max / 1e3);
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
	uint64_t lost = check_lost(c, r->sent);
	printf("sent        %12lu  (%.0f packets/s", r->sent, (double)r->sent / r->seconds);
	if (r->unsent)
		printf(", %lu fewer than asked", r->unsent);
	printf(")\nreceived    %12lu\nlost        %12lu  (%.4f%%)\n", c->received, lost, 100 * share(lost, r->sent));
	printf("reordered   %12lu\nduplicated  %12lu\nforeign     %12lu\n", c->reordered, c->duplicated, c->foreign);
	if (c->received)
		printf("latency     p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n", microseconds(c, 0.5),
		    microseconds(c, 0.99), microseconds(c, 0.999), (double)c->latency.max / 1e3);
	if (throughput >= 0)
		printf("throughput  %12.0f packets/s (RFC 2544)\n", throughput);
}
