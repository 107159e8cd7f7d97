/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where the key is, or would be. */
static unsigned position(const struct ctl_mirror *mirror, const char *key, bool *ret_there)
{
	unsigned lo = 0, hi = mirror->n;
	while (lo < hi) {
		unsigned middle = (lo + hi) / 2;
		int order = strcmp(mirror->entry[middle].key, key);
		if (order == 0) {
			*ret_there = true;
			return middle;
		}
		if (order < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	*ret_there = false;
	return lo;
}

static int insert(struct ctl_mirror *mirror, unsigned at, const char *key, uint64_t revision)
{
	if (mirror->n == mirror->capacity) {
		unsigned capacity = mirror->capacity ? 2 * mirror->capacity : 16;
		struct ctl_mirror_entry *grown = reallocarray(mirror->entry, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		mirror->entry = grown;
		mirror->capacity = capacity;
	}
	char *copy = strdup(key);
	if (!copy)
		return -ENOMEM;
	memmove(mirror->entry + at + 1, mirror->entry + at, (mirror->n - at) * sizeof(*mirror->entry));
	mirror->entry[at] = (struct ctl_mirror_entry){.key = copy, .revision = revision, .seen = true};
	mirror->n++;
	return 1;
}

int ctl_mirror_put(struct ctl_mirror *mirror, const char *key, uint64_t revision)
{
	bool there;
	unsigned at = position(mirror, key, &there);
	if (!there)
		return insert(mirror, at, key, revision);
	int is_new = mirror->entry[at].revision != revision;
	mirror->entry[at].revision = revision;
	mirror->entry[at].seen = true;
	mirror->entry[at].lost = false;
	return is_new;
}

bool ctl_mirror_delete(struct ctl_mirror *mirror, const char *key)
{
	bool there;
	unsigned at = position(mirror, key, &there);
	if (!there)
		return false;
	free(mirror->entry[at].key);
	memmove(mirror->entry + at, mirror->entry + at + 1, (mirror->n - at - 1) * sizeof(*mirror->entry));
	mirror->n--;
	return true;
}

const struct ctl_mirror_entry *ctl_mirror_find(const struct ctl_mirror *mirror, const char *key)
{
	bool there;
	unsigned at = position(mirror, key, &there);
	return there ? &mirror->entry[at] : NULL;
}

void ctl_mirror_unsee(struct ctl_mirror *mirror)
{
	for (unsigned i = 0; i < mirror->n; i++)
		mirror->entry[i].seen = false;
}

const char *ctl_mirror_unseen(const struct ctl_mirror *mirror)
{
	for (unsigned i = 0; i < mirror->n; i++)
		if (!mirror->entry[i].seen && !mirror->entry[i].lost)
			return mirror->entry[i].key;
	return NULL;
}

bool ctl_mirror_any_seen(const struct ctl_mirror *mirror)
{
	for (unsigned i = 0; i < mirror->n; i++)
		if (mirror->entry[i].seen)
			return true;
	return false;
}

void ctl_mirror_forget_revisions(struct ctl_mirror *mirror)
{
	for (unsigned i = 0; i < mirror->n; i++)
		mirror->entry[i].revision = 0;
}

void ctl_mirror_lose_unseen(struct ctl_mirror *mirror)
{
	for (unsigned i = 0; i < mirror->n; i++)
		mirror->entry[i].lost = mirror->entry[i].lost || !mirror->entry[i].seen;
}

unsigned ctl_mirror_count_lost(const struct ctl_mirror *mirror)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mirror->n; i++)
		n += mirror->entry[i].lost;
	return n;
}

void ctl_mirror_free(struct ctl_mirror *mirror)
{
	for (unsigned i = 0; i < mirror->n; i++)
		free(mirror->entry[i].key);
	free(mirror->entry);
	*mirror = (struct ctl_mirror){0};
}
