/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store/etcd_message.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ctl_etcd_answer answer;

static int parse(const char *text)
{
	return ctl_etcd_parse(text, strlen(text), &answer);
}

Test(etcd_message, requests_have_the_gateways_form)
{
	struct ctl_store_op ops[] = {{"/k/a", "v"}, {"/k/b", NULL, .compare = true, .revision = 7}};
	struct ctl_store_op kept = {"/k/a", NULL, .compare = true, .keep = true, .revision = 7};
	struct {
		char *made;
		const char *expected;
	} rows[] = {
	    {ctl_etcd_range("/k/"), "{\"key\":\"L2sv\",\"range_end\":\"L2sw\"}"},
	    {ctl_etcd_watch("/k/", 12),
	        "{\"create_request\":{\"key\":\"L2sv\",\"range_end\":\"L2sw\",\"start_revision\":\"12\","
	        "\"progress_notify\":true}}"},
	    {ctl_etcd_txn(ops, 2),
	        "{\"compare\":[{\"key\":\"L2svYg==\",\"target\":\"MOD\",\"result\":\"EQUAL\","
	        "\"mod_revision\":\"7\"}],\"success\":[{\"request_put\":{\"key\":\"L2svYQ==\",\"value\":\"dg==\"}},"
	        "{\"request_delete_range\":{\"key\":\"L2svYg==\"}}]}"},
	    {ctl_etcd_txn(&kept, 1), "{\"compare\":[{\"key\":\"L2svYQ==\",\"target\":\"MOD\",\"result\":\"EQUAL\","
	                             "\"mod_revision\":\"7\"}],\"success\":[]}"},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert(strcmp(rows[i].made, rows[i].expected) == 0, "%s", rows[i].made);
		free(rows[i].made);
	}
}

Test(etcd_message, a_list_gives_keys_values_and_revisions)
{
	cr_assert(parse("{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":\"L2svYQ==\",\"mod_revision\":\"7\","
	                "\"value\":\"dg==\"},"
	                "{\"key\":\"L2svYg==\",\"mod_revision\":\"8\"}],\"count\":\"2\"}") == 0);
	cr_assert(answer.revision == 9 && answer.n == 2);
	cr_assert_str_eq(answer.change[0].key, "/k/a");
	cr_assert_str_eq(answer.change[0].value, "v");
	cr_assert(answer.change[0].revision == 7);
	cr_assert_str_eq(answer.change[1].value, "", "an empty value is left out by the gateway");
	ctl_etcd_answer_free(&answer);
}

Test(etcd_message, a_stream_gives_puts_and_deletions)
{
	cr_assert(
	    parse(
	        "{\"result\":{\"header\":{\"revision\":\"4\"},\"events\":[{\"kv\":{\"key\":\"L2svYQ==\",\"mod_"
	        "revision\":\"4\","
	        "\"value\":\"dg==\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2svYg==\",\"mod_revision\":\"4\"}}]}}") ==
	    0);
	cr_assert(answer.n == 2 && answer.change[0].value && !answer.change[1].value && !answer.created);
	ctl_etcd_answer_free(&answer);
	cr_assert(parse("{\"result\":{\"header\":{\"revision\":\"4\"},\"created\":true,\"canceled\":true,\"compact_"
	                "revision\":\"3\"}}") == 0);
	cr_assert(answer.created && answer.canceled && answer.compact_revision == 3 && answer.n == 0);
	ctl_etcd_answer_free(&answer);
}

Test(etcd_message, errors_of_both_forms_are_understood)
{
	cr_assert(parse("{\"error\":\"database space exceeded\",\"code\":8}") == 0);
	cr_assert_str_eq(answer.error, "database space exceeded");
	ctl_etcd_answer_free(&answer);
	cr_assert(parse("{\"error\":{\"grpc_code\":14,\"message\":\"shutting down\"}}") == 0);
	cr_assert_str_eq(answer.error, "shutting down");
	ctl_etcd_answer_free(&answer);
}

Test(etcd_message, what_is_no_answer_is_refused)
{
	static const char *const bad[] = {"", "[]", "{", "{\"kvs\":[{}]}", "{\"kvs\":[{\"key\":\"!\"}]}",
	    "{\"kvs\":[{\"key\":7}]}", "{\"result\":{\"events\":[{\"kv\":{\"key\":\"====\"}}]}}",
	    "{\"kvs\":[{\"key\":\"AGs=\"}]}", "{\"kvs\":[[]]}"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(parse(bad[i]) == -EBADMSG, "%s", bad[i]);
}
