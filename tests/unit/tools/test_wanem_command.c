/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/tools/wanem_frames.h"
#include "tools/wanem/command.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static struct wanem_emulator e;
static char reply[WANEM_MAX_ANSWER];

static const char *command(const char *text)
{
	char request[WANEM_MAX_REQUEST];
	snprintf(request, sizeof(request), "%s", text);
	char *answer = wanem_command(&e, request);
	cr_assert_not_null(answer);
	snprintf(reply, sizeof(reply), "%s", answer);
	free(answer);
	return reply;
}

static void start(void)
{
	two_ports(&e.router);
	cr_assert(wanem_emulator_init(&e, 4, 1536, 1) == 0);
}

Test(command, set_changes_only_what_it_names_in_only_its_direction)
{
	start();
	cr_assert_str_eq(command("set a b delay=40ms loss=1%"), "ok");
	cr_assert_str_eq(command("set a b dark=on"), "ok");
	const struct wanem_impairment *there = &e.line[0][1].set, *back = &e.line[1][0].set;
	cr_assert(there->delay_ns == 40000000 && there->loss == 0.01 && there->dark);
	cr_assert(back->delay_ns == 0 && !back->dark);
	cr_assert_str_eq(command("set --both b a dark=off delay=7ms"), "ok");
	cr_assert(there->delay_ns == 7000000 && there->loss == 0.01 && !there->dark);
	cr_assert(back->delay_ns == 7000000 && back->loss == 0 && !back->dark);
	wanem_emulator_free(&e);
}

Test(command, a_mistake_is_named_and_changes_nothing)
{
	static const char *const wrong[] = {"", "fly", "set", "set a", "set a b", "set a c delay=1ms", "set a b delay",
	    "set a b delay=1ms loss=2", "set a b dely=1ms", "set a b {x=1}", "set a b delay=1ms,loss:", "set a b =1"};
	start();
	cr_assert_str_eq(command("set a b delay=3ms"), "ok");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert(strncmp(command(wrong[i]), "error: ", 7) == 0, "'%s' gave '%s'", wrong[i], reply);
		cr_assert(e.line[0][1].set.delay_ns == 3000000, "'%s'", wrong[i]);
	}
	wanem_emulator_free(&e);
}

Test(command, show_tells_settings_counters_and_lateness)
{
	uint8_t frame[256], port;
	struct wanem_answer answer;
	struct wire_addr ask, any = IP(0, 0, 0, 0);
	start();
	command("set a b delay=2ms");
	wanem_emulator_receive(&e, PORT_B, frame, arp_frame(frame, 2, host_b, IP(10, 2, 0, 2), any), 1, &answer);
	uint32_t n = ipv4_frame(frame, IP(10, 1, 0, 2), IP(10, 2, 0, 2), 100, 0);
	wanem_emulator_receive(&e, PORT_A, frame, n, 1000, &answer);
	wanem_emulator_done(&e, wanem_emulator_take(&e, 2001000, &port, &ask), 2011000);
	json_t *root = json_loads(command("show"), 0, NULL), *lines = json_object_get(root, "lines");
	cr_assert(json_array_size(lines) == 1);
	json_t *line = json_array_get(lines, 0);
	cr_assert_str_eq(json_string_value(json_object_get(line, "from")), "a");
	cr_assert(json_number_value(json_object_get(line, "delay_ms")) == 2.0);
	cr_assert(json_integer_value(json_object_get(json_object_get(line, "packets"), "sent")) == 1);
	cr_assert(json_number_value(json_object_get(json_object_get(line, "late_us"), "max")) == 10.0);
	json_t *addresses = json_object_get(json_array_get(json_object_get(root, "interfaces"), 0), "addresses");
	cr_assert_str_eq(json_string_value(json_array_get(addresses, 0)), "10.1.0.1/24");
	cr_assert_str_eq(json_string_value(json_array_get(addresses, 1)), "2001:db8:1::1/64");
	json_decref(root);
	cr_assert_str_eq(command("reset"), "ok");
	cr_assert(e.line[0][1].count[WANEM_SENT] == 0 && e.line[0][1].set.delay_ns == 2000000);
	wanem_emulator_free(&e);
}
