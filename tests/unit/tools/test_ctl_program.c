/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafuctl itself against the API's server over the fixture cluster: what a script sees. KUAFUCTL is its path. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/api/server.h"
#include "tests/unit/control/api/fixture.h"

static char path[64];
static pid_t server_pid;
static char output[1 << 16]; /* of the last run: standard output, then standard error */

static struct fixture f;

/* The daemon's part: completes what it was asked, refuses a text with "wrong" in it, and streams rows. */
static void on_timer(uv_timer_t *timer)
{
	(void)timer;
	if (f.done) {
		bool wrong = strstr(f.text, "wrong") != NULL;
		ctl_api_done *done = f.done;
		f.done = NULL;
		if (wrong) {
			const char *line[] = {"body:1: kind: 'wrong' is no kind", "body:3: too"};
			done(f.done_to, &(struct ctl_api_result){-EINVAL, line, 2, NULL, 0});
		} else {
			struct ctl_api_applied applied = {
			    *f.kind ? f.kind : "policy", *f.name ? f.name : "default", "changed"};
			done(f.done_to, &(struct ctl_api_result){0, NULL, 0, &applied, 1});
		}
	}
	if (f.query.row &&
	    f.filter.snap) { /* a capture: three packets, before the first and the last some are missing */
		static const struct {
			struct wire_ctl_captured head;
			uint8_t bytes[40];
		} packet = {{.at_ns = 1767323045678000000u, .length = 60, .captured = 40, .missed = 7}, {1}},
		  whole = {{.at_ns = 1767323045678000001u, .length = 40, .captured = 40}, {2}};
		struct ctl_api_query query = f.query;
		f.query.row = NULL;
		query.row(query.to, &packet);
		query.row(query.to, &whole);
		query.row(query.to, &packet);
	}
	if (f.query.row) {
		struct wire_ctl_trace record = {
		    .packet = 0xab, .at_ns = 1767323045678000000u, .worker = 1, .text = "a step"};
		struct ctl_api_query query = f.query;
		f.query.row = NULL;
		if (f.filter.limit == 0)
			query.row(query.to, &record);
		else /* flows: none */
			query.end(query.to, 0);
	}
}

static void serve(void)
{
	uv_loop_t loop;
	uv_timer_t timer;
	struct ctl_api_server *server;
	fixture_init(&f);
	f.store_is_silent = getenv("SILENT_STORE") != NULL;
	uv_loop_init(&loop);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_timer, 5, 5);
	if (ctl_api_server_start(&loop, path, &f.view, &server) == 0)
		uv_run(&loop, UV_RUN_DEFAULT);
	_exit(1);
}

static void start(void)
{
	snprintf(path, sizeof(path), "/tmp/kuafu-ctl-test-%d.sock", (int)getpid());
	server_pid = fork();
	if (server_pid == 0)
		serve();
	for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
		usleep(10000);
	setenv("KUAFU_SOCKET", path, 1);
	setenv("TERM", "xterm", 1);
}

static void stop(void)
{
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
	unlink(path);
}

TestSuite(program, .init = start, .fini = stop, .timeout = 30);

/* Returns the exit status. */
static int run(const char *arguments)
{
	char command[1024];
	snprintf(command, sizeof(command), "%s %s 2>&1", KUAFUCTL, arguments);
	FILE *pipe = popen(command, "r");
	size_t n = fread(output, 1, sizeof(output) - 1, pipe);
	output[n] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

Test(program, shows_every_noun_without_colour_in_a_pipe)
{
	static const char *const nouns[] = {"status", "pops", "links", "routes", "accelerators", "listeners",
	    "endpoints", "flows", "drops", "policies", "traffic", "last-mile", "counters"};
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
		char arguments[64];
		snprintf(arguments, sizeof(arguments), "show %s", nouns[i]);
		cr_assert_eq(run(arguments), 0, "%s: %s", nouns[i], output);
		cr_assert_null(strchr(output, '\33'), "%s", output);
		cr_assert(strlen(output) > 5, "%s: %s", nouns[i], output);
	}
}

Test(program, shows_errors_of_stamps_in_microseconds_after_the_time_that_is_asked_for)
{
	cr_assert_eq(run("probe accuracy --seconds 1 --busy 1"), 0, "%s", output);
	cr_assert(
	    strstr(output, "15.0") && strstr(output, "4500.0") && strstr(output, "300 x") && strstr(output, "yes"),
	    "%s", output);
	cr_assert_eq(run("probe accuracy --seconds 501"), 2);
}

Test(program, prints_the_apis_json_unchanged)
{
	cr_assert_eq(run("show routes --json"), 0);
	json_t *answer = json_loads(output, 0, NULL);
	json_t *route = json_array_get(json_object_get(answer, "routes"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(route, "active")), "backup", "%s", output);
	json_decref(answer);
}

Test(program, explains_a_route)
{
	cr_assert_eq(run("route explain sgp1 fra1 --class loss"), 0, "%s", output);
	cr_assert(strstr(output, "sgp1 > fra1, class loss"), "%s", output);
	cr_assert(strstr(output, "sgp1 > dxb1 > fra1"), "%s", output);
	cr_assert_eq(run("route explain sgp1 mars1"), 1);
	cr_assert_str_eq(output, "kuafuctl: no POP 'mars1'\n");
}

Test(program, applies_standard_input)
{
	cr_assert_eq(run("apply -f - < /dev/null"), 2, "an empty body is refused: %s", output);
	cr_assert_eq(run("apply -f - < /proc/version"), 0, "%s", output);
}

Test(program, names_the_file_and_line_of_a_mistake)
{
	char arguments[256];
	snprintf(arguments, sizeof(arguments), "apply -f %s.1 -f %s.2", path, path);
	char name[80];
	for (int i = 1; i <= 2; i++) {
		snprintf(name, sizeof(name), "%s.%d", path, i);
		FILE *file = fopen(name, "w");
		fputs("kind: wrong\n", file);
		fclose(file);
	}
	int status = run(arguments);
	for (int i = 1; i <= 2; i++) {
		snprintf(name, sizeof(name), "%s.%d", path, i);
		unlink(name);
	}
	char wanted[256];
	snprintf(
	    wanted, sizeof(wanted), "kuafuctl: %s.1:1: kind: 'wrong' is no kind\nkuafuctl: %s.2:1: too\n", path, path);
	cr_assert_eq(status, 1);
	cr_assert_str_eq(output, wanted);
}

Test(program, changes_policies_and_drains)
{
	cr_assert_eq(run("policy set --name p --from sgp1 --to fra1 --avoid lax1"), 0, "%s", output);
	cr_assert_str_eq(output, "policy p changed\n");
	cr_assert_eq(run("policy unset p"), 0, "%s", output);
	cr_assert_eq(run("drain endpoint 198.51.100.10:8443"), 0, "%s", output);
	cr_assert_str_eq(output, "endpoint 198.51.100.10:8443 changed\n");
	cr_assert_eq(run("undrain pop dxb1"), 0, "%s", output);
}

Test(program, says_what_is_wrong_with_options_without_a_line_of_a_file)
{
	cr_assert_eq(run("policy set --name p --pin wrong,b"), 1, "%s", output);
	cr_assert_str_eq(output, "kuafuctl: kind: 'wrong' is no kind\nkuafuctl: too\n");
}

Test(program, traces_until_the_count_or_the_timeout)
{
	cr_assert_eq(run("trace 192.0.2.7 tcp --count 1"), 0, "%s", output);
	cr_assert_str_eq(output, "2026-01-02T03:04:05.678Z packet 00000000000000ab, worker 1\n  ingress  a step\n");
	cr_assert_eq(run("trace --timeout 1 --json"), 0, "%s", output);
	json_t *record = json_loads(output, 0, NULL);
	cr_assert_str_eq(json_string_value(json_object_get(record, "text")), "a step", "%s", output);
	json_decref(record);
}

Test(program, captures_whole_blocks_into_a_file_and_counts)
{
	char command[256], name[80];
	uint32_t word[8] = {0};
	snprintf(name, sizeof(name), "%s.pcapng", path);
	snprintf(command, sizeof(command), "capture --count 3 --snap 100 -w %s", name);
	cr_assert_eq(run(command), 0, "%s", output);
	cr_assert_str_eq(output, "3 packets captured, 14 missed\n");
	FILE *file = fopen(name, "rb");
	cr_assert_eq(fread(word, sizeof(word[0]), 8, file), 8);
	cr_assert_eq(word[0], 0x0a0d0d0a);
	cr_assert_eq(word[2], 0x1a2b3c4d);
	fclose(file);
	unlink(name);
	cr_assert_eq(run("capture 192.0.2.7 tcp -w - --count 1 2>/dev/null | od -An -tx4 -N4"), 0, "%s", output);
	cr_assert_str_eq(output, " 0a0d0d0a\n");
	cr_assert_eq(run("capture"), 2, "%s", output);
	cr_assert_eq(run("capture -w /nonexistent/x.pcapng"), 2, "%s", output);
	cr_assert_eq(run("capture -w /dev/null --snap 2025"), 2, "%s", output);
}

static void expect_content(const char *name, const char *content)
{
	char text[64] = "";
	FILE *file = fopen(name, "r");
	cr_assert(file, "%s is gone", name);
	cr_assert(fgets(text, sizeof(text), file) || !*content);
	fclose(file);
	cr_assert_str_eq(text, content);
}

Test(program, a_capture_that_is_refused_leaves_the_file_as_it_was)
{
	char name[80], command[256];
	snprintf(name, sizeof(name), "%s.pcapng", path);
	snprintf(command, sizeof(command), "capture 999.0.0.1 -w %s", name);
	cr_assert_neq(run(command), 0);
	cr_assert(access(name, F_OK) != 0, "nor is one made");
	snprintf(command, sizeof(command), "capture -w %s --socket /nonexistent/api.sock", name);
	cr_assert_eq(run(command), 3);
	cr_assert(access(name, F_OK) != 0);
	FILE *file = fopen(name, "w");
	fputs("precious", file);
	fclose(file);
	cr_assert_eq(run(command), 3);
	expect_content(name, "precious");
	unlink(name);
}

Test(program, files_and_output_that_are_no_good_are_named)
{
	cr_assert_eq(run("apply -f /dev/null"), 2);
	cr_assert_str_eq(output, "kuafuctl: /dev/null: is empty; see kuafu.yaml(5)\n");
	cr_assert_eq(run("apply -f - </dev/null"), 2);
	cr_assert_str_eq(output, "kuafuctl: stdin: is empty; see kuafu.yaml(5)\n");
	static const char *const endless[] = {"apply -f /dev/zero", "apply -f - < /dev/zero", "policy set /dev/zero"};
	for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
		cr_assert_eq(run(endless[i]), 2, "%s: %s", endless[i], output);
		cr_assert(strstr(output, ": makes more than 1 MiB; apply it in parts\n"), "%s", output);
		cr_assert_eq(strchr(output, '\n')[1], '\0', "one line: %s", output);
	}
	cr_assert_eq(run("show routes >/dev/full"), 2);
	char command[256];
	snprintf(command, sizeof(command), "show routes --socket /%0150d", 0);
	cr_assert_eq(run(command), 2);
	cr_assert(strstr(output, "longer than"), "%s", output);
}

Test(program, wrong_usage_is_2)
{
	static const char *const wrong[] = {"", "show", "show nonsense", "apply", "apply -f /nonexistent/a.yaml",
	    "policy set", "policy set a.yaml --pin a,b", "trace --count x", "trace nonsense", "show routes --nonsense",
	    "trace --count 0", "trace --timeout 0", "show flows --limit 0", "show flows --limit 50001",
	    "show flows --limit -1", "policy unset a/b", "policy unset ..", "policy unset .", "policy unset ''",
	    "policy set --name a/b --avoid lax1", "delete pop ../policies/default", "delete accelerator a%2Fb",
	    "route explain 'a&class=b' fra1", "route explain sgp1 fra1 --class ''",
	    "policy set --name p --avoid lax1 --from ''", "policy set --name p --avoid ,",
	    "policy set --name p --max-rtt", "policy set --name p --prefer-by 5ms --avoid a",
	    "policy set --name p --pin a,b --prefer c"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_eq(run(wrong[i]), 2, "%s: %s", wrong[i], output);
		cr_assert(strncmp(output, "kuafuctl: ", 10) == 0, "%s: %s", wrong[i], output);
	}
}

Test(program, no_daemon_is_3_and_says_what_to_do)
{
	cr_assert_eq(run("show routes --socket /nonexistent/api.sock"), 3);
	cr_assert(strstr(output, "is kuafud running"), "%s", output);
}

/* A daemon that dies once it has been asked, at the socket *ret_address. */
static pid_t start_mortal(struct sockaddr_un *ret_address)
{
	char request[4096];
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s.mortal", path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = accept(listener, NULL, NULL);
		_exit(read(fd, request, sizeof(request)) > 0 ? 0 : 1);
	}
	close(listener);
	return pid;
}

Test(program, a_daemon_that_dies_once_it_was_asked_is_3_and_leaves_a_change_open)
{
	static const struct {
		const char *arguments;
		bool open;
	} rows[] = {{"drain pop dxb1", true}, {"policy unset p", true}, {"apply -f /proc/version", true},
	    {"show routes", false}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_un address;
		char arguments[192];
		int status = -1;
		pid_t pid = start_mortal(&address);
		snprintf(arguments, sizeof(arguments), "%s --socket %s", rows[i].arguments, address.sun_path);
		cr_assert_eq(run(arguments), 3, "%s: %s", rows[i].arguments, output);
		waitpid(pid, &status, 0);
		unlink(address.sun_path);
		cr_assert_eq(status, 0);
		cr_assert(strstr(output, "no answer from"), "%s", output);
		cr_assert_eq(strstr(output, "may or may not have been made") != NULL, rows[i].open, "%s", output);
	}
}

Test(program, help_and_version_need_no_daemon)
{
	unsetenv("KUAFU_SOCKET");
	cr_assert_eq(run("--help"), 0);
	cr_assert(strstr(output, "route explain FROM TO"), "%s", output);
	cr_assert_eq(run("route explain --help"), 0);
	cr_assert(strstr(output, "--class C"), "%s", output);
	static const char *const of_show[] = {"show --help", "help show", "-h show"};
	for (size_t i = 0; i < sizeof(of_show) / sizeof(of_show[0]); i++) {
		cr_assert_eq(run(of_show[i]), 0, "%s: %s", of_show[i], output);
		cr_assert(strstr(output, "\n  show routes ") && strstr(output, "\n  show flows "), "%s", output);
		cr_assert_null(strstr(output, "\n  apply"), "%s", output);
	}
	cr_assert_eq(run("help drain pop"), 0);
	cr_assert(strstr(output, "usage: kuafuctl drain pop NAME"), "%s", output);
	cr_assert_eq(run("help"), 0);
	cr_assert(strstr(output, "route explain FROM TO"), "%s", output);
	cr_assert_eq(run("help nonsense"), 2);
	cr_assert_eq(run("--version"), 0);
	cr_assert(strncmp(output, "kuafuctl 0.", 11) == 0, "%s", output);
}
