/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/yaml.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct ctl_mistakes mistakes;
static char text[16384];

static struct ctl_yaml *parse(const char *yaml)
{
	struct ctl_yaml *ret = NULL;
	ctl_mistakes_free(&mistakes);
	ctl_yaml_parse("f.yaml", yaml, strlen(yaml), &mistakes, &ret);
	return ret;
}

static void expect_mistakes(const char *expected)
{
	ctl_mistakes_text(&mistakes, text, sizeof(text));
	cr_assert(strcmp(text, expected) == 0, "expected:\n%s\ngot:\n%s", expected, text);
	ctl_mistakes_free(&mistakes);
}

Test(yaml, an_unknown_field_is_named_with_the_nearest_known_one)
{
	static const char *const keys[] = {"interval", "timeout", NULL};
	struct ctl_yaml *yaml = parse("timeout: 1\nintervall: 2\nzebra: 3\n");
	cr_assert(ctl_yaml_only(ctl_yaml_document(yaml, 0), keys));
	expect_mistakes("f.yaml:2: 'intervall': unknown field; did you mean 'interval'?\n"
	                "f.yaml:3: 'zebra': unknown field; known here are: interval, timeout");
	ctl_yaml_free(yaml);
}

Test(yaml, a_field_given_twice_is_a_mistake)
{
	static const char *const keys[] = {"a", NULL};
	struct ctl_yaml *yaml = parse("a: 1\na: 2\n");
	ctl_yaml_only(ctl_yaml_document(yaml, 0), keys);
	expect_mistakes("f.yaml:2: 'a': given twice; remove one");
	ctl_yaml_free(yaml);
}

Test(yaml, a_missing_field_is_reported_once_and_its_getter_gives_the_default)
{
	struct ctl_yaml *yaml = parse("x: {b: 1}\n");
	struct ctl_yaml_value x = ctl_yaml_get(ctl_yaml_document(yaml, 0), "x");
	cr_assert(ctl_yaml_uint(ctl_yaml_need(x, "a"), 1, 9, 7) == 7);
	expect_mistakes("f.yaml:1: x.a: missing; add 'a: …'");
	ctl_yaml_free(yaml);
}

Test(yaml, a_syntax_error_names_its_line)
{
	cr_assert(parse("a: 1\nb: [1, 2\nc: 3\n") == NULL);
	cr_assert(mistakes.found == 1);
	cr_assert(strncmp(mistakes.line[0], "f.yaml:3: not YAML: ", 20) == 0, "%s", mistakes.line[0]);
	ctl_mistakes_free(&mistakes);
}

Test(yaml, documents_are_counted_without_the_empty_ones)
{
	struct ctl_yaml *yaml = parse("---\na: 1\n---\n# nothing\n---\nb: 2\n");
	cr_assert(ctl_yaml_documents(yaml) == 2);
	struct ctl_yaml_value second = ctl_yaml_document(yaml, 1);
	cr_assert(ctl_yaml_uint(ctl_yaml_get(second, "b"), 0, 9, 0) == 2);
	ctl_yaml_free(yaml);
}

Test(yaml, the_path_to_a_nested_value_stands_in_the_line)
{
	struct ctl_yaml *yaml = parse("list:\n  - {port: 1}\n  - {port: 70000}\n");
	struct ctl_yaml_value list = ctl_yaml_get(ctl_yaml_document(yaml, 0), "list");
	cr_assert(ctl_yaml_items(list, 8) == 2);
	ctl_yaml_uint(ctl_yaml_get(ctl_yaml_item(list, 1), "port"), 1, 65535, 0);
	expect_mistakes("f.yaml:3: list[1].port: '70000': must be a whole number from 1 to 65535");
	ctl_yaml_free(yaml);
}

static struct ctl_yaml_value scalar(struct ctl_yaml **ret_yaml, const char *value)
{
	char document[256];
	snprintf(document, sizeof(document), "v: %s\n", value);
	*ret_yaml = parse(document);
	return ctl_yaml_get(ctl_yaml_document(*ret_yaml, 0), "v");
}

Test(yaml, durations_carry_their_unit)
{
	static const struct {
		const char *written;
		int64_t ns; /* -1: refused */
	} rows[] = {{"20ms", 20000000}, {"1.5s", 1500000000}, {"2h", 7200000000000}, {"7d", 604800000000000},
	    {"3us", 3000}, {"5ns", 5}, {"0", 0}, {"20", -1}, {"ms", -1}, {"20 ms", -1}, {"1e3s", -1}, {"0x10s", -1},
	    {"nan", -1}, {"99999999999999d", -1}, {"[1s]", -1}, {"-5ms", -1}};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ctl_yaml *yaml;
		struct ctl_yaml_value v = scalar(&yaml, rows[i].written);
		cr_assert(ctl_yaml_duration(v, 0, INT64_MAX / 2, -1) == rows[i].ns, "%s", rows[i].written);
		cr_assert(mistakes.found == (rows[i].ns == -1), "%s", rows[i].written);
		ctl_yaml_free(yaml);
	}
}

Test(yaml, a_duration_out_of_range_is_told_the_range)
{
	struct ctl_yaml *yaml;
	ctl_yaml_duration(scalar(&yaml, "5m"), 1000000, 60000000000, 0);
	expect_mistakes("f.yaml:1: v: '5m': must be from 1ms to 1m");
	ctl_yaml_free(yaml);
}

Test(yaml, sizes_percentages_and_choices_are_read)
{
	static const char *const names[] = {"tcp", "udp", NULL};
	struct ctl_yaml *yaml = parse("{a: 256MiB, b: 10%, c: udp, d: 4096, e: 0.5%}");
	struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
	cr_assert(ctl_yaml_size(ctl_yaml_get(map, "a"), 0, UINT64_MAX, 0) == 256u << 20);
	cr_assert(ctl_yaml_percent(ctl_yaml_get(map, "b"), 0, 1, 0) == 0.1);
	cr_assert(ctl_yaml_choice(ctl_yaml_get(map, "c"), names, 0) == 1);
	cr_assert(ctl_yaml_size(ctl_yaml_get(map, "d"), 0, UINT64_MAX, 0) == 4096);
	cr_assert(ctl_yaml_percent(ctl_yaml_get(map, "e"), 0, 1, 0) == 0.005);
	expect_mistakes("");
	ctl_yaml_percent(ctl_yaml_get(map, "d"), 0, 1, 0);
	ctl_yaml_choice(ctl_yaml_get(map, "d"), names, 0);
	expect_mistakes("f.yaml:1: d: '4096': must be a percentage from 0% to 100%, with its sign\n"
	                "f.yaml:1: d: '4096': must be one of: tcp, udp");
	ctl_yaml_free(yaml);
}

Test(yaml, rates_have_units_of_bits)
{
	struct ctl_yaml *yaml = parse("{a: 10Gbit, b: 2.5Gbit, c: 100kbit, d: 100, e: 1Mbit, f: 10GiB, g: -1Mbit}");
	struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
	cr_assert(ctl_yaml_bitrate(ctl_yaml_get(map, "a"), 1, UINT64_MAX, 0) == 10000000000u);
	cr_assert(ctl_yaml_bitrate(ctl_yaml_get(map, "b"), 1, UINT64_MAX, 0) == 2500000000u);
	cr_assert(ctl_yaml_bitrate(ctl_yaml_get(map, "c"), 1, UINT64_MAX, 0) == 100000);
	expect_mistakes("");
	cr_assert(ctl_yaml_bitrate(ctl_yaml_get(map, "e"), 2000000, 5000000, 7) == 7);
	expect_mistakes("f.yaml:1: e: '1Mbit': must be from 2000000 to 5000000 bits a second");
	for (const char *wrong = "dfg"; *wrong; wrong++) {
		char key[2] = {*wrong, '\0'};
		cr_assert(ctl_yaml_bitrate(ctl_yaml_get(map, key), 1, UINT64_MAX, 7) == 7);
		cr_assert(mistakes.found == 1 && strstr(mistakes.line[0], "bits a second with their unit"));
		ctl_mistakes_free(&mistakes);
	}
	ctl_yaml_free(yaml);
}

Test(yaml, json_is_read_the_same_way)
{
	struct ctl_yaml *yaml = parse("{\"a\": {\"b\": [1, \"two\\u0041\"]}, \"c\": true}");
	struct ctl_yaml_value map = ctl_yaml_document(yaml, 0);
	struct ctl_yaml_value b = ctl_yaml_get(ctl_yaml_get(map, "a"), "b");
	cr_assert(ctl_yaml_items(b, 8) == 2);
	cr_assert(strcmp(ctl_yaml_text(ctl_yaml_item(b, 1), 16, ""), "twoA") == 0);
	cr_assert(ctl_yaml_bool(ctl_yaml_get(map, "c"), false));
	ctl_yaml_free(yaml);
}

Test(yaml, control_characters_stay_out_of_texts_and_lines)
{
	struct ctl_yaml *yaml = parse("v: \"a\\nb\"\n");
	cr_assert(strcmp(ctl_yaml_text(ctl_yaml_get(ctl_yaml_document(yaml, 0), "v"), 16, "none"), "none") == 0);
	expect_mistakes("f.yaml:1: v: 'a b': must be one line of text without control characters");
	ctl_yaml_free(yaml);
}

#define TOO_MANY                                                                                                       \
	"more than 1048576 values up to the end of this document, with aliases as what they stand for; use fewer "     \
	"aliases, "                                                                                                    \
	"or split it"

Test(yaml, a_value_that_holds_itself_is_refused)
{
	cr_assert_null(parse("&a [*a, *a]\n"));
	expect_mistakes("f.yaml:1: " TOO_MANY);
	cr_assert_null(parse("a: 1\n---\na: &a {b: [1, {c: *a}]}\n"));
	expect_mistakes("f.yaml:2: " TOO_MANY);
}

/* Each level holds the one before it ten times. */
static struct ctl_yaml *parse_levels(unsigned n)
{
	static char levels[4096];
	size_t used = (size_t)sprintf(levels, "l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
	for (unsigned i = 1; i < n; i++)
		used += (size_t)sprintf(levels + used,
		    "l%u: &l%u [*l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u]\n", i, i, i - 1, i - 1,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	return parse(levels);
}

Test(yaml, aliases_count_as_what_they_stand_for, .timeout = 10)
{
	struct ctl_yaml *yaml = parse_levels(5);
	cr_assert_not_null(yaml);
	ctl_yaml_free(yaml);
	cr_assert_null(parse_levels(6)); /* 1,111,111 at its last level */
	expect_mistakes("f.yaml:1: " TOO_MANY);
	cr_assert_null(parse_levels(30));
	expect_mistakes("f.yaml:1: " TOO_MANY);
}

/* Without the limit, libyaml would take minutes. */
Test(yaml, what_is_nested_too_deeply_is_refused_at_once, .timeout = 10)
{
	static char deep[1 << 20];
	struct ctl_yaml *yaml = NULL;
	memset(deep, '[', sizeof(deep));
	cr_assert(ctl_yaml_parse("f.yaml", deep, sizeof(deep), &mistakes, &yaml) == -EINVAL);
	expect_mistakes("f.yaml:1: more than 32 lists and maps within each other; check brackets and dashes");
	for (size_t i = 0; i + 4 <= sizeof(deep); i += 4)
		memcpy(deep + i, "{a: ", 4);
	cr_assert(ctl_yaml_parse("f.yaml", deep, sizeof(deep), &mistakes, &yaml) == -EINVAL);
	ctl_mistakes_free(&mistakes);
}
