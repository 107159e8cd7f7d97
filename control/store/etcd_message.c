/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store/etcd_message.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- base64 ---- */

static json_t *base64_json(const char *text)
{
	size_t size = strlen(text);
	unsigned char *out = malloc(4 * (size / 3 + 1) + 1);
	if (!out)
		return NULL;
	EVP_EncodeBlock(out, (const unsigned char *)text, (int)size);
	json_t *json = json_string((const char *)out);
	free(out);
	return json;
}

/* From malloc, with a zero behind; NULL if it is no base64. */
static char *base64_decode(const char *text, size_t size, size_t *ret_size)
{
	if (size % 4 || size > INT32_MAX)
		return NULL;
	unsigned char *out = malloc(size / 4 * 3 + 1);
	int n = out ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)size) : -1;
	if (n < 0) {
		free(out);
		return NULL;
	}
	for (size_t i = size; i > 0 && i > size - 2 && text[i - 1] == '='; i--)
		n--;
	out[n] = '\0';
	*ret_size = (size_t)n;
	return (char *)out;
}

/* ---- requests ---- */

static char *dump(json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* The first key behind all with this prefix. */
static json_t *range_end_json(const char *prefix)
{
	char *end = strdup(prefix);
	if (!end)
		return NULL;
	size_t n = strlen(end);
	if (n)
		end[n - 1]++; /* our prefixes are ASCII */
	json_t *json = base64_json(end);
	free(end);
	return json;
}

char *ctl_etcd_range(const char *prefix)
{
	return dump(json_pack("{so so}", "key", base64_json(prefix), "range_end", range_end_json(prefix)));
}

char *ctl_etcd_count(void)
{
	return dump(json_pack("{so sb}", "key", base64_json("/kuafu"), "count_only", 1));
}

char *ctl_etcd_watch(const char *prefix, uint64_t from_revision)
{
	return dump(json_pack("{s{so so so sb}}", "create_request", "key", base64_json(prefix), "range_end",
	    range_end_json(prefix), "start_revision", json_sprintf("%llu", (unsigned long long)from_revision),
	    "progress_notify", 1));
}

static json_t *op_json(const struct ctl_store_op *op)
{
	if (op->value)
		return json_pack(
		    "{s{so so}}", "request_put", "key", base64_json(op->key), "value", base64_json(op->value));
	return json_pack("{s{so}}", "request_delete_range", "key", base64_json(op->key));
}

static json_t *compare_json(const struct ctl_store_op *op)
{
	return json_pack("{so ss ss so}", "key", base64_json(op->key), "target", "MOD", "result", "EQUAL",
	    "mod_revision", json_sprintf("%llu", (unsigned long long)op->revision));
}

char *ctl_etcd_txn(const struct ctl_store_op *ops, size_t n)
{
	json_t *success = json_array(), *compare = json_array();
	for (size_t i = 0; i < n; i++) {
		if (!ops[i].keep)
			json_array_append_new(success, op_json(&ops[i]));
		if (ops[i].compare)
			json_array_append_new(compare, compare_json(&ops[i]));
	}
	return dump(json_pack("{so so}", "compare", compare, "success", success));
}

/* ---- answers ---- */

/* "12" or 12; 0 if absent or no number. */
static uint64_t number_of(const json_t *parent, const char *key)
{
	const json_t *json = json_object_get(parent, key);
	if (json_is_string(json))
		return strtoull(json_string_value(json), NULL, 10);
	return json_is_integer(json) && json_integer_value(json) > 0 ? (uint64_t)json_integer_value(json) : 0;
}

static char *bytes_of(const json_t *kv, const char *key, size_t *ret_size)
{
	const json_t *json = json_object_get(kv, key);
	return json ? base64_decode(
	                  json_string_value(json) ? json_string_value(json) : "=", json_string_length(json), ret_size)
	            : base64_decode("", 0, ret_size); /* an empty value is left out */
}

static int take_change(const json_t *kv, bool deleted, struct ctl_etcd_answer *answer)
{
	struct ctl_etcd_change *change = &answer->change[answer->n];
	size_t key_size = 0;
	*change =
	    (struct ctl_etcd_change){.key = bytes_of(kv, "key", &key_size), .revision = number_of(kv, "mod_revision")};
	if (!deleted)
		change->value = bytes_of(kv, "value", &change->length);
	answer->n++;
	bool good = change->key && strlen(change->key) == key_size && key_size && (deleted || change->value);
	return good ? 0 : -EBADMSG;
}

static int take_changes(const json_t *list, bool events, struct ctl_etcd_answer *answer)
{
	size_t n = json_array_size(list);
	answer->change = calloc(n ? n : 1, sizeof(*answer->change));
	int error = answer->change ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && !error; i++) {
		const json_t *item = json_array_get(list, i);
		const char *type = json_string_value(json_object_get(item, "type"));
		error = take_change(
		    events ? json_object_get(item, "kv") : item, type && strcmp(type, "DELETE") == 0, answer);
	}
	return error;
}

/* A unary call's error is a text, a stream's an object. */
static void take_error(const json_t *error, struct ctl_etcd_answer *answer)
{
	const char *text = json_string_value(json_is_object(error) ? json_object_get(error, "message") : error);
	snprintf(answer->error, sizeof(answer->error), "%s", text ? text : "unknown error");
}

int ctl_etcd_parse(const char *text, size_t size, struct ctl_etcd_answer *ret_answer)
{
	json_t *root = json_loadb(text, size, 0, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return -EBADMSG;
	}
	const json_t *stream = json_object_get(root, "result"), *error = json_object_get(root, "error");
	const json_t *body = stream ? stream : root;
	struct ctl_etcd_answer answer = {
	    .revision = number_of(json_object_get(body, "header"), "revision"),
	    .succeeded = json_is_true(json_object_get(body, "succeeded")),
	    .created = json_is_true(json_object_get(body, "created")),
	    .canceled = json_is_true(json_object_get(body, "canceled")),
	    .compact_revision = number_of(body, "compact_revision"),
	};
	if (error)
		take_error(error, &answer);
	int result = take_changes(json_object_get(body, stream ? "events" : "kvs"), stream, &answer);
	json_decref(root);
	if (result)
		ctl_etcd_answer_free(&answer);
	else
		*ret_answer = answer;
	return result;
}

void ctl_etcd_answer_free(struct ctl_etcd_answer *answer)
{
	for (unsigned i = 0; i < answer->n; i++) {
		free(answer->change[i].key);
		free(answer->change[i].value);
	}
	free(answer->change);
	*answer = (struct ctl_etcd_answer){0};
}
