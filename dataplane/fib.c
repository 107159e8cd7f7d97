/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/fib.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dataplane/prefix_map.h"

#define ROOT_ENTRIES (1u << DP_FIB_ROOT_BITS)
#define NODES_BYTES  ((size_t)DP_FIB_MAX_NODES * DP_FIB_NODE_ENTRIES * sizeof(uint32_t))
#define V4_BITS      96u /* an IPv4 prefix's length starts here */
#define NODE_FLAG    0x80000000u
#define LENGTH_SHIFT 23u
#define NO_NODE      UINT32_MAX

struct list {
	uint32_t *of;
	uint32_t n;
	uint32_t size;
};

struct dp_fib_garbage {
	struct list nodes;
	uint32_t *roots[2];
};

struct dp_fib {
	struct dp_prefix_map rules;
	uint32_t *roots[2]; /* v4, v6 */
	uint32_t *nodes;    /* reserved address space, touched as it is used */
	uint32_t *made_in;  /* [DP_FIB_MAX_NODES]: the change that made a node; it alone may write to it */
	uint32_t change;    /* number of the one that runs, or ran last; 0 stands for free nodes */
	uint32_t n_touched; /* nodes below this have been used at some time */
	struct list free;
	struct list made;    /* by this change */
	struct list retired; /* by this change */
};

/* One prefix on its way into the trie or out of it. Lengths count within the family. */
struct brush {
	const uint8_t *key;
	uint32_t length;
	uint32_t entry; /* what its places hold from now on */
	bool adding;    /* adding: over all shorter prefixes; taking out: only over its own */
};

static int push(struct list *list, uint32_t value)
{
	if (list->n == list->size) {
		uint32_t size = list->size == 0 ? 64 : list->size * 2;
		uint32_t *of = realloc(list->of, size * sizeof(*of));
		if (of == NULL)
			return -ENOMEM;
		list->of = of;
		list->size = size;
	}
	list->of[list->n++] = value;
	return 0;
}

static uint32_t *node_at(const struct dp_fib *fib, uint32_t node)
{
	return fib->nodes + (size_t)node * DP_FIB_NODE_ENTRIES;
}

static uint32_t leaf(uint32_t length, uint32_t value)
{
	return (length + 1) << LENGTH_SHIFT | value;
}

/* A leaf's prefix length; -1: there is none. */
static int leaf_length(uint32_t entry)
{
	return (int)(entry >> LENGTH_SHIFT) - 1;
}

static int make_node(struct dp_fib *fib, uint32_t *ret_node)
{
	if (fib->free.n == 0 && fib->n_touched == DP_FIB_MAX_NODES)
		return -ENOSPC;
	uint32_t node = fib->free.n > 0 ? fib->free.of[fib->free.n - 1] : fib->n_touched;
	int error = push(&fib->made, node);
	if (error != 0)
		return error;
	if (fib->free.n > 0)
		fib->free.n--;
	else
		fib->n_touched++;
	fib->made_in[node] = fib->change;
	*ret_node = node;
	return 0;
}

/* Room on the free list for every node is reserved at creation, so giving back cannot fail. */
static void give_back(struct dp_fib *fib, uint32_t node)
{
	fib->made_in[node] = 0;
	fib->free.of[fib->free.n++] = node;
}

static int drop_node(struct dp_fib *fib, uint32_t node)
{
	if (fib->made_in[node] == fib->change) {
		give_back(fib, node);
		return 0;
	}
	return push(&fib->retired, node);
}

/* The node under *entry, ours to write: copied if an older view shares it, made and filled if *entry is a leaf. */
static int own_node(struct dp_fib *fib, uint32_t *entry, uint32_t *ret_node)
{
	uint32_t old = DP_FIB_IS_NODE(*entry) ? DP_FIB_NODE(*entry) : NO_NODE;
	if (old != NO_NODE && fib->made_in[old] == fib->change) {
		*ret_node = old;
		return 0;
	}
	uint32_t node = 0;
	int error = make_node(fib, &node);
	if (error != 0)
		return error;
	uint32_t *to = node_at(fib, node);
	if (old != NO_NODE) {
		memcpy(to, node_at(fib, old), DP_FIB_NODE_ENTRIES * sizeof(*to));
		error = push(&fib->retired, old);
	} else {
		for (unsigned i = 0; i < DP_FIB_NODE_ENTRIES; i++)
			to[i] = *entry;
	}
	*entry = NODE_FLAG | node;
	*ret_node = node;
	return error;
}

/* A node whose entries are all the same leaf says no more than that leaf. */
static int fold(struct dp_fib *fib, uint32_t *entry)
{
	const uint32_t *of = node_at(fib, DP_FIB_NODE(*entry));
	if (DP_FIB_IS_NODE(of[0]) || memcmp(of, of + 1, (DP_FIB_NODE_ENTRIES - 1) * sizeof(*of)) != 0)
		return 0;
	uint32_t node = DP_FIB_NODE(*entry);
	*entry = of[0];
	return drop_node(fib, node);
}

/* Paint the part of `entries` that the brush covers. They stand for the bits [from, from + stride) of the key. */
static int paint(struct dp_fib *fib, uint32_t *entries, unsigned from, unsigned stride, const struct brush *brush)
{
	unsigned upto = from + stride;
	uint32_t first = 0, count = 1u << stride;
	if (brush->length > from) {
		for (unsigned byte = from / 8; byte < upto / 8; byte++)
			first = first << 8 | brush->key[byte];
		count = brush->length >= upto ? 1 : 1u << (upto - brush->length);
		first &= ~(count - 1);
	}
	for (uint32_t i = first; i < first + count; i++) {
		uint32_t *entry = &entries[i];
		if (brush->length > upto || DP_FIB_IS_NODE(*entry)) {
			uint32_t node = 0;
			int error = own_node(fib, entry, &node);
			if (error == 0)
				error = paint(fib, node_at(fib, node), upto, DP_FIB_STRIDE_BITS, brush);
			if (error == 0)
				error = fold(fib, entry);
			if (error != 0)
				return error;
		} else if (brush->adding ? leaf_length(*entry) <= (int)brush->length
		                         : leaf_length(*entry) == (int)brush->length) {
			*entry = brush->entry;
		}
	}
	return 0;
}

/* The leaf of the longest prefix shorter than `length` that covers `prefix`, within its family; 0: none. */
static uint32_t covering(
    const struct dp_prefix_map *rules, const struct wire_addr *prefix, uint32_t length, uint32_t base)
{
	for (uint32_t l = length; l-- > base;) {
		if (rules->per_length[l] == 0)
			continue;
		struct wire_addr masked = dp_prefix_mask(prefix, l);
		uint32_t value = dp_prefix_map_get(rules, &masked, l);
		if (value != 0)
			return leaf(l - base, value);
	}
	return 0;
}

static bool is_v4(const struct dp_fib_change *change)
{
	return change->length >= V4_BITS && wire_addr_is_v4(&change->prefix);
}

static int apply_one(struct dp_fib *fib, const struct dp_fib_change *change, uint32_t *ret_old)
{
	struct wire_addr prefix = dp_prefix_mask(&change->prefix, change->length);
	uint32_t base = is_v4(change) ? V4_BITS : 0;
	uint32_t old = dp_prefix_map_get(&fib->rules, &prefix, change->length);
	if (old == change->value) {
		*ret_old = old;
		return 0;
	}
	struct brush brush = {
	    .key = prefix.bytes + base / 8, .length = change->length - base, .adding = change->value != 0};
	if (brush.adding)
		brush.entry = leaf(brush.length, change->value);
	else
		brush.entry = covering(&fib->rules, &prefix, change->length, base);
	int error = paint(fib, fib->roots[base == 0], 0, DP_FIB_ROOT_BITS, &brush);
	if (error != 0)
		return error;
	error = dp_prefix_map_set(&fib->rules, &prefix, change->length, change->value);
	if (error == 0)
		*ret_old = old;
	return error;
}

static uint32_t *copy_root(const uint32_t *root)
{
	uint32_t *copy = malloc(ROOT_ENTRIES * sizeof(*copy));
	if (copy != NULL)
		memcpy(copy, root, ROOT_ENTRIES * sizeof(*copy));
	return copy;
}

/* Put back rules, roots and nodes as they were before the change: `done` of the changes were applied. */
static void undo(struct dp_fib *fib, const struct dp_fib_change *changes, const uint32_t *olds, size_t done,
    uint32_t *const roots[2])
{
	while (done-- > 0) {
		struct wire_addr prefix = dp_prefix_mask(&changes[done].prefix, changes[done].length);
		(void)dp_prefix_map_set(&fib->rules, &prefix, changes[done].length, olds[done]);
	}
	for (unsigned family = 0; family < 2; family++) {
		if (fib->roots[family] != roots[family])
			free(fib->roots[family]);
		fib->roots[family] = roots[family];
	}
	for (uint32_t i = 0; i < fib->made.n; i++)
		if (fib->made_in[fib->made.of[i]] == fib->change)
			give_back(fib, fib->made.of[i]);
	fib->retired.n = 0;
}

static int apply_all(struct dp_fib *fib, const struct dp_fib_change *changes, size_t n, uint32_t *olds)
{
	uint32_t *before[2] = {fib->roots[0], fib->roots[1]};
	int error = dp_prefix_map_reserve(&fib->rules, 2 * n);
	for (size_t i = 0; i < n && error == 0; i++) {
		bool v6 = !is_v4(&changes[i]);
		if (fib->roots[v6] == before[v6]) {
			uint32_t *copy = copy_root(before[v6]);
			if (copy == NULL)
				error = -ENOMEM;
			else
				fib->roots[v6] = copy;
		}
		if (error == 0)
			error = apply_one(fib, &changes[i], &olds[i]);
		if (error != 0)
			undo(fib, changes, olds, i, before);
	}
	return error;
}

int dp_fib_apply(struct dp_fib *fib, const struct dp_fib_change *changes, size_t n, struct dp_fib_garbage **ret_garbage)
{
	for (size_t i = 0; i < n; i++)
		if (changes[i].length > 128 || changes[i].value > DP_FIB_MAX_VALUE)
			return -EINVAL;
	struct dp_fib_garbage *garbage = calloc(1, sizeof(*garbage));
	uint32_t *olds = calloc(n + 1, sizeof(*olds));
	int error = garbage == NULL || olds == NULL ? -ENOMEM : 0;
	uint32_t *before[2] = {fib->roots[0], fib->roots[1]};
	fib->change++;
	fib->made.n = 0;
	fib->retired.n = 0;
	if (error == 0)
		error = apply_all(fib, changes, n, olds);
	free(olds);
	if (error != 0) {
		free(garbage);
		return error;
	}
	for (unsigned family = 0; family < 2; family++)
		garbage->roots[family] = fib->roots[family] != before[family] ? before[family] : NULL;
	garbage->nodes = fib->retired;
	fib->retired = (struct list){0};
	*ret_garbage = garbage;
	return 0;
}

void dp_fib_collect(struct dp_fib *fib, struct dp_fib_garbage *garbage)
{
	if (garbage == NULL)
		return;
	for (uint32_t i = 0; i < garbage->nodes.n; i++)
		give_back(fib, garbage->nodes.of[i]);
	free(garbage->nodes.of);
	free(garbage->roots[0]);
	free(garbage->roots[1]);
	free(garbage);
}

struct dp_fib_view dp_fib_current(const struct dp_fib *fib)
{
	return (struct dp_fib_view){.v4 = fib->roots[0], .v6 = fib->roots[1], .nodes = fib->nodes};
}

uint32_t dp_fib_get(const struct dp_fib *fib, const struct wire_addr *prefix, uint32_t length)
{
	struct wire_addr masked = dp_prefix_mask(prefix, length);
	return dp_prefix_map_get(&fib->rules, &masked, length);
}

bool dp_fib_next(const struct dp_fib *fib, size_t *cursor, struct dp_fib_change *ret_prefix)
{
	for (; *cursor < fib->rules.size; (*cursor)++) {
		const struct dp_prefix_entry *e = &fib->rules.slots[*cursor];
		if (e->value == 0)
			continue;
		*ret_prefix = (struct dp_fib_change){.prefix = e->prefix, .length = e->length, .value = e->value};
		(*cursor)++;
		return true;
	}
	return false;
}

uint32_t dp_fib_nodes(const struct dp_fib *fib)
{
	return fib->n_touched - fib->free.n;
}

int dp_fib_create(struct dp_fib **ret_fib)
{
	struct dp_fib *fib = calloc(1, sizeof(*fib));
	if (fib == NULL)
		return -ENOMEM;
	fib->nodes =
	    mmap(NULL, NODES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fib->nodes == MAP_FAILED)
		fib->nodes = NULL;
	fib->made_in = calloc(DP_FIB_MAX_NODES, sizeof(*fib->made_in));
	fib->free.of = calloc(DP_FIB_MAX_NODES, sizeof(*fib->free.of));
	fib->free.size = DP_FIB_MAX_NODES;
	fib->roots[0] = calloc(ROOT_ENTRIES, sizeof(uint32_t));
	fib->roots[1] = calloc(ROOT_ENTRIES, sizeof(uint32_t));
	if (fib->nodes == NULL || fib->made_in == NULL || fib->free.of == NULL || fib->roots[0] == NULL ||
	    fib->roots[1] == NULL) {
		dp_fib_destroy(fib);
		return -ENOMEM;
	}
	*ret_fib = fib;
	return 0;
}

void dp_fib_destroy(struct dp_fib *fib)
{
	if (fib == NULL)
		return;
	if (fib->nodes != NULL)
		munmap(fib->nodes, NODES_BYTES);
	dp_prefix_map_free(&fib->rules);
	free(fib->made_in);
	free(fib->free.of);
	free(fib->made.of);
	free(fib->retired.of);
	free(fib->roots[0]);
	free(fib->roots[1]);
	free(fib);
}
