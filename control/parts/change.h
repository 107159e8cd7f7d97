/* SPDX-License-Identifier: BSD-2-Clause */
/* A change on its way to the store. Nobody outside this folder includes it.
 *
 * Changes of this POP are made one after the other. Each is built from what is known, and committed on the condition
 * that the objects it is about are as they were known: those that it replaces, deletes or finds as they should be, and
 * that those it creates are not there. If another POP was faster, it is built again from what that one left. So none
 * takes back what another did, nor overlooks it, and a kind of change need only say how it is built. */
#pragma once

#include "control/parts/parts.h"

#define CTL_CHANGE_MAX_DELETIONS 4u /* a POP's: registration, state, verdicts, object */

struct ctl_change {
	struct ctl_change *next;
	struct ctl_daemon *d;
	ctl_api_done *done;
	void *to;
	/* Adds rows and operations. Returns whether they are to be committed; if not, it has called ctl_change_refuse()
	 * or ctl_change_refuse_lines(). */
	bool (*build)(struct ctl_change *change);
	unsigned tries;
	bool committing; /* the store has it */

	/* what was asked for; each kind of change has its own use for it */
	char *kind; /* NULL: any */
	char *name; /* NULL: any */
	char *text;
	size_t size;
	bool drained;

	/* as built; own their texts */
	unsigned n;
	struct ctl_api_applied applied[CTL_STORE_MAX_OPS];
	unsigned n_ops;
	struct ctl_store_op op[CTL_STORE_MAX_OPS];
	unsigned n_lost;
	struct ctl_store_op lost[CTL_CHANGE_MAX_DELETIONS]; /* what is to be deleted, and the store has lost */
};

/* With copies of kind, name (each may be NULL) and text (size bytes). NULL: refused for want of memory. */
struct ctl_change *ctl_change_new(struct ctl_daemon *d, bool (*build)(struct ctl_change *), const char *kind,
    const char *name, const char *text, size_t size, ctl_api_done *done, void *to);

/* Takes the change over: sees to it that `done` is called once. */
void ctl_change_submit(struct ctl_change *change);

/* ---- for build ---- */

/* A row, and an operation, which only compares if the object is what the store has. what: for one that differs; NULL:
 * "created" or "changed". Returns 0, -E2BIG or -ENOMEM. */
int ctl_change_add_object(struct ctl_change *change, const struct ctl_object *object, const char *what);

/* A row "unchanged", and an operation that only compares: there is no such object, and none is wanted. Returns 0, -E2BIG
 * or -ENOMEM. */
int ctl_change_add_absence(struct ctl_change *change, enum ctl_kind kind, const char *name);

/* The deletion of a key that should hold this text, which is taken over. At most CTL_CHANGE_MAX_DELETIONS. 0 or
 * -ENOMEM. */
int ctl_change_add_deletion(struct ctl_change *change, const char *key, char *text);

/* A row for what no operation stands for. 0, -E2BIG or -ENOMEM. */
int ctl_change_add_row(struct ctl_change *change, enum ctl_kind kind, const char *name, const char *what);

/* As the store keeps it, from malloc; NULL without memory. */
char *ctl_change_object_text(const struct ctl_object *object);

/* Always false. */
bool ctl_change_refuse(struct ctl_change *change, int error, const char *text);
bool ctl_change_refuse_lines(struct ctl_change *change, const struct ctl_mistakes *m);
