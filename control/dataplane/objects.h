/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of forwarding objects: for each (kind, key) what is wanted, what a transaction in flight carries, and what
 * the data plane is known to hold. A transaction is the difference of the first and the last. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/control.h"

struct ctl_objects;

/* Sizes of an object's struct and of the key that it starts with; 0 if there is no such object. */
size_t ctl_object_size(unsigned object);
size_t ctl_object_key_size(unsigned object);
const char *ctl_object_name(unsigned object);

int ctl_objects_new(struct ctl_objects **ret_table); /* 0 or -ENOMEM */
void ctl_objects_free(struct ctl_objects *table);

/* Wanted from now on. 0, -EINVAL (no such object), -ENOMEM; deleting what is not there is no error. */
int ctl_objects_upsert(struct ctl_objects *table, unsigned object, const void *body);
int ctl_objects_delete(struct ctl_objects *table, unsigned object, const void *key);
/* n rows of the object's size: all of this kind that is wanted. */
int ctl_objects_replace(struct ctl_objects *table, unsigned object, const void *rows, size_t n);

/* One message of a transaction; body is the whole struct for UPSERT, the key for DELETE. Returns 0 or -errno. */
typedef int (*ctl_objects_emit)(void *arg, enum wire_ctl_type type, unsigned object, const void *body, size_t size);

/* Emit what brings the data plane from what it holds (full: from nothing) to what is wanted: deletions from the last kind
 * to the first, then the rest from the first to the last. What was emitted is in flight until one of the two below.
 * Returns how many messages, or the error of `emit`, and then nothing is in flight. */
int ctl_objects_diff(struct ctl_objects *table, bool full, ctl_objects_emit emit, void *arg);

void ctl_objects_acked(struct ctl_objects *table);
void ctl_objects_refused(struct ctl_objects *table); /* or the connection broke: nothing has changed */

bool ctl_objects_differ(const struct ctl_objects *table);  /* wanted differs from held; nothing in flight is assumed */
size_t ctl_objects_count(const struct ctl_objects *table); /* wanted */
