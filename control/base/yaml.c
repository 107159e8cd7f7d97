/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define VALUE_SHOWN 48 /* characters of a value in a mistake's line */

struct ctl_yaml {
	char *name;
	struct ctl_mistakes *mistakes;
	yaml_document_t *documents;
	unsigned n_documents;
	uint32_t n_values; /* of all documents, aliases counted as what they stand for */
};

/* ---- reading ---- */

static void report_syntax(struct ctl_yaml *yaml, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "not enough memory";
	size_t line = parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line;
	ctl_mistake(yaml->mistakes, "%s:%zu: not YAML: %s; check quotes, colons and indentation here and just above",
	    yaml->name, line + 1, problem);
}

/* ---- how much there is, aliases counted as what they stand for ---- */

#define COUNTING UINT32_MAX /* a value that holds itself meets this */

static uint32_t count_values(yaml_document_t *document, int id, uint32_t *known);

static uint32_t add_values(yaml_document_t *document, int id, uint32_t *known, uint32_t sum)
{
	uint32_t n = sum > CTL_YAML_MAX_VALUES ? 0 : count_values(document, id, known);
	return n > CTL_YAML_MAX_VALUES ? CTL_YAML_MAX_VALUES + 1 : sum + n;
}

/* Of a value and all in it; some number above CTL_YAML_MAX_VALUES if there are more, or no end. Every value is looked at
 * once: known has what has been counted, by id. Only what is written within each other is nested here. */
static uint32_t count_values(yaml_document_t *document, int id, uint32_t *known) /* NOLINT(misc-no-recursion) */
{
	yaml_node_t *node = yaml_document_get_node(document, id);
	if (known[id])
		return known[id];
	uint32_t sum = 1;
	known[id] = COUNTING;
	if (node->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
			sum = add_values(document, *i, known, sum);
	if (node->type == YAML_MAPPING_NODE)
		for (yaml_node_pair_t *i = node->data.mapping.pairs.start; i < node->data.mapping.pairs.top; i++)
			sum = add_values(document, i->value, known, add_values(document, i->key, known, sum));
	return known[id] = sum;
}

static int count_document(struct ctl_yaml *yaml, yaml_document_t *document)
{
	size_t n = (size_t)(document->nodes.top - document->nodes.start);
	uint32_t *known = calloc(n + 1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	yaml->n_values = add_values(document, 1, known, yaml->n_values);
	free(known);
	if (yaml->n_values <= CTL_YAML_MAX_VALUES)
		return 0;
	ctl_mistake(yaml->mistakes,
	    "%s:%zu: more than %u values up to the end of this document, with aliases as what they "
	    "stand for; use fewer aliases, or split it",
	    yaml->name, document->start_mark.line + 1, CTL_YAML_MAX_VALUES);
	return -EINVAL;
}

/* ---- documents ---- */

/* Takes over *document. */
static int append_document(struct ctl_yaml *yaml, yaml_document_t *document)
{
	yaml_document_t *grown = NULL;
	if (yaml->n_documents < CTL_YAML_MAX_DOCUMENTS)
		grown = reallocarray(yaml->documents, yaml->n_documents + 1, sizeof(*grown));
	if (!grown) {
		ctl_mistake(
		    yaml->mistakes, "%s: more than %u documents; split the file", yaml->name, CTL_YAML_MAX_DOCUMENTS);
		yaml_document_delete(document);
		return -EINVAL;
	}
	yaml->documents = grown;
	yaml->documents[yaml->n_documents++] = *document;
	return 0;
}

static bool is_blank_document(yaml_document_t *document)
{
	yaml_node_t *root = yaml_document_get_root_node(document);
	return root && root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0;
}

/* Returns 1 while there may be more documents, 0 at the end. */
static int load_next(struct ctl_yaml *yaml, yaml_parser_t *parser)
{
	yaml_document_t document;
	if (!yaml_parser_load(parser, &document)) {
		report_syntax(yaml, parser);
		return -EINVAL;
	}
	bool end = !yaml_document_get_root_node(&document);
	if (end || is_blank_document(&document)) {
		yaml_document_delete(&document);
		return !end;
	}
	int error = count_document(yaml, &document);
	if (error) {
		yaml_document_delete(&document);
		return error;
	}
	error = append_document(yaml, &document);
	return error ? error : 1;
}

/* Whether nothing is nested too deeply, said in m if not. libyaml takes time by the square of the depth. What else may
 * be wrong is found when it is loaded. */
static bool is_shallow(struct ctl_yaml *yaml, const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_event_t event;
	unsigned depth = 0, line = 0;
	bool more = true;
	if (!yaml_parser_initialize(&parser))
		return true;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (more && depth <= CTL_YAML_MAX_DEPTH && yaml_parser_parse(&parser, &event)) {
		depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
		depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
		line = (unsigned)event.start_mark.line + 1;
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (depth <= CTL_YAML_MAX_DEPTH)
		return true;
	ctl_mistake(yaml->mistakes, "%s:%u: more than %u lists and maps within each other; check brackets and dashes",
	    yaml->name, line, CTL_YAML_MAX_DEPTH);
	return false;
}

int ctl_yaml_parse(const char *name, const char *text, size_t size, struct ctl_mistakes *m, struct ctl_yaml **ret_yaml)
{
	struct ctl_yaml *yaml = calloc(1, sizeof(*yaml));
	yaml_parser_t parser;
	if (!yaml || !(yaml->name = strdup(name)) || !yaml_parser_initialize(&parser)) {
		ctl_yaml_free(yaml);
		return -ENOMEM;
	}
	yaml->mistakes = m;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	int more = is_shallow(yaml, text, size) ? 1 : -EINVAL;
	while (more > 0)
		more = load_next(yaml, &parser);
	yaml_parser_delete(&parser);
	if (more < 0) {
		ctl_yaml_free(yaml);
		return more;
	}
	*ret_yaml = yaml;
	return 0;
}

/* The file's bytes, or NULL with errno set (EFBIG: larger than CTL_YAML_MAX_BYTES). */
static char *slurp(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	char *text = malloc(CTL_YAML_MAX_BYTES + 1);
	size_t n = text ? fread(text, 1, CTL_YAML_MAX_BYTES + 1, file) : 0;
	int error = ferror(file) ? errno : n > CTL_YAML_MAX_BYTES ? EFBIG : 0;
	fclose(file);
	if (error) {
		free(text);
		errno = error;
		return NULL;
	}
	*ret_size = n;
	return text;
}

int ctl_yaml_open(const char *path, struct ctl_mistakes *m, struct ctl_yaml **ret_yaml)
{
	size_t size;
	char *text = slurp(path, &size);
	if (!text) {
		ctl_mistake(m, "%s: cannot be read: %s; check the path and its permissions", path, strerror(errno));
		return -EINVAL;
	}
	int error = ctl_yaml_parse(path, text, size, m, ret_yaml);
	free(text);
	return error;
}

void ctl_yaml_free(struct ctl_yaml *yaml)
{
	if (!yaml)
		return;
	for (unsigned i = 0; i < yaml->n_documents; i++)
		yaml_document_delete(&yaml->documents[i]);
	free(yaml->documents);
	free(yaml->name);
	free(yaml);
}

/* ---- places ---- */

static yaml_node_t *node_of(const struct ctl_yaml_value *value)
{
	return value->node ? yaml_document_get_node(&value->yaml->documents[value->document], value->node) : NULL;
}

const char *ctl_yaml_scalar(const struct ctl_yaml_value *value)
{
	const yaml_node_t *node = node_of(value);
	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* `key:` and `key: ~` stand for an absent value; `null` is a word like others (a port driver has this name). */
static bool is_null(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	const char *text = (const char *)node->data.scalar.value;
	return *text == '\0' || strcmp(text, "~") == 0;
}

static struct ctl_yaml_value absent_below(const struct ctl_yaml_value *parent)
{
	struct ctl_yaml_value value = *parent;
	value.node = 0;
	return value;
}

static struct ctl_yaml_value below(const struct ctl_yaml_value *parent, const char *key, int node)
{
	struct ctl_yaml_value value = absent_below(parent);
	snprintf(value.field, sizeof(value.field), "%.*s%s%.32s", (int)sizeof(value.field) - 40, parent->field,
	    parent->field[0] ? "." : "", key);
	value.node = node;
	if (node && is_null(node_of(&value)))
		value.node = 0;
	return value;
}

unsigned ctl_yaml_documents(const struct ctl_yaml *yaml)
{
	return yaml->n_documents;
}

struct ctl_yaml_value ctl_yaml_document(const struct ctl_yaml *yaml, unsigned index)
{
	return (struct ctl_yaml_value){.yaml = yaml, .document = index, .node = index < yaml->n_documents};
}

bool ctl_yaml_is_present(const struct ctl_yaml_value *value)
{
	return value->node != 0;
}

unsigned ctl_yaml_line(const struct ctl_yaml_value *value)
{
	const yaml_node_t *node = node_of(value);
	return node ? (unsigned)node->start_mark.line + 1 : 0;
}

/* "'value': " for scalars, "" for the rest, made printable. */
static void show_value(const struct ctl_yaml_value *value, char *shown, size_t size)
{
	const char *text = ctl_yaml_scalar(value);
	shown[0] = '\0';
	if (!text)
		return;
	snprintf(shown, size, "'%.*s'%s: ", VALUE_SHOWN, text, strlen(text) > VALUE_SHOWN ? "…" : "");
	for (char *p = shown; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

void ctl_yaml_complain(struct ctl_yaml_value value, const char *format, ...)
{
	char text[512], shown[VALUE_SHOWN + 16];
	va_list args;
	if (value.yaml->mistakes->kept == CTL_MISTAKES_MAX) {
		value.yaml->mistakes->found++; /* nobody would see the line */
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	show_value(&value, shown, sizeof(shown));
	ctl_mistake(value.yaml->mistakes, "%s:%u: %s%s%s%s", value.yaml->name, ctl_yaml_line(&value), value.field,
	    value.field[0] ? ": " : "", shown, text);
}

/* ---- maps and lists ---- */

static const yaml_node_t *map_of(const struct ctl_yaml_value *value)
{
	const yaml_node_t *node = node_of(value);
	return node && node->type == YAML_MAPPING_NODE ? node : NULL;
}

static struct ctl_yaml_value pair_key(const struct ctl_yaml_value *map, const yaml_node_pair_t *pair)
{
	struct ctl_yaml_value key = *map;
	key.node = pair->key;
	return key;
}

static void complain_unknown(struct ctl_yaml_value key, const char *const *known)
{
	const char *text = ctl_yaml_scalar(&key);
	const char *nearest = text ? ctl_nearest_name(text, known) : NULL;
	if (nearest) {
		ctl_yaml_complain(key, "unknown field; did you mean '%s'?", nearest);
		return;
	}
	char list[256] = "";
	size_t used = 0;
	for (const char *const *k = known; *k && used < sizeof(list); k++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", k == known ? "" : ", ", *k);
	ctl_yaml_complain(key, "unknown field; known here are: %s", list);
}

bool ctl_yaml_only(struct ctl_yaml_value value, const char *const *keys)
{
	if (!value.node)
		return false;
	const yaml_node_t *map = map_of(&value);
	if (!map) {
		ctl_yaml_complain(value, "must be a map of 'field: value' lines, with '%s' and others", keys[0]);
		return false;
	}
	uint64_t seen = 0; /* no schema of ours has 64 keys */
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		struct ctl_yaml_value key = pair_key(&value, p);
		const char *text = ctl_yaml_scalar(&key);
		unsigned i = 0;
		while (keys[i] && (!text || strcmp(keys[i], text) != 0))
			i++;
		if (!keys[i])
			complain_unknown(key, keys);
		else if (seen & 1ull << i)
			ctl_yaml_complain(key, "given twice; remove one");
		else
			seen |= 1ull << i;
	}
	return true;
}

struct ctl_yaml_value ctl_yaml_get(struct ctl_yaml_value map, const char *name)
{
	const yaml_node_t *node = map_of(&map);
	if (!node)
		return absent_below(&map);
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
		struct ctl_yaml_value key = pair_key(&map, p);
		const char *text = ctl_yaml_scalar(&key);
		if (text && strcmp(text, name) == 0)
			return below(&map, name, p->value);
	}
	return below(&map, name, 0);
}

struct ctl_yaml_value ctl_yaml_need(struct ctl_yaml_value map, const char *name)
{
	struct ctl_yaml_value value = ctl_yaml_get(map, name);
	if (!value.node && map_of(&map))
		ctl_mistake(map.yaml->mistakes, "%s:%u: %s: missing; add '%s: …'", map.yaml->name, ctl_yaml_line(&map),
		    value.field, name);
	return value;
}

unsigned ctl_yaml_items(struct ctl_yaml_value list, unsigned max)
{
	const yaml_node_t *node = node_of(&list);
	if (!node)
		return 0;
	if (node->type != YAML_SEQUENCE_NODE) {
		ctl_yaml_complain(list, "must be a list; write '[…]' or lines that start with '- '");
		return 0;
	}
	size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n > max) {
		ctl_yaml_complain(list, "has %zu items; at most %u are possible", n, max);
		return 0;
	}
	return (unsigned)n;
}

struct ctl_yaml_value ctl_yaml_item(struct ctl_yaml_value list, unsigned index)
{
	const yaml_node_t *node = node_of(&list);
	struct ctl_yaml_value item = absent_below(&list);
	snprintf(item.field, sizeof(item.field), "%.*s[%u]", (int)sizeof(item.field) - 16, list.field, index);
	item.node = node->data.sequence.items.start[index];
	return item;
}

unsigned ctl_yaml_entries(struct ctl_yaml_value map, unsigned max)
{
	const yaml_node_t *node = map_of(&map);
	if (map.node && !node)
		ctl_yaml_complain(map, "must be a map of 'name: …' lines");
	if (!node)
		return 0;
	size_t n = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	if (n > max) {
		ctl_yaml_complain(map, "has %zu entries; at most %u are possible", n, max);
		return 0;
	}
	return (unsigned)n;
}

struct ctl_yaml_value ctl_yaml_entry(struct ctl_yaml_value map, unsigned index, const char **ret_key)
{
	const yaml_node_t *node = map_of(&map);
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start + index;
	struct ctl_yaml_value key = pair_key(&map, pair);
	const char *text = ctl_yaml_scalar(&key);
	*ret_key = text ? text : "";
	return below(&map, *ret_key, pair->value);
}
