/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/documents.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int append(struct cli_documents *d, const char *text, size_t size)
{
	char *grown = realloc(d->text, d->size + size + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + d->size, text, size);
	for (size_t i = 0; i < size; i++)
		d->lines += text[i] == '\n';
	d->text = grown;
	d->size += size;
	grown[d->size] = '\0';
	return 0;
}

int cli_documents_add(struct cli_documents *documents, const char *name, const char *text, size_t size)
{
	if (documents->n_part == CLI_MAX_FILES)
		return -ENOSPC;
	int err = documents->n_part > 0 ? append(documents, "---\n", 4) : 0;
	unsigned first = documents->lines;
	if (!err)
		err = append(documents, text, size);
	if (!err && size > 0 && text[size - 1] != '\n')
		err = append(documents, "\n", 1);
	if (err)
		return err;
	documents->part[documents->n_part].name = name;
	documents->part[documents->n_part].first = first;
	documents->n_part++;
	return 0;
}

void cli_documents_free(struct cli_documents *documents)
{
	free(documents->text);
	*documents = (struct cli_documents){0};
}

char *cli_documents_blame(const struct cli_documents *documents, const char *line)
{
	unsigned number = 0;
	int rest = 0;
	char *text = NULL;
	if (sscanf(line, "body:%u%n", &number, &rest) != 1 || number == 0 || documents->n_part == 0)
		return strdup(line);
	unsigned part = documents->n_part - 1;
	while (part > 0 && documents->part[part].first >= number)
		part--;
	if (asprintf(&text, "%s:%u%s", documents->part[part].name, number - documents->part[part].first, line + rest) <
	    0)
		return NULL;
	return text;
}

/* ---- a policy from options ---- */

static json_t *words_of(const char *list)
{
	json_t *array = json_array();
	for (const char *at = list; *at; at += *at == ',') {
		size_t length = strcspn(at, ",");
		if (length > 0)
			json_array_append_new(array, json_stringn(at, length));
		at += length;
	}
	return array;
}

static void set_option(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, json_string(value));
}

static json_t *rule_of(const struct cli_args *args)
{
	const char *const *value = args->value;
	json_t *match = json_object(), *rule = json_object(), *avoid = json_object();
	set_option(match, "accelerator", value[CLI_OPT_ACCELERATOR]);
	set_option(match, "class", value[CLI_OPT_CLASS]);
	set_option(match, "from", value[CLI_OPT_FROM]);
	set_option(match, "to", value[CLI_OPT_TO]);
	json_object_set_new(rule, "match", match);
	if (value[CLI_OPT_PIN])
		json_object_set_new(rule, "pin", words_of(value[CLI_OPT_PIN]));
	if (value[CLI_OPT_AVOID])
		json_object_set_new(avoid, "pops", words_of(value[CLI_OPT_AVOID]));
	if (value[CLI_OPT_AVOID_PROVIDER])
		json_object_set_new(avoid, "providers", words_of(value[CLI_OPT_AVOID_PROVIDER]));
	if (json_object_size(avoid) > 0)
		json_object_set(rule, "avoid", avoid);
	set_option(rule, "expires", value[CLI_OPT_EXPIRES]);
	json_decref(avoid);
	return rule;
}

int cli_policy_document(const struct cli_args *args, char **ret_text, char ret_error[static CLI_ERROR_SIZE])
{
	bool pin = cli_has(args, CLI_OPT_PIN);
	bool avoid = cli_has(args, CLI_OPT_AVOID) || cli_has(args, CLI_OPT_AVOID_PROVIDER);
	if (!cli_has(args, CLI_OPT_NAME)) {
		snprintf(ret_error, CLI_ERROR_SIZE, "--name NAME is missing: the policy's name; or give a FILE");
		return -EINVAL;
	}
	if (pin == avoid) {
		snprintf(ret_error, CLI_ERROR_SIZE, "%s",
		    pin ? "--pin and --avoid are alternatives; give one of them"
		        : "what to do is missing: --pin, --avoid or --avoid-provider");
		return -EINVAL;
	}
	json_t *document =
	    json_pack("{s:s, s:s, s:[o]}", "kind", "policy", "name", args->value[CLI_OPT_NAME], "rules", rule_of(args));
	char *text = document ? json_dumps(document, 0) : NULL;
	json_decref(document);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}
