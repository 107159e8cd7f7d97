/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/documents.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct cli_documents documents;

static void add(const char *name, const char *text)
{
	cr_assert_eq(cli_documents_add(&documents, name, text, strlen(text)), 0);
}

static void expect_blame(const char *line, const char *wanted)
{
	char *text = cli_documents_blame(&documents, line);
	cr_assert_str_eq(text, wanted);
	free(text);
}

static void cleanup(void)
{
	cli_documents_free(&documents);
}

TestSuite(documents, .fini = cleanup);

Test(documents, of_several_files_are_one_body)
{
	add("a.yaml", "kind: a\nname: x");
	add("b.yaml", "kind: b\n");
	cr_assert_str_eq(documents.text, "kind: a\nname: x\n---\nkind: b\n");
}

Test(documents, a_complaint_names_the_file_and_its_line)
{
	add("a.yaml", "1\n2");
	add("b.yaml", "1\n2\n3\n");
	add("c.yaml", "1");
	expect_blame("body:1: wrong", "a.yaml:1: wrong");
	expect_blame("body:2: wrong", "a.yaml:2: wrong");
	expect_blame("body:4: wrong", "b.yaml:1: wrong");
	expect_blame("body:6:7: wrong", "b.yaml:3:7: wrong");
	expect_blame("body:8: wrong", "c.yaml:1: wrong");
	expect_blame("accelerator game: VIP taken", "accelerator game: VIP taken");
	expect_blame("body: empty", "body: empty");
}

Test(documents, too_many_files_are_refused)
{
	for (unsigned i = 0; i < CLI_MAX_FILES; i++)
		add("a", "x\n");
	cr_assert_eq(cli_documents_add(&documents, "one too many", "x", 1), -ENOSPC);
}

static void expect_policy(const struct cli_args *args, const char *json)
{
	char error[CLI_ERROR_SIZE] = "", *text = NULL;
	cr_assert_eq(cli_policy_document(args, &text, error), 0, "%s", error);
	json_t *got = json_loads(text, 0, NULL), *wanted = json_loads(json, 0, NULL);
	cr_assert(json_equal(got, wanted), "%s", text);
	json_decref(got);
	json_decref(wanted);
	free(text);
}

Test(policy, is_made_of_options)
{
	struct cli_args args = {.value = {[CLI_OPT_NAME] = "p",
	                            [CLI_OPT_FROM] = "sgp1",
	                            [CLI_OPT_TO] = "fra1",
	                            [CLI_OPT_AVOID] = "lax1,,sjc1",
	                            [CLI_OPT_EXPIRES] = "2h"}};
	expect_policy(&args,
	    "{\"kind\": \"policy\", \"name\": \"p\", \"rules\": [{\"match\": {\"from\": \"sgp1\", \"to\": \"fra1\"},"
	    "\"avoid\": {\"pops\": [\"lax1\", \"sjc1\"]}, \"expires\": \"2h\"}]}");
	args = (struct cli_args){.value = {[CLI_OPT_NAME] = "p", [CLI_OPT_PIN] = "syd1,sin1"}};
	expect_policy(&args,
	    "{\"kind\": \"policy\", \"name\": \"p\", \"rules\": [{\"match\": {}, \"pin\": [\"syd1\", \"sin1\"]}]}");
}

Test(policy, has_a_place_for_every_option)
{
	struct cli_args args = {.value = {[CLI_OPT_NAME] = "p",
	                            [CLI_OPT_ACCELERATOR] = "game",
	                            [CLI_OPT_CLASS] = "cost",
	                            [CLI_OPT_AVOID] = "lax1",
	                            [CLI_OPT_AVOID_REGION] = "us",
	                            [CLI_OPT_AVOID_PROVIDER] = "transit,other",
	                            [CLI_OPT_AVOID_LINK] = "sgp1>fra1",
	                            [CLI_OPT_PREFER] = "dxb1",
	                            [CLI_OPT_PREFER_REGION] = "me",
	                            [CLI_OPT_PREFER_PROVIDER] = "peer",
	                            [CLI_OPT_PREFER_LINK] = "dxb1>fra1,fra1>dxb1",
	                            [CLI_OPT_PREFER_BY] = "5ms",
	                            [CLI_OPT_MAX_COST] = "3.5",
	                            [CLI_OPT_MAX_RTT] = "300ms",
	                            [CLI_OPT_FALLBACK] = "direct"}};
	expect_policy(&args,
	    "{\"kind\": \"policy\", \"name\": \"p\", \"rules\": [{"
	    "\"match\": {\"accelerator\": \"game\", \"class\": \"cost\"},"
	    "\"avoid\": {\"pops\": [\"lax1\"], \"regions\": [\"us\"], \"providers\": [\"transit\", \"other\"],"
	    "             \"links\": [\"sgp1>fra1\"]},"
	    "\"prefer\": {\"pops\": [\"dxb1\"], \"regions\": [\"me\"], \"providers\": [\"peer\"],"
	    "             \"links\": [\"dxb1>fra1\", \"fra1>dxb1\"], \"by\": \"5ms\"},"
	    "\"limit\": {\"cost\": \"3.5\", \"rtt\": \"300ms\"}, \"fallback\": \"direct\"}]}");
}

static void expect_refused(enum cli_option_id option, const char *value, enum cli_option_id other, const char *line)
{
	char error[CLI_ERROR_SIZE] = "", *text = NULL;
	struct cli_args args = {.value = {[CLI_OPT_NAME] = "p", [CLI_OPT_FROM] = "a"}};
	args.value[option] = value;
	args.value[other] = "x";
	cr_assert_eq(cli_policy_document(&args, &text, error), -EINVAL);
	cr_assert_str_eq(error, line);
	cr_assert_null(text);
}

Test(policy, that_makes_no_sense_is_refused_in_a_line)
{
	expect_refused(CLI_OPT_PIN, "a,b", CLI_OPT_MAX_RTT, "--pin and --max-rtt are alternatives; give one of them");
	expect_refused(CLI_OPT_PREFER, "c", CLI_OPT_PIN, "--pin and --prefer are alternatives; give one of them");
	expect_refused(CLI_OPT_AVOID_LINK, ",,", CLI_OPT_PREFER, "--avoid-link: ',,' names nothing");
	expect_refused(CLI_OPT_PREFER_BY, "5ms", CLI_OPT_AVOID,
	    "--prefer-by says by how much; what to prefer is missing: --prefer or its like");
	expect_refused(CLI_OPT_FALLBACK, "direct", CLI_OPT_EXPIRES,
	    "what to do is missing: --pin, or any of --avoid, --prefer, --max-cost, --max-rtt and their like");
}

Test(policy, without_a_name_or_with_nothing_or_two_things_to_do_is_refused)
{
	char error[CLI_ERROR_SIZE], *text = NULL;
	struct cli_args nameless = {.value = {[CLI_OPT_PIN] = "a,b"}};
	struct cli_args idle = {.value = {[CLI_OPT_NAME] = "p", [CLI_OPT_FROM] = "a"}};
	struct cli_args both = {.value = {[CLI_OPT_NAME] = "p", [CLI_OPT_PIN] = "a,b", [CLI_OPT_AVOID] = "c"}};
	cr_assert_eq(cli_policy_document(&nameless, &text, error), -EINVAL);
	cr_assert_eq(cli_policy_document(&idle, &text, error), -EINVAL);
	cr_assert_eq(cli_policy_document(&both, &text, error), -EINVAL);
	cr_assert_null(text);
}
