/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of forwarding objects: for each (kind, key) what is wanted, what a transaction in flight carries, and what
 * the data plane is known to hold. A transaction is the difference of the first and the last. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/control.h"

struct ctl_wanted;

/* Sizes of an object's struct and of the key that it starts with; 0 if there is no such object. */
size_t ctl_wanted_size(unsigned object);
size_t ctl_wanted_key_size(unsigned object);
const char *ctl_wanted_name(unsigned object);

int ctl_wanted_new(struct ctl_wanted **ret_table); /* 0 or -ENOMEM */
void ctl_wanted_free(struct ctl_wanted *table);

/* Wanted from now on. 1: that is news; 0: it was already; -EINVAL (no such object), -ENOMEM. Deleting what is not there is
 * no error. */
int ctl_wanted_upsert(struct ctl_wanted *table, unsigned object, const void *body);
int ctl_wanted_delete(struct ctl_wanted *table, unsigned object, const void *key);
/* n rows of the object's size: all of this kind that is wanted. */
int ctl_wanted_replace(struct ctl_wanted *table, unsigned object, const void *rows, size_t n);

/* One message of a transaction; for DELETE the body is zero behind the key. Returns 0 or -errno. */
typedef int (*ctl_wanted_emit)(void *arg, enum wire_ctl_type type, unsigned object, const void *body, size_t size);

/* Emit what brings the data plane from what it holds (full: from nothing) to what is wanted: deletions from the last kind
 * to the first, then the rest from the first to the last. What was emitted is in flight until one of the two below.
 * Returns how many messages, or the error of `emit`, and then nothing is in flight. */
int ctl_wanted_diff(struct ctl_wanted *table, bool full, ctl_wanted_emit emit, void *arg);

void ctl_wanted_acked(struct ctl_wanted *table);
void ctl_wanted_refused(struct ctl_wanted *table); /* or the connection broke: nothing has changed */

bool ctl_wanted_differ(const struct ctl_wanted *table);  /* wanted differs from held; nothing in flight is assumed */
size_t ctl_wanted_count(const struct ctl_wanted *table); /* wanted */
