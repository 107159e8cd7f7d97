/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes that the API asks for: checked whole against what is known, then given to the store in one commit. What they
 * change arrives back through the watch, as it does from any other POP. */
#include "control/parts/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cluster/message.h"

/* Only other POPs are in the way, and each has one change under way: so many in a row of the same object are no
 * operators' doing. */
#define MAX_TRIES 50u
#define RETRY_MS  20u /* for what another POP committed, or this one, to arrive */

bool ctl_change_refuse(struct ctl_change *change, int error, const char *text)
{
	struct ctl_api_result result = {.error = error, .message = &text, .n_message = 1};
	change->done(change->to, &result);
	return false;
}

bool ctl_change_refuse_lines(struct ctl_change *change, const struct ctl_mistakes *m)
{
	struct ctl_api_result result = {
	    .error = -EINVAL, .message = (const char *const *)m->line, .n_message = m->kept};
	change->done(change->to, &result);
	return false;
}

static void succeed(struct ctl_change *change)
{
	struct ctl_api_result result = {.applied = change->applied, .n_applied = change->n};
	change->done(change->to, &result);
}

/* ---- what is built ---- */

static void free_ops(struct ctl_store_op *op, unsigned *n)
{
	for (; *n > 0; (*n)--) {
		free((char *)op[*n - 1].key);
		free((char *)op[*n - 1].value);
	}
}

static void forget_built(struct ctl_change *change)
{
	for (; change->n > 0; change->n--)
		free((char *)change->applied[change->n - 1].name);
	free_ops(change->op, &change->n_ops);
	free_ops(change->lost, &change->n_lost);
}

char *ctl_change_object_text(const struct ctl_object *object)
{
	json_t *json = ctl_object_json(object);
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(json);
	return text;
}

int ctl_change_add_row(struct ctl_change *change, enum ctl_kind kind, const char *name, const char *what)
{
	if (change->n == CTL_STORE_MAX_OPS)
		return -E2BIG;
	struct ctl_api_applied *row = &change->applied[change->n++];
	*row = (struct ctl_api_applied){ctl_kind_names[kind], strdup(name), what};
	return row->name ? 0 : -ENOMEM;
}

static char *object_key(enum ctl_kind kind, const char *name)
{
	char *key;
	return asprintf(&key, CTL_STORE_PREFIX "object/%s/%s", ctl_kind_names[kind], name) < 0 ? NULL : key;
}

int ctl_change_add_absence(struct ctl_change *change, enum ctl_kind kind, const char *name)
{
	int error = ctl_change_add_row(change, kind, name, "unchanged");
	char *key = error ? NULL : object_key(kind, name);
	if (!key)
		return error ? error : -ENOMEM;
	change->op[change->n_ops++] = (struct ctl_store_op){key, .compare = true, .keep = true};
	return 0;
}

int ctl_change_add_object(struct ctl_change *change, const struct ctl_object *object, const char *what)
{
	const char *name = ctl_object_name(object);
	const struct ctl_object *old = ctl_objects_find(&change->d->objects, object->kind, name);
	char *text = ctl_change_object_text(object), *old_text = old ? ctl_change_object_text(old) : NULL, *key = NULL;
	bool same = text && old_text && strcmp(text, old_text) == 0, lost = false;
	int error = !text || (old && !old_text) ? -ENOMEM : 0;
	free(old_text);
	if (!error)
		error = ctl_change_add_row(change, object->kind, name,
		    same   ? "unchanged"
		    : what ? what
		    : old  ? "changed"
		           : "created");
	if (!error && !(key = object_key(object->kind, name)))
		error = -ENOMEM;
	if (error) {
		free(text);
		return error;
	}
	uint64_t revision = ctl_store_known(change->d->store, key, &lost);
	change->op[change->n_ops++] =
	    (struct ctl_store_op){key, text, .compare = true, .keep = same && !lost, .revision = revision};
	return 0;
}

int ctl_change_add_deletion(struct ctl_change *change, const char *key, char *text)
{
	bool lost = false;
	uint64_t revision = ctl_store_known(change->d->store, key, &lost);
	struct ctl_store_op *op = lost ? &change->lost[change->n_lost++] : &change->op[change->n_ops++];
	*op = (struct ctl_store_op){strdup(key), lost ? text : NULL, .compare = true, .revision = revision};
	bool whole = op->key && text;
	if (!lost)
		free(text);
	return whole ? 0 : -ENOMEM;
}

/* ---- one after the other ---- */

static void free_change(struct ctl_change *change)
{
	forget_built(change);
	free(change->kind);
	free(change->name);
	free(change->text);
	free(change);
}

static void end_first(struct ctl_daemon *d)
{
	struct ctl_change *change = d->parts->changes;
	d->parts->changes = change->next;
	free_change(change);
}

static void on_committed(void *arg, int error, const char *text);

/* A store that lost the object has nothing to delete, and nobody would hear of it: it is put back first, and the change
 * built again from that. */
static void on_put_back(void *arg, int error, const char *text)
{
	on_committed(arg, error ? error : -ESTALE, error ? text : "what the store had lost is not back yet");
}

static int commit(struct ctl_change *change)
{
	if (change->n_lost)
		return ctl_store_commit(change->d->store, change->lost, change->n_lost, on_put_back, change);
	return ctl_store_commit(change->d->store, change->op, change->n_ops, on_committed, change);
}

/* Until the store has one, or none is left. */
static void run(struct ctl_daemon *d)
{
	for (struct ctl_change *change; (change = d->parts->changes) && !change->committing; end_first(d)) {
		forget_built(change);
		if (!change->build(change))
			continue;
		if (change->n_ops + change->n_lost == 0) {
			succeed(change);
			continue;
		}
		change->tries++;
		change->committing = true;
		int error = commit(change);
		if (!error)
			return;
		ctl_change_refuse(
		    change, error, error == -E2BIG ? "too large for one change; apply it in parts" : strerror(-error));
	}
}

static void on_wait(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_committed(void *arg, int error, const char *text)
{
	struct ctl_change *change = arg;
	struct ctl_daemon *d = change->d;
	bool unknown = error == -EINPROGRESS || error == -ECANCELED;
	bool away = error == -ENOTCONN || error == -ETIMEDOUT;
	char line[256];
	change->committing = false;
	if (error == -ESTALE && change->tries < MAX_TRIES) {
		ctl_timer_start(d, &d->parts->change_wait, on_wait, RETRY_MS, 0);
		return;
	}
	if (error == 0) {
		succeed(change);
	} else {
		snprintf(line, sizeof(line), "the store %s: %s",
		    unknown ? "did not answer, and the change may or may not have been made" : "did not take it", text);
		ctl_change_refuse(change, unknown ? -EINPROGRESS : away || error == -ESTALE ? -EAGAIN : error, line);
	}
	end_first(d);
	ctl_timer_start(d, &d->parts->change_wait, on_wait, 0, 0); /* not from within the store's callback */
}

static int copy_request(struct ctl_change *change, const char *kind, const char *name, const char *text, size_t size)
{
	change->kind = kind ? strdup(kind) : NULL;
	change->name = name ? strdup(name) : NULL;
	change->text = malloc(size + 1);
	if ((kind && !change->kind) || (name && !change->name) || !change->text)
		return -ENOMEM;
	if (size)
		memcpy(change->text, text, size);
	change->text[size] = '\0';
	change->size = size;
	return 0;
}

struct ctl_change *ctl_change_new(struct ctl_daemon *d, bool (*build)(struct ctl_change *), const char *kind,
    const char *name, const char *text, size_t size, ctl_api_done *done, void *to)
{
	struct ctl_change without = {.done = done, .to = to};
	struct ctl_change *change = calloc(1, sizeof(*change));
	if (!change) {
		ctl_change_refuse(&without, -ENOMEM, "not enough memory");
		return NULL;
	}
	*change = (struct ctl_change){.d = d, .build = build, .done = done, .to = to};
	if (copy_request(change, kind, name, text, size)) {
		ctl_change_refuse(change, -ENOMEM, "not enough memory");
		free_change(change);
		return NULL;
	}
	return change;
}

void ctl_change_submit(struct ctl_change *change)
{
	struct ctl_daemon *d = change->d;
	struct ctl_change **end = &d->parts->changes;
	if (!d->parts->listed_ns) {
		ctl_change_refuse(
		    change, -EAGAIN, "the store has not been read yet; see 'store' in: kuafuctl show status");
		free_change(change);
		return;
	}
	while (*end)
		end = &(*end)->next;
	*end = change;
	if (d->parts->changes == change)
		run(d);
}

/* One that the store has is answered by the store. */
void ctl_changes_stop(struct ctl_daemon *d)
{
	struct ctl_change **at = &d->parts->changes;
	for (struct ctl_change *change; (change = *at);) {
		if (change->committing) {
			at = &change->next;
			continue;
		}
		*at = change->next;
		ctl_change_refuse(change, -EAGAIN, "the daemon stops");
		free_change(change);
	}
}
