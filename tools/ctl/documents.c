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

/* Where each option stands in a rule: kuafu.yaml(5). */
static const struct place {
	enum cli_option_id option;
	const char *key, *member;
	bool list; /* of names, with commas between them */
} places[] = {
    {CLI_OPT_ACCELERATOR, "match", "accelerator", false},
    {CLI_OPT_CLASS, "match", "class", false},
    {CLI_OPT_FROM, "match", "from", false},
    {CLI_OPT_TO, "match", "to", false},
    {CLI_OPT_PIN, "pin", NULL, true},
    {CLI_OPT_AVOID, "avoid", "pops", true},
    {CLI_OPT_AVOID_REGION, "avoid", "regions", true},
    {CLI_OPT_AVOID_PROVIDER, "avoid", "providers", true},
    {CLI_OPT_AVOID_LINK, "avoid", "links", true},
    {CLI_OPT_PREFER, "prefer", "pops", true},
    {CLI_OPT_PREFER_REGION, "prefer", "regions", true},
    {CLI_OPT_PREFER_PROVIDER, "prefer", "providers", true},
    {CLI_OPT_PREFER_LINK, "prefer", "links", true},
    {CLI_OPT_PREFER_BY, "prefer", "by", false},
    {CLI_OPT_MAX_COST, "limit", "cost", false},
    {CLI_OPT_MAX_RTT, "limit", "rtt", false},
    {CLI_OPT_FALLBACK, "fallback", NULL, false},
    {CLI_OPT_EXPIRES, "expires", NULL, false},
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

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

static void put(json_t *rule, const struct place *place, const char *text)
{
	json_t *value = place->list ? words_of(text) : json_string(text);
	if (!place->member) {
		json_object_set_new(rule, place->key, value);
		return;
	}
	json_t *members = json_object_get(rule, place->key);
	if (!members) {
		members = json_object();
		json_object_set_new(rule, place->key, members);
	}
	json_object_set_new(members, place->member, value);
}

static json_t *rule_of(const struct cli_args *args)
{
	json_t *rule = json_pack("{s:{}}", "match");
	for (size_t i = 0; i < N_PLACES; i++)
		if (cli_has(args, places[i].option))
			put(rule, &places[i], args->value[places[i].option]);
	return rule;
}

static bool steers(const struct place *place)
{
	return strcmp(place->key, "avoid") == 0 || strcmp(place->key, "prefer") == 0 ||
	       strcmp(place->key, "limit") == 0;
}

static int check_rule(const struct cli_args *args, char ret_error[static CLI_ERROR_SIZE])
{
	const struct place *steering = NULL;
	bool pin = cli_has(args, CLI_OPT_PIN), prefers = false;
	for (size_t i = 0; i < N_PLACES; i++) {
		const struct place *place = &places[i];
		const char *value = args->value[place->option], *name = cli_options[place->option].name;
		if (!value)
			continue;
		if (place->list && value[strspn(value, ",")] == '\0') {
			snprintf(ret_error, CLI_ERROR_SIZE, "--%s: '%.64s' names nothing", name, value);
			return -EINVAL;
		}
		prefers |= place->list && strcmp(place->key, "prefer") == 0;
		if (!steering && steers(place))
			steering = place;
	}
	if (pin && steering)
		snprintf(ret_error, CLI_ERROR_SIZE, "--pin and --%s are alternatives; give one of them",
		    cli_options[steering->option].name);
	else if (!pin && !steering)
		snprintf(ret_error, CLI_ERROR_SIZE,
		    "what to do is missing: --pin, or any of --avoid, --prefer, --max-cost, --max-rtt and their like");
	else if (cli_has(args, CLI_OPT_PREFER_BY) && !prefers)
		snprintf(ret_error, CLI_ERROR_SIZE,
		    "--prefer-by says by how much; what to prefer is missing: --prefer or its like");
	else
		return 0;
	return -EINVAL;
}

int cli_policy_document(const struct cli_args *args, char **ret_text, char ret_error[static CLI_ERROR_SIZE])
{
	if (!cli_has(args, CLI_OPT_NAME)) {
		snprintf(ret_error, CLI_ERROR_SIZE, "--name NAME is missing: the policy's name; or give a FILE");
		return -EINVAL;
	}
	int error = check_rule(args, ret_error);
	if (error)
		return error;
	json_t *document =
	    json_pack("{s:s, s:s, s:[o]}", "kind", "policy", "name", args->value[CLI_OPT_NAME], "rules", rule_of(args));
	char *text = document ? json_dumps(document, 0) : NULL;
	json_decref(document);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}
