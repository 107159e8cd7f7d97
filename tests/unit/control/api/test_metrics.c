/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/prometheus.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/metrics/counters.h"
#include "tests/unit/control/api/fixture.h"

static struct fixture f;
static char *text;

static void write_metrics(void)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);
	ctl_metrics_write(&f.view, out);
	fclose(out);
}

static void given_cluster(void)
{
	fixture_init(&f);
}

static void cleanup(void)
{
	free(text);
}

TestSuite(metrics, .init = given_cluster, .fini = cleanup);
TestSuite(counters, .init = given_cluster);

static void expect_line(const char *line)
{
	char wanted[256];
	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	cr_assert(strstr(text, wanted), "no line '%s' in\n%s", line, text);
}

Test(metrics, show_counters_and_estimates_in_base_units)
{
	write_metrics();
	expect_line("kuafu_dropped_packets_total{reason=\"no-path\"} 7");
	expect_line("kuafu_dropped_packets_total{reason=\"tx-full\"} 0");
	expect_line("kuafu_link_rtt_seconds{from=\"sgp1\",to=\"dxb1\",local_link=\"0\",remote_link=\"0\"} 0.080123456");
	expect_line("kuafu_link_up{from=\"sgp1\",to=\"fra1\",local_link=\"0\",remote_link=\"0\"} 0");
	expect_line("kuafu_link_tx_bytes_total{from=\"sgp1\",to=\"dxb1\",local_link=\"0\",remote_link=\"0\"} 150000");
	expect_line("kuafu_worker_busy_seconds_total{worker=\"1\"} 1.5");
	expect_line("kuafu_worker_heartbeat_age_seconds{worker=\"0\"} 0.01");
	expect_line("kuafu_journey_packets_total{worker=\"1\",journey=\"ingress\"} 12");
	expect_line("kuafu_route_cost_seconds{from=\"sgp1\",to=\"fra1\",class=\"latency\",path=\"primary\"} 0.0855");
	expect_line("kuafu_route_on_backup{from=\"sgp1\",to=\"fra1\",class=\"latency\"} 1");
	expect_line("kuafu_route_usable{from=\"sgp1\",to=\"dxb1\",class=\"latency\"} 0");
	expect_line("kuafu_route_changes_total{reason=\"failed\"} 3");
	expect_line("kuafu_route_changes_total{reason=\"better\"} 0");
	expect_line("kuafu_bpf_packets_total{event=\"sample-flood\"} 12345678901");
	expect_line("kuafu_dataplane_connected 1");
	expect_line("kuafu_start_time_seconds 1767323045.678");
}

Test(metrics, leave_out_what_is_not_known)
{
	write_metrics();
	cr_assert_null(strstr(text, "kuafu_link_rtt_seconds{from=\"sgp1\",to=\"fra1\""));
	cr_assert_null(strstr(text, "nan"));
}

Test(metrics, without_a_data_plane_have_none_of_its_counters)
{
	f.dataplane_is_away = true;
	write_metrics();
	expect_line("kuafu_dataplane_connected 0");
	cr_assert_null(strstr(text, "\nkuafu_dropped_packets_total{"));
}

Test(metrics, every_line_is_a_comment_or_a_sample)
{
	write_metrics();
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) && rest;) {
		if (strncmp(line, "# HELP kuafu_", 13) == 0 || strncmp(line, "# TYPE kuafu_", 13) == 0)
			continue;
		size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
		char *value = strrchr(line, ' ');
		char *end = NULL;
		cr_assert(name > 6 && value && (line[name] == '{' || line + name == value), "%s", line);
		strtod(value + 1, &end);
		cr_assert(end > value + 1 && *end == '\0', "%s", line);
	}
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && strcmp(name + n - m, end) == 0;
}

Test(metrics, counters_end_in_total_and_gauges_do_not_and_names_are_unique)
{
	for (size_t i = 0; i < ctl_n_metrics; i++) {
		bool counter = strcmp(ctl_metrics[i].type, "counter") == 0;
		cr_assert_eq(ends_with(ctl_metrics[i].name, "_total"), counter, "%s", ctl_metrics[i].name);
		for (size_t j = 0; j < i; j++)
			cr_assert_str_neq(ctl_metrics[i].name, ctl_metrics[j].name);
	}
}

Test(metrics, every_counter_of_a_worker_is_exported)
{
	for (unsigned c = 0; c < WIRE_COUNTER_COUNT; c++) {
		f.stats.worker[0].counter[c] = 1000000007 + c; /* a value that tells which */
		write_metrics();
		char value[64];
		snprintf(value, sizeof(value), c == WIRE_COUNTER_BUSY_NS ? "%.15g\n" : "%.0f\n",
		    c == WIRE_COUNTER_BUSY_NS ? (1000000007.0 + c) / 1e9 : 1000000007.0 + c);
		cr_assert(strstr(text, value), "%s: no sample %s", wire_counter_name(c), value);
		free(text);
		text = NULL;
	}
}

static void pop_with_a_hostile_name(void *daemon, ctl_api_emit *emit, void *to)
{
	(void)daemon;
	emit(to, &(struct ctl_api_pop){.name = "a\"b\\c\nd", .age_ns = 1000000000});
}

Test(metrics, labels_are_escaped)
{
	f.view.pops = pop_with_a_hostile_name;
	write_metrics();
	expect_line("kuafu_pop_age_seconds{pop=\"a\\\"b\\\\c\\nd\"} 1");
}

Test(counters, of_another_version_or_shape_are_refused)
{
	struct ctl_counters counters = {0};
	size_t size = sizeof(f.stats);
	cr_assert_eq(ctl_counters_open(&f.stats, size, &counters), 0);
	cr_assert_eq(ctl_counters_open(&f.stats, sizeof(struct wire_stats) - 1, &counters), -EPROTO);
	cr_assert_eq(ctl_counters_open(&f.stats, size - 1, &counters), -EPROTO, "the last block is cut");

	struct wire_stats good = f.stats.head;
	f.stats.head.version++;
	cr_assert_eq(ctl_counters_open(&f.stats, size, &counters), -EPROTO);
	f.stats.head = good;
	f.stats.head.workers = UINT32_MAX;
	cr_assert_eq(ctl_counters_open(&f.stats, size, &counters), -EPROTO);
	f.stats.head = good;
	f.stats.head.worker_offset = UINT32_MAX - 7;
	cr_assert_eq(ctl_counters_open(&f.stats, size, &counters), -EPROTO);
	f.stats.head = good;
	f.stats.head.link_offset++;
	cr_assert_eq(ctl_counters_open(&f.stats, size, &counters), -EPROTO, "not aligned");
}
