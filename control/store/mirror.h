/* SPDX-License-Identifier: BSD-2-Clause */
/* Which keys a watcher knows, and in which revision: so that after a gap it hears what has changed, no less and no more.
 *
 * Invariant: entries are sorted by key, each key once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ctl_mirror_entry {
	char *key;
	uint64_t revision;
	bool seen; /* in the list that is being read */
	bool lost; /* the store forgot it without anybody's having deleted it */
};

struct ctl_mirror {
	struct ctl_mirror_entry *entry;
	unsigned n;
	unsigned capacity;
};

/* A key has this revision now. Returns 1 if that is new to the mirror, 0 if not, or -ENOMEM. */
int ctl_mirror_put(struct ctl_mirror *mirror, const char *key, uint64_t revision);

/* Whether the key was there. */
bool ctl_mirror_delete(struct ctl_mirror *mirror, const char *key);

/* Valid until the mirror changes. NULL: it is not there. */
const struct ctl_mirror_entry *ctl_mirror_find(const struct ctl_mirror *mirror, const char *key);

void ctl_mirror_unsee(struct ctl_mirror *mirror);
/* A key that has not been put since and is not lost, or NULL. Valid until the mirror changes. */
const char *ctl_mirror_unseen(const struct ctl_mirror *mirror);
bool ctl_mirror_any_seen(const struct ctl_mirror *mirror);

/* The store counts its revisions anew: whatever is put next is new. */
void ctl_mirror_forget_revisions(struct ctl_mirror *mirror);
/* What is unseen is lost, until it is put or deleted. */
void ctl_mirror_lose_unseen(struct ctl_mirror *mirror);
unsigned ctl_mirror_count_lost(const struct ctl_mirror *mirror);

void ctl_mirror_free(struct ctl_mirror *mirror);
