/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dataplane/wanted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECT sizeof(struct wire_ctl_quic)

#define KEY_END(type, member) (offsetof(struct type, member) + sizeof(((struct type *)0)->member))

static const struct {
	const char *name;
	size_t size;
	size_t key_size;
} kinds[WIRE_OBJ_COUNT] = {
    [WIRE_OBJ_SETTINGS] = {"settings", sizeof(struct wire_ctl_settings), 0},
    [WIRE_OBJ_POP] = {"pop", sizeof(struct wire_ctl_pop), KEY_END(wire_ctl_pop, pop)},
    [WIRE_OBJ_LINK] = {"link", sizeof(struct wire_ctl_link), KEY_END(wire_ctl_link, link)},
    [WIRE_OBJ_KEY] = {"key", sizeof(struct wire_ctl_key), KEY_END(wire_ctl_key, key_id)},
    [WIRE_OBJ_PATH] = {"path", sizeof(struct wire_ctl_path), KEY_END(wire_ctl_path, class)},
    [WIRE_OBJ_VIP] = {"vip", sizeof(struct wire_ctl_vip), KEY_END(wire_ctl_vip, address)},
    [WIRE_OBJ_LISTENER] = {"listener", sizeof(struct wire_ctl_listener), KEY_END(wire_ctl_listener, listener)},
    [WIRE_OBJ_GROUP] = {"group", sizeof(struct wire_ctl_group), KEY_END(wire_ctl_group, group)},
    [WIRE_OBJ_ENDPOINT] = {"endpoint", sizeof(struct wire_ctl_endpoint), KEY_END(wire_ctl_endpoint, endpoint)},
    [WIRE_OBJ_NAT] = {"nat", sizeof(struct wire_ctl_nat), KEY_END(wire_ctl_nat, address)},
    [WIRE_OBJ_ADJACENCY] = {"adjacency", sizeof(struct wire_ctl_adjacency), KEY_END(wire_ctl_adjacency, adjacency)},
    [WIRE_OBJ_QUIC] = {"quic", sizeof(struct wire_ctl_quic), KEY_END(wire_ctl_quic, quic)},
    [WIRE_OBJ_ROUTE] = {"route", sizeof(struct wire_ctl_route), KEY_END(wire_ctl_route, length)},
};

enum version { WANTED, SENT, HELD, VERSIONS };

struct entry {
	struct entry *next; /* in its bucket */
	uint64_t mark;      /* of the last replace that named it */
	bool in_flight;
	bool present[VERSIONS];
	uint8_t bytes[]; /* the key, then a body for each version; as long as its kind's */
};

#define BUCKETS 1024u /* a kind: thousands of endpoints, in chains of a few */

struct ctl_wanted {
	struct entry *bucket[WIRE_OBJ_COUNT][BUCKETS];
	size_t wanted;
	uint64_t mark;
};

static uint8_t *body_of(struct entry *entry, unsigned object, enum version version)
{
	return entry->bytes + kinds[object].key_size + version * kinds[object].size;
}

static bool known(unsigned object)
{
	return object < WIRE_OBJ_COUNT && kinds[object].size;
}

size_t ctl_wanted_size(unsigned object)
{
	return known(object) ? kinds[object].size : 0;
}

size_t ctl_wanted_key_size(unsigned object)
{
	return known(object) ? kinds[object].key_size : 0;
}

const char *ctl_wanted_name(unsigned object)
{
	return known(object) ? kinds[object].name : "unknown";
}

int ctl_wanted_new(struct ctl_wanted **ret_table)
{
	struct ctl_wanted *table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	*ret_table = table;
	return 0;
}

/* Visit all entries of a kind; the visitor may free the one it is given. */
#define FOR_EACH(table, object, entry)                                                                                 \
	for (struct entry **bucket_ = (table)->bucket[object]; bucket_ < (table)->bucket[object] + BUCKETS; bucket_++) \
		for (struct entry *entry = *bucket_, *next_; entry && (next_ = entry->next, true); entry = next_)

void ctl_wanted_free(struct ctl_wanted *table)
{
	if (!table)
		return;
	for (unsigned object = 0; object < WIRE_OBJ_COUNT; object++)
		FOR_EACH (table, object, entry)
			free(entry);
	free(table);
}

/* FNV-1a, 32 bits. */
static struct entry **bucket_of(struct ctl_wanted *table, unsigned object, const void *key)
{
	const uint8_t *bytes = key;
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < kinds[object].key_size; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return &table->bucket[object][(hash ^ hash >> 16) % BUCKETS];
}

static struct entry *find(struct ctl_wanted *table, unsigned object, const void *key)
{
	for (struct entry *entry = *bucket_of(table, object, key); entry; entry = entry->next)
		if (!memcmp(entry->bytes, key, kinds[object].key_size))
			return entry;
	return NULL;
}

static struct entry *find_or_add(struct ctl_wanted *table, unsigned object, const void *key)
{
	struct entry *entry = find(table, object, key);
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry) + kinds[object].key_size + VERSIONS * kinds[object].size);
	if (!entry)
		return NULL;
	memcpy(entry->bytes, key, kinds[object].key_size);
	struct entry **bucket = bucket_of(table, object, key);
	entry->next = *bucket;
	*bucket = entry;
	return entry;
}

/* Whether that is news. */
static bool set_wanted(struct ctl_wanted *table, struct entry *entry, unsigned object, const void *body)
{
	void *wanted = body_of(entry, object, WANTED);
	if (entry->present[WANTED] && memcmp(wanted, body, kinds[object].size) == 0)
		return false;
	table->wanted += !entry->present[WANTED];
	entry->present[WANTED] = true;
	memcpy(wanted, body, kinds[object].size);
	return true;
}

/* Whether that is news. */
static bool set_unwanted(struct ctl_wanted *table, struct entry *entry)
{
	bool news = entry->present[WANTED];
	table->wanted -= news;
	entry->present[WANTED] = false;
	return news;
}

int ctl_wanted_upsert(struct ctl_wanted *table, unsigned object, const void *body)
{
	if (!known(object))
		return -EINVAL;
	struct entry *entry = find_or_add(table, object, body);
	if (!entry)
		return -ENOMEM;
	return set_wanted(table, entry, object, body);
}

int ctl_wanted_delete(struct ctl_wanted *table, unsigned object, const void *key)
{
	if (!known(object))
		return -EINVAL;
	struct entry *entry = find(table, object, key);
	return entry && set_unwanted(table, entry);
}

int ctl_wanted_replace(struct ctl_wanted *table, unsigned object, const void *rows, size_t n)
{
	if (!known(object))
		return -EINVAL;
	const uint8_t *row = rows;
	size_t size = kinds[object].size;
	/* Entries first, so that running out of memory changes nothing that is wanted. */
	for (size_t i = 0; i < n; i++)
		if (!find_or_add(table, object, row + i * size))
			return -ENOMEM;
	bool news = false;
	table->mark++;
	for (size_t i = 0; i < n; i++) {
		struct entry *entry = find(table, object, row + i * size);
		news |= set_wanted(table, entry, object, row + i * size);
		entry->mark = table->mark;
	}
	FOR_EACH (table, object, entry)
		if (entry->mark != table->mark)
			news |= set_unwanted(table, entry);
	return news;
}

/* Whether the data plane holds what is wanted. */
static bool same(struct entry *entry, unsigned object)
{
	if (entry->present[WANTED] != entry->present[HELD])
		return false;
	return !entry->present[WANTED] ||
	       !memcmp(body_of(entry, object, WANTED), body_of(entry, object, HELD), kinds[object].size);
}

static void copy_version(struct entry *entry, unsigned object, enum version from, enum version to)
{
	entry->present[to] = entry->present[from];
	memcpy(body_of(entry, object, to), body_of(entry, object, from), kinds[object].size);
}

static int emit_kind(
    struct ctl_wanted *table, unsigned object, enum wire_ctl_type type, bool full, ctl_wanted_emit emit, void *arg)
{
	int count = 0;
	size_t size = kinds[object].size;
	FOR_EACH (table, object, entry) {
		bool upsert = entry->present[WANTED];
		if (upsert != (type == WIRE_CTL_UPSERT) || (!full && same(entry, object)))
			continue;
		/* A full transaction needs no deletions: what is not in it is gone. A deletion's body is as long as the object,
		 * with nothing behind the key. */
		uint8_t named[MAX_OBJECT] = {0};
		memcpy(named, entry->bytes, kinds[object].key_size);
		const void *body = upsert ? body_of(entry, object, WANTED) : named;
		int error = full && !upsert ? 0 : emit(arg, type, object, body, size);
		if (error)
			return error;
		copy_version(entry, object, WANTED, SENT);
		entry->in_flight = true;
		count += !full || upsert;
	}
	return count;
}

int ctl_wanted_diff(struct ctl_wanted *table, bool full, ctl_wanted_emit emit, void *arg)
{
	int total = 0;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < WIRE_OBJ_COUNT; i++) {
			unsigned object = pass ? i : WIRE_OBJ_COUNT - 1 - i;
			if (!known(object))
				continue;
			int count = emit_kind(table, object, pass ? WIRE_CTL_UPSERT : WIRE_CTL_DELETE, full, emit, arg);
			if (count < 0) {
				ctl_wanted_refused(table);
				return count;
			}
			total += count;
		}
	return total;
}

void ctl_wanted_acked(struct ctl_wanted *table)
{
	for (unsigned object = 0; object < WIRE_OBJ_COUNT; object++)
		for (struct entry **bucket = table->bucket[object]; bucket < table->bucket[object] + BUCKETS; bucket++)
			for (struct entry **link = bucket, *entry; (entry = *link);) {
				if (entry->in_flight)
					copy_version(entry, object, SENT, HELD);
				entry->in_flight = false;
				if (entry->present[WANTED] || entry->present[HELD]) {
					link = &entry->next;
					continue;
				}
				*link = entry->next;
				free(entry);
			}
}

void ctl_wanted_refused(struct ctl_wanted *table)
{
	for (unsigned object = 0; object < WIRE_OBJ_COUNT; object++)
		FOR_EACH (table, object, entry)
			entry->in_flight = false;
}

bool ctl_wanted_differ(const struct ctl_wanted *table)
{
	for (unsigned object = 0; object < WIRE_OBJ_COUNT; object++)
		for (size_t i = 0; i < BUCKETS; i++)
			for (struct entry *entry = table->bucket[object][i]; entry; entry = entry->next)
				if (!same(entry, object))
					return true;
	return false;
}

size_t ctl_wanted_count(const struct ctl_wanted *table)
{
	return table->wanted;
}
