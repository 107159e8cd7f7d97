/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that change something: apply, policy set and unset, delete, drain and undrain. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/yaml.h"
#include "tools/ctl/client.h"
#include "tools/ctl/documents.h"
#include "tools/ctl/run.h"
#include "tools/ctl/value.h"

#define TIMEOUT_SECONDS 30 /* the store has to take it */

/* One line for each object: "policy default changed". */
static void print_applied(const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);
	json_t *row;
	size_t i;
	json_array_foreach(json_object_get(answer, "applied"), i, row)
	{
		const char *kind = NULL, *name = NULL, *change = NULL;
		if (json_unpack(row, "{s:s, s:s, s:s}", "kind", &kind, "name", &name, "change", &change) == 0)
			printf("%s %s %s\n", kind, name, change);
	}
	json_decref(answer);
}

static enum cli_exit ask_and_report(const struct cli_args *args, const struct cli_request *request)
{
	struct cli_reply reply;
	enum cli_exit result = cli_ask(args, request, &reply);
	if (result != CLI_OK)
		return result;
	if (cli_has(args, CLI_OPT_JSON))
		puts(reply.text);
	else
		print_applied(reply.text);
	free(reply.text);
	return CLI_OK;
}

/* ---- files ---- */

/* The whole file, or more of it than can be applied: a device or a pipe may have no end. */
static char *read_file(FILE *file, size_t *ret_size)
{
	char *text = NULL, block[65536];
	size_t size = 0, total = 0, n;
	FILE *out = open_memstream(&text, &size);
	for (; out && total <= CTL_YAML_MAX_APPLY && (n = fread(block, 1, sizeof(block), file)) > 0; total += n)
		fwrite(block, 1, n, out);
	if (out)
		fclose(out);
	if (ferror(file)) {
		free(text);
		return NULL;
	}
	*ret_size = size;
	return text;
}

static enum cli_exit add_file(struct cli_documents *documents, const char *name)
{
	bool standard_input = strcmp(name, "-") == 0;
	size_t size = 0;
	FILE *file = standard_input ? stdin : fopen(name, "r");
	char *text = file ? read_file(file, &size) : NULL;
	const char *shown = standard_input ? "stdin" : name;
	int err = text ? cli_documents_add(documents, shown, text, size) : -errno;
	if (file && !standard_input)
		fclose(file);
	free(text);
	const char *why = err                                    ? strerror(-err)
	                  : size == 0                            ? "is empty; see kuafu.yaml(5)"
	                  : documents->size > CTL_YAML_MAX_APPLY ? "makes more than 1 MiB; apply it in parts"
	                                                         : NULL;
	if (!why)
		return CLI_OK;
	fprintf(stderr, "kuafuctl: %s: %s\n", shown, why);
	return CLI_USAGE;
}

static enum cli_exit apply(const struct cli_args *args, const char *path, const char *const *file, unsigned n)
{
	struct cli_documents documents = {0};
	enum cli_exit result = CLI_OK;
	for (unsigned i = 0; i < n && result == CLI_OK; i++)
		result = add_file(&documents, file[i]);
	if (result == CLI_OK)
		result = ask_and_report(args, &(struct cli_request){.method = "POST",
		                                  .path = path,
		                                  .body = documents.text,
		                                  .size = documents.size,
		                                  .type = "application/yaml",
		                                  .timeout_seconds = TIMEOUT_SECONDS,
		                                  .documents = &documents});
	cli_documents_free(&documents);
	return result;
}

enum cli_exit cli_run_apply(const struct cli_args *args)
{
	if (args->n_file == 0) {
		fprintf(stderr, "kuafuctl: what to apply is missing; use: kuafuctl apply -f FILE\n");
		return CLI_USAGE;
	}
	return apply(args, "/v1/apply", args->file, args->n_file);
}

/* ---- policies ---- */

/* Names are safe in a path: that is checked first. */
static void policy_path(const char *name, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "/v1/policies/%s", name);
}

static bool has_rule_option(const struct cli_args *args)
{
	for (unsigned i = CLI_OPT_NAME; i <= CLI_OPT_EXPIRES; i++) {
		if (cli_has(args, (enum cli_option_id)i))
			return true;
	}
	return cli_has(args, CLI_OPT_CLASS);
}

enum cli_exit cli_run_policy_set(const struct cli_args *args)
{
	char path[300], error[CLI_ERROR_SIZE] = "out of memory", *text = NULL;
	if (args->n_word == 1 && has_rule_option(args)) {
		fprintf(stderr, "kuafuctl: a FILE and options for a rule are alternatives; give one of them\n");
		return CLI_USAGE;
	}
	if (args->n_word == 1)
		return apply(args, "/v1/apply?kind=policy", args->word, 1);
	if (cli_policy_document(args, &text, error) != 0) {
		fprintf(stderr, "kuafuctl: %s\n", error);
		return CLI_USAGE;
	}
	if (!cli_name_is_good("policy", args->value[CLI_OPT_NAME])) {
		free(text);
		return CLI_USAGE;
	}
	policy_path(args->value[CLI_OPT_NAME], path, sizeof(path));
	enum cli_exit result = ask_and_report(args, &(struct cli_request){.method = "PUT",
	                                                .path = path,
	                                                .body = text,
	                                                .size = strlen(text),
	                                                .type = "application/yaml",
	                                                .timeout_seconds = TIMEOUT_SECONDS});
	free(text);
	return result;
}

static enum cli_exit delete_at(const struct cli_args *args, const char *path)
{
	return ask_and_report(
	    args, &(struct cli_request){.method = "DELETE", .path = path, .timeout_seconds = TIMEOUT_SECONDS});
}

enum cli_exit cli_run_policy_unset(const struct cli_args *args)
{
	char path[300];
	if (!cli_name_is_good("policy", args->word[0]))
		return CLI_USAGE;
	policy_path(args->word[0], path, sizeof(path));
	return delete_at(args, path);
}

enum cli_exit cli_run_delete(const struct cli_args *args)
{
	char path[300];
	const char *kind = strchr(args->command->words, ' ') + 1;
	if (!cli_name_is_good(kind, args->word[0]))
		return CLI_USAGE;
	snprintf(path, sizeof(path), "/v1/%ss/%s", kind, args->word[0]);
	return delete_at(args, path);
}

/* ---- drain ---- */

static enum cli_exit set_drained(const struct cli_args *args, bool drained)
{
	const char *kind = strchr(args->command->words, ' ') + 1;
	json_t *body = json_pack("{s:s, s:s, s:b}", "kind", kind, "name", args->word[0], "drained", drained);
	char *text = body ? json_dumps(body, 0) : NULL;
	json_decref(body);
	if (!text) {
		fprintf(stderr, "kuafuctl: the name is no UTF-8 text\n");
		return CLI_USAGE;
	}
	enum cli_exit result = ask_and_report(args, &(struct cli_request){.method = "POST",
	                                                .path = "/v1/drain",
	                                                .body = text,
	                                                .size = strlen(text),
	                                                .type = "application/json",
	                                                .timeout_seconds = TIMEOUT_SECONDS});
	free(text);
	return result;
}

enum cli_exit cli_run_drain(const struct cli_args *args)
{
	return set_drained(args, true);
}

enum cli_exit cli_run_undrain(const struct cli_args *args)
{
	return set_drained(args, false);
}
