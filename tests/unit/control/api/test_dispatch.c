/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/router.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/numbers.h"
#include "tests/unit/control/api/fixture.h"

static struct fixture f;
static struct ctl_api_answer *answer;
static char text[1 << 20]; /* what was answered so far */

static void given_cluster(void)
{
	fixture_init(&f);
	answer = ctl_api_answer_new();
}

static void cleanup(void)
{
	ctl_api_answer_unref(answer);
}

TestSuite(dispatch, .init = given_cluster, .fini = cleanup);

static void read_answer(void)
{
	size_t used = strlen(text);
	size_t n = ctl_api_answer_take(answer, text + used, sizeof(text) - used - 1);
	text[used + n] = '\0';
}

static void send(const char *method, const char *path, const char *body)
{
	struct ctl_api_request request = {
	    .method = method, .path = path, .body = body, .size = body ? strlen(body) : 0};
	*text = '\0';
	ctl_api_dispatch(&f.view, &request, answer);
	read_answer();
}

static void send_query(const char *path, const char *key, const char *value, const char *key2, const char *value2)
{
	struct ctl_api_request request = {
	    .method = "GET", .path = path, .n_param = key2 ? 2 : 1, .param = {{key, value}, {key2, value2}}};
	*text = '\0';
	ctl_api_dispatch(&f.view, &request, answer);
	read_answer();
}

static void expect(unsigned status, const char *json)
{
	cr_assert_eq(answer->status, status, "status %u: %s", answer->status, text);
	json_t *got = json_loads(text, 0, NULL), *wanted = json_loads(json, 0, NULL);
	cr_assert(wanted, "the test's JSON is wrong: %s", json);
	cr_assert(json_equal(got, wanted), "got %s\nwanted %s", text, json);
	json_decref(got);
	json_decref(wanted);
}

Test(dispatch, every_get_of_state_answers_an_object)
{
	for (size_t i = 0; i < ctl_api_n_routes; i++) {
		const struct ctl_api_route_entry *r = &ctl_api_routes[i];
		if (strcmp(r->method, "GET") != 0 || strcmp(r->path, "/metrics") == 0 || strstr(r->params, "to") ||
		    strstr(r->params, "port"))
			continue;
		ctl_api_answer_unref(answer);
		answer = ctl_api_answer_new();
		send("GET", r->path, NULL);
		json_t *body = json_loads(text, 0, NULL);
		cr_assert(answer->status == 200 && answer->ended, "%s: %u", r->path, answer->status);
		cr_assert(json_is_object(body), "%s: %s", r->path, text);
		cr_assert_null(json_object_get(body, "stale_ms"), "%s: nothing is silent", r->path);
		json_decref(body);
	}
}

Test(dispatch, a_route_row_has_the_paths_by_name_and_says_which_is_active)
{
	send("GET", "/v1/routes", NULL);
	expect(200,
	    "{\"routes\": [{\"from\": \"sgp1\", \"to\": \"fra1\", \"class\": \"latency\","
	    "\"primary\": {\"path\": [\"sgp1\", \"dxb1\", \"fra1\"], \"cost_ms\": 85.5, \"mtu\": 1500},"
	    "\"backup\": {\"path\": [\"sgp1\", \"fra1\"], \"cost_ms\": 160.0, \"mtu\": 1500},"
	    "\"direct\": {\"path\": [\"sgp1\", \"fra1\"], \"cost_ms\": 160.0, \"mtu\": 1500},"
	    "\"active\": \"backup\", \"reason\": \"new\", \"since\": \"2026-01-02T03:04:06.000Z\"},"
	    "{\"from\": \"sgp1\", \"to\": \"dxb1\", \"class\": \"latency\", \"primary\": null, \"backup\": null,"
	    "\"direct\": null, \"active\": \"none\", \"reason\": \"lost\", \"since\": null}]}");
}

Test(dispatch, what_is_not_known_of_a_link_is_null)
{
	send("GET", "/v1/links", NULL);
	json_t *body = json_loads(text, 0, NULL);
	json_t *up = json_array_get(json_object_get(body, "links"), 0);
	json_t *down = json_array_get(json_object_get(body, "links"), 1);
	cr_assert_float_eq(json_real_value(json_object_get(up, "rtt_ms")), 80.123, 1e-9);
	cr_assert(json_is_null(json_object_get(down, "rtt_ms")));
	cr_assert(json_is_null(json_object_get(down, "loss")));
	cr_assert_str_eq(json_string_value(json_object_get(down, "timestamps")), "user");
	json_decref(body);
}

Test(dispatch, an_answer_says_how_stale_it_is_and_why)
{
	f.store_is_silent = true;
	send("GET", "/v1/pops", NULL);
	json_t *body = json_loads(text, 0, NULL);
	cr_assert_eq(json_integer_value(json_object_get(body, "stale_ms")), 12000);
	cr_assert_eq(json_array_size(json_object_get(body, "stale")), 2);
	json_decref(body);
}

Test(dispatch, an_unknown_path_is_404)
{
	send("GET", "/v1/nonsense", NULL);
	expect(404, "{\"error\": \"no such path: /v1/nonsense\"}");
}

Test(dispatch, a_name_is_one_part_of_a_path_and_not_empty)
{
	send("DELETE", "/v1/policies/", NULL);
	cr_assert_eq(answer->status, 404);
	ctl_api_answer_unref(answer);
	answer = ctl_api_answer_new();
	send("DELETE", "/v1/policies/a/b", NULL);
	cr_assert_eq(answer->status, 404);
	cr_assert_str_empty(f.asked);
}

Test(dispatch, a_wrong_method_is_405_and_says_which_are_right)
{
	send("GET", "/v1/policies/default", NULL);
	expect(405, "{\"error\": \"/v1/policies/default takes PUT, DELETE, not GET\"}");
	cr_assert_str_eq(answer->allow, "PUT, DELETE");
}

Test(dispatch, an_unknown_parameter_is_400)
{
	send_query("/v1/drops", "al", "1", NULL, NULL);
	expect(400, "{\"error\": \"unknown parameter 'al'; use: all\"}");
}

Test(dispatch, a_body_over_the_limit_is_413_and_nothing_is_applied)
{
	char *body = calloc(1, CTL_YAML_MAX_APPLY + 2);
	memset(body, 'a', CTL_YAML_MAX_APPLY + 1);
	send("POST", "/v1/apply", body);
	cr_assert_eq(answer->status, 413);
	cr_assert_str_empty(f.asked);
	free(body);
}

Test(dispatch, apply_answers_when_the_daemon_is_done)
{
	send("POST", "/v1/apply", "kind: policy\n");
	cr_assert_str_eq(f.text, "kind: policy\n");
	cr_assert_eq(answer->status, 0, "not yet");
	fixture_done(&f, 0, NULL);
	read_answer();
	expect(200, "{\"applied\": [{\"kind\": \"policy\", \"name\": \"default\", \"change\": \"changed\"}]}");
}

Test(dispatch, malformed_yaml_is_400_with_each_line)
{
	send("POST", "/v1/apply", "kind: [\n");
	fixture_done(&f, -EINVAL, "body:1: not YAML");
	read_answer();
	expect(400, "{\"error\": \"body:1: not YAML\", \"errors\": [\"body:1: not YAML\"]}");
}

Test(dispatch, an_answer_that_comes_after_the_client_has_left_is_thrown_away)
{
	send("POST", "/v1/apply", "kind: policy\n");
	ctl_api_answer_ref(answer); /* the test's own */
	ctl_api_answer_abandon(answer);
	fixture_done(&f, 0, NULL);
	read_answer();
	cr_assert_str_empty(text);
}

Test(dispatch, a_deletion_names_its_kind)
{
	static const char *const rows[][2] = {{"/v1/policies/x", "delete policy"},
	    {"/v1/accelerators/x", "delete accelerator"}, {"/v1/pops/x", "delete pop"}};
	for (unsigned i = 0; i < 3; i++) {
		ctl_api_answer_unref(answer);
		answer = ctl_api_answer_new();
		send("DELETE", rows[i][0], NULL);
		cr_assert_str_eq(f.asked, rows[i][1]);
		cr_assert_str_eq(f.name, "x");
		fixture_done(&f, 0, NULL);
		read_answer();
		cr_assert_eq(answer->status, 200);
	}
}

Test(dispatch, a_silent_store_is_503)
{
	send("DELETE", "/v1/policies/default", NULL);
	cr_assert_str_eq(f.name, "default");
	fixture_done(&f, -EAGAIN, "the store is silent");
	read_answer();
	cr_assert_eq(answer->status, 503);
}

Test(dispatch, a_policy_is_put_under_its_name_only)
{
	send("PUT", "/v1/policies/default", "kind: policy\n");
	cr_assert_str_eq(f.kind, "policy");
	cr_assert_str_eq(f.name, "default");
	fixture_done(&f, 0, NULL);
}

Test(dispatch, drain_takes_an_endpoint)
{
	send("POST", "/v1/drain", "{\"kind\": \"endpoint\", \"name\": \"198.51.100.10:8443\", \"drained\": true}");
	cr_assert_str_eq(f.asked, "drain");
	cr_assert_str_eq(f.name, "198.51.100.10:8443");
	cr_assert(f.drained);
	fixture_done(&f, 0, NULL);
}

Test(dispatch, a_drain_that_is_wrong_in_any_way_is_400)
{
	static const char *const wrong[] = {"", "{", "[]", "{\"kind\": \"pop\"}",
	    "{\"kind\": 1, \"name\": \"a\", \"drained\": true}",
	    "{\"kind\": \"link\", \"name\": \"a\", \"drained\": true}",
	    "{\"kind\": \"pop\", \"name\": \"a\", \"drained\": true, \"more\": 1}",
	    "{\"kind\": \"pop\", \"name\": \"a\", \"drained\": \"yes\"}"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ctl_api_answer_unref(answer);
		answer = ctl_api_answer_new();
		send("POST", "/v1/drain", wrong[i]);
		cr_assert_eq(answer->status, 400, "%s", wrong[i]);
		cr_assert_str_empty(f.asked);
	}
}

Test(dispatch, explain_needs_two_pops_that_exist)
{
	send_query("/v1/routes/explain", "from", "sgp1", NULL, NULL);
	cr_assert_eq(answer->status, 400);
	ctl_api_answer_unref(answer);
	answer = ctl_api_answer_new();
	send_query("/v1/routes/explain", "from", "sgp1", "to", "mars1");
	expect(404, "{\"error\": \"no POP 'mars1'\"}");
}

Test(dispatch, explain_shows_each_term_of_a_cost)
{
	send_query("/v1/routes/explain", "from", "sgp1", "to", "fra1");
	json_t *body = json_loads(text, 0, NULL);
	json_t *terms = json_object_get(json_array_get(json_object_get(body, "candidates"), 0), "terms");
	cr_assert_float_eq(json_real_value(json_object_get(terms, "delay_ms")), 80, 1e-9);
	cr_assert_eq(json_object_size(terms), 3);
	json_decref(body);
}

Test(dispatch, history_tells_what_a_route_was_changed_to)
{
	send_query("/v1/routes/history", "from", "sgp1", "to", "fra1");
	json_t *body = json_loads(text, 0, NULL), *past = json_array_get(json_object_get(body, "history"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(past, "at")), "2026-01-02T03:04:06.000Z");
	cr_assert_str_eq(json_string_value(json_object_get(past, "reason")), "better");
	json_t *primary = json_object_get(past, "primary");
	cr_assert_eq(json_array_size(json_object_get(primary, "path")), 3);
	cr_assert_float_eq(json_real_value(json_object_get(primary, "cost_ms")), 85, 1e-9);
	json_decref(body);
	ctl_api_answer_unref(answer);
	answer = ctl_api_answer_new();
	send_query("/v1/routes/history", "from", "fra1", "to", "sgp1");
	expect(400, "{\"error\": \"ask fra1\"}");
}

Test(dispatch, drops_are_summed_over_workers)
{
	send("GET", "/v1/drops", NULL);
	expect(
	    200, "{\"drops\": [{\"reason\": \"no-path\", \"packets\": 7, \"text\": \"no usable path to the POP\"}]}");
}

Test(dispatch, without_a_data_plane_its_questions_are_503)
{
	static const char *const path[] = {"/v1/flows", "/v1/trace", "/v1/drops", "/v1/counters"};
	f.dataplane_is_away = true;
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		ctl_api_answer_unref(answer);
		answer = ctl_api_answer_new();
		send("GET", path[i], NULL);
		cr_assert_eq(answer->status, 503, "%s", path[i]);
	}
}

static const struct wire_ctl_flow flow = {.client = {{.bytes = {[10] = 0xff, 0xff, 192, 0, 2, 7}}},
    .client_port = 5000,
    .protocol = 6,
    .role = WIRE_FLOW_INGRESS,
    .state = 1,
    .ingress_pop = 1,
    .egress_pop = 9};

Test(dispatch, flows_are_one_array_written_as_they_come)
{
	send_query("/v1/flows", "address", "192.0.2.7", "limit", "3");
	cr_assert_eq(f.filter.limit, 3);
	cr_assert_eq(f.filter.address.bytes[12], 192);
	f.query.row(f.query.to, &flow);
	read_answer();
	cr_assert(strstr(text, "192.0.2.7:5000"), "the first row is out before the last has come");
	f.query.row(f.query.to, &flow);
	f.query.end(f.query.to, 0);
	read_answer();
	json_t *body = json_loads(text, 0, NULL);
	cr_assert_eq(json_array_size(json_object_get(body, "flows")), 2, "%s", text);
	cr_assert(json_is_false(json_object_get(body, "more")));
	cr_assert(answer->ended);
	json_decref(body);
}

Test(dispatch, flows_that_a_data_plane_left_unfinished_are_still_json)
{
	send("GET", "/v1/flows", NULL);
	f.query.row(f.query.to, &flow);
	f.query.end(f.query.to, -EPIPE);
	read_answer();
	json_t *body = json_loads(text, 0, NULL);
	cr_assert(json_is_string(json_object_get(body, "error")), "%s", text);
	json_decref(body);
}

Test(dispatch, a_filter_of_flows_names_ends_states_and_pops)
{
	send_query("/v1/flows", "client", "192.0.2.7", "endpoint", "10.0.0.1");
	cr_assert_eq(f.filter.end, WIRE_END_CLIENT);
	cr_assert_eq(f.filter.end2, WIRE_END_ENDPOINT);
	cr_assert_eq(f.filter.address2.bytes[12], 10);
	f.query.end(f.query.to, 0);
	ctl_api_answer_unref(answer);
	answer = ctl_api_answer_new();
	send_query("/v1/flows", "pop", "fra1", "role", "egress");
	cr_assert_eq(f.filter.pop, 3);
	cr_assert_eq(f.filter.role, WIRE_FLOW_EGRESS);
	f.query.end(f.query.to, 0);
	ctl_api_answer_unref(answer);
	answer = ctl_api_answer_new();
	send_query("/v1/flows", "pop", "mars1", NULL, NULL);
	cr_assert_eq(answer->status, 404);
	ctl_api_answer_unref(answer);
	answer = ctl_api_answer_new();
	send_query("/v1/trace", "state", "new", NULL, NULL);
	cr_assert_eq(answer->status, 400, "packets have none");
}

Test(dispatch, a_wrong_filter_is_400)
{
	static const char *const wrong[][2] = {{"address", "192.0.2"}, {"protocol", "sctp"}, {"port", "0"},
	    {"port", "65536"}, {"port", "+1"}, {"limit", ""}, {"limit", "99999999999999999999"}, {"client", "x"},
	    {"state", "open"}, {"role", "relay"}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ctl_api_answer_unref(answer);
		answer = ctl_api_answer_new();
		send_query("/v1/flows", wrong[i][0], wrong[i][1], NULL, NULL);
		cr_assert_eq(answer->status, 400, "%s=%s", wrong[i][0], wrong[i][1]);
	}
}

Test(dispatch, a_client_that_leaves_a_trace_stops_it)
{
	send("GET", "/v1/trace", NULL);
	cr_assert_eq(answer->status, 200);
	ctl_api_answer_ref(answer);
	ctl_api_answer_abandon(answer);
	cr_assert_eq(f.stopped, 42);
}

Test(dispatch, a_trace_is_a_line_of_json_for_each_record)
{
	struct wire_ctl_trace record = {
	    .packet = 0xab, .at_ns = 1767323045678000000u, .journey = WIRE_JOURNEY_INGRESS, .drop = WIRE_DROP_NO_PATH};
	memset(record.text, 'x', sizeof(record.text)); /* not terminated: the other end may err */
	send("GET", "/v1/trace", NULL);
	f.query.row(f.query.to, &record);
	read_answer();
	char *end = strchr(text, '\n');
	cr_assert(end && !end[1]);
	json_t *line = json_loads(text, 0, NULL);
	cr_assert_str_eq(json_string_value(json_object_get(line, "packet")), "00000000000000ab");
	cr_assert_str_eq(json_string_value(json_object_get(line, "drop")), "no-path");
	cr_assert_str_eq(json_string_value(json_object_get(line, "journey")), "ingress");
	json_decref(line);
	f.query.end(f.query.to, 0);
	cr_assert(answer->ended);
}

Test(dispatch, rows_that_a_slow_reader_has_no_room_for_are_counted)
{
	struct wire_ctl_trace record = {.packet = 1};
	memset(record.text, 'x', sizeof(record.text));
	send("GET", "/v1/trace", NULL);
	for (int i = 0; i < 200000; i++)
		f.query.row(f.query.to, &record);
	cr_assert_leq(answer->size, CTL_API_ANSWER_MAX);
	f.query.end(f.query.to, 0);
	static char block[1 << 16];
	size_t n;
	*text = '\0';
	while ((n = ctl_api_answer_take(answer, block, sizeof(block) - 1)) > 0) {
		block[n] = '\0';
		snprintf(text, sizeof(text), "%s", block);
	}
	cr_assert(strstr(text, "\"lost\":"), "%.200s", text + strlen(text) - 200);
}

static void trace_packet(uint64_t packet)
{
	struct wire_ctl_trace record = {.packet = packet, .text = "step"};
	f.query.row(f.query.to, &record);
}

Test(dispatch, a_trace_of_n_packets_ends_when_their_records_have_stopped)
{
	send_query("/v1/trace", "limit", "2", NULL, NULL);
	cr_assert_eq(f.filter.limit, 0, "the data plane counts by record");
	trace_packet(1);
	answer->idle(answer);
	cr_assert(!answer->ended, "one more to come");
	trace_packet(2);
	trace_packet(1); /* they shared a burst */
	trace_packet(3);
	trace_packet(2);
	cr_assert(!answer->ended, "there may be more of the two");
	answer->idle(answer);
	cr_assert(answer->ended);
	cr_assert_eq(f.stopped, 42);
	read_answer();
	unsigned lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	cr_assert_eq(lines, 4, "%s", text);
	cr_assert_null(strstr(text, "0000000000000003"));
}

Test(dispatch, a_second_trace_is_409)
{
	f.trace_is_busy = true;
	send("GET", "/v1/trace", NULL);
	cr_assert_eq(answer->status, 409);
}

Test(dispatch, a_string_that_is_no_utf8_does_not_spoil_the_answer)
{
	ctl_api_answer_error(answer, 404, "no such path: %s", "\xff\"");
	read_answer();
	expect(404, "{\"error\": \"no such path: ?\\\"\"}");
}

Test(dispatch, traffic_is_summed_over_workers_and_has_names)
{
	send("GET", "/v1/traffic", NULL);
	json_t *body = json_loads(text, 0, NULL);
	json_t *rows = json_object_get(body, "traffic"), *known = json_array_get(rows, 0);
	cr_assert_eq(json_array_size(rows), 3, "%s", text);
	cr_assert_str_eq(json_string_value(json_object_get(known, "vip")), "203.0.113.10");
	cr_assert(json_is_string(json_object_get(known, "endpoint")));
	cr_assert_eq(json_integer_value(json_object_get(known, "packets_in")), 20);
	cr_assert_eq(json_integer_value(json_object_get(known, "bytes_out")), 60000);
	cr_assert_eq(json_integer_value(json_object_get(known, "flows")), 4);
	json_t *overflow = json_array_get(rows, 1), *gone = json_array_get(rows, 2);
	cr_assert(json_is_null(json_object_get(overflow, "vip")));
	cr_assert_eq(json_integer_value(json_object_get(overflow, "packets_in")), 1);
	cr_assert(json_is_null(json_object_get(gone, "endpoint")));
	cr_assert_str_eq(json_string_value(json_object_get(gone, "egress")), "fra1");
	json_decref(body);
}

Test(dispatch, the_accuracy_of_stamps_is_told_of_as_many_seconds_as_are_asked_for)
{
	send_query("/v1/accuracy", "seconds", "30", NULL, NULL);
	expect(200,
	    "{\"accuracy\": ["
	    "{\"from\": \"sgp1\", \"to\": \"dxb1\", \"local_link\": 0, \"remote_link\": 1, \"samples\": 30, "
	    "\"rtt_min_ms\": 0.008, \"ebpf\": {\"p50_ms\": 0.002, \"p99_ms\": 0.015, \"max_ms\": 0.031}, "
	    "\"user\": {\"p50_ms\": 0.09, \"p99_ms\": 4.5, \"max_ms\": 9.0}, \"times\": 300.0, \"reached\": true}, "
	    "{\"from\": \"sgp1\", \"to\": \"fra1\", \"local_link\": 0, \"remote_link\": 0, \"samples\": 0, "
	    "\"rtt_min_ms\": null, \"ebpf\": {\"p50_ms\": null, \"p99_ms\": null, \"max_ms\": null}, "
	    "\"user\": {\"p50_ms\": null, \"p99_ms\": null, \"max_ms\": null}, \"times\": null, "
	    "\"reached\": false}]}");
}

Test(dispatch, the_last_mile_is_summed_over_workers)
{
	send("GET", "/v1/last-mile", NULL);
	expect(200, "{\"last_mile\": ["
	            "{\"side\": \"client\", \"prefix\": \"192.0.2.0/24\", \"handshakes\": 4, \"rtt_ms\": 25.0, "
	            "\"rtt_p50_ms\": 22.6, \"rtt_p95_ms\": 45.3, \"age_ms\": 1000}, "
	            "{\"side\": \"endpoint\", \"prefix\": \"2001:db8::9/128\", \"handshakes\": 1, \"rtt_ms\": 0.0, "
	            "\"rtt_p50_ms\": 1.4, \"rtt_p95_ms\": 1.4, \"age_ms\": 5000}]}");
}

Test(dispatch, a_step_of_a_trace_names_what_the_data_plane_numbers)
{
	static const char *const steps[][2] = {
	    {"flow (new): egress POP 3, endpoint 2", "flow (new): egress POP fra1, endpoint 198.51.100.11:8443"},
	    {"path of 2 hops to POP 3 in class 0, first over link 2",
	        "path of 2 hops to POP fra1 in class latency, first over link sgp1 > fra1"},
	    {"endpoint 77 over link 99", "endpoint 77 over link 99"},
	    {"POP 3.5 POPS 3 POP", "POP 3.5 POPS 3 POP"},
	    {"POP 3", "POP fra1"},
	    {"", ""},
	};
	static struct ctl_api_numbers numbers;
	for (int twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			char named[200];
			ctl_api_name_numbers(&numbers, &f.view, steps[i][0], named, sizeof(named));
			cr_assert_str_eq(named, steps[i][1]);
		}
	}
	char small[8];
	ctl_api_name_numbers(&numbers, &f.view, "POP 3, endpoint 2", small, sizeof(small));
	cr_assert_str_eq(small, "POP fra");
}
