/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes that the API asks for: checked whole against what is known, then given to the store in one commit. What they
 * change arrives back through the watch, as it does from any other POP. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/clock.h"
#include "control/cluster/message.h"
#include "control/parts/parts.h"

#define POP_GONE_NS   (10 * CTL_NS_PER_S) /* a POP that has published nothing for so long does not run */
#define MAX_DELETIONS 3u                  /* a POP's: registration, state, object */

/* A change on its way to the store. */
struct change {
	ctl_api_done *done;
	void *to;
	unsigned n;
	struct ctl_api_applied applied[CTL_STORE_MAX_OPS]; /* own their names */
	unsigned n_ops;
	struct ctl_store_op op[CTL_STORE_MAX_OPS]; /* own their texts */
	struct ctl_store *store;
	unsigned n_lost;
	struct ctl_store_op lost[MAX_DELETIONS]; /* what is to be deleted, as it is; own their texts */
};

static void refuse(ctl_api_done *done, void *to, int error, const char *text)
{
	struct ctl_api_result result = {.error = error, .message = &text, .n_message = 1};
	done(to, &result);
}

static void refuse_mistakes(ctl_api_done *done, void *to, const struct ctl_mistakes *m)
{
	struct ctl_api_result result = {
	    .error = -EINVAL, .message = (const char *const *)m->line, .n_message = m->kept};
	done(to, &result);
}

static void free_change(struct change *change)
{
	for (unsigned i = 0; i < change->n; i++)
		free((char *)change->applied[i].name);
	for (unsigned i = 0; i < change->n_ops; i++) {
		free((char *)change->op[i].key);
		free((char *)change->op[i].value);
	}
	for (unsigned i = 0; i < change->n_lost; i++) {
		free((char *)change->lost[i].key);
		free((char *)change->lost[i].value);
	}
	free(change);
}

static void succeed(struct change *change)
{
	struct ctl_api_result result = {.applied = change->applied, .n_applied = change->n};
	change->done(change->to, &result);
	free_change(change);
}

static void on_committed(void *arg, int error, const char *text)
{
	struct change *change = arg;
	char line[256];
	if (error == 0) {
		succeed(change);
		return;
	}
	bool away = error == -ENOTCONN || error == -ETIMEDOUT || error == -ECANCELED;
	snprintf(line, sizeof(line), "the store did not take it: %s", text);
	refuse(change->done, change->to, away ? -EAGAIN : error, line);
	free_change(change);
}

static struct change *new_change(struct ctl_daemon *d, ctl_api_done *done, void *to)
{
	if (!d->parts->listed_ns) {
		refuse(done, to, -EAGAIN, "the store has not been read yet; see 'store' in: kuafuctl show status");
		return NULL;
	}
	struct change *change = calloc(1, sizeof(*change));
	if (!change) {
		refuse(done, to, -ENOMEM, "not enough memory");
		return NULL;
	}
	change->done = done;
	change->to = to;
	change->store = d->store;
	return change;
}

/* Adds a row to the result, and unless value is what the store has, an operation. Takes value (NULL: delete) over. */
static int add(struct change *change, enum ctl_kind kind, const char *name, const char *what, char *value)
{
	struct ctl_api_applied *row = &change->applied[change->n];
	char *key;
	if (change->n == CTL_STORE_MAX_OPS ||
	    asprintf(&key, CTL_STORE_PREFIX "object/%s/%s", ctl_kind_names[kind], name) < 0) {
		free(value);
		return change->n == CTL_STORE_MAX_OPS ? -E2BIG : -ENOMEM;
	}
	*row = (struct ctl_api_applied){ctl_kind_names[kind], strdup(name), what};
	change->n++;
	change->op[change->n_ops++] = (struct ctl_store_op){key, value};
	return row->name ? 0 : -ENOMEM;
}

static bool has_lost(const struct change *change)
{
	struct ctl_store_status status;
	ctl_store_status(change->store, &status);
	return status.lost > 0;
}

static void commit(struct change *change)
{
	int error = 0;
	if (change->n_ops == 0) {
		succeed(change);
		return;
	}
	error = ctl_store_commit(change->store, change->op, change->n_ops, on_committed, change);
	if (error)
		on_committed(
		    change, error, error == -E2BIG ? "too large for one change; apply it in parts" : strerror(-error));
}

static void on_put_back(void *arg, int error, const char *text)
{
	struct change *change = arg;
	if (error)
		on_committed(change, error, text);
	else
		commit(change);
}

/* Adds the deletion of a key that holds this text, which is taken over. */
static int add_deletion(struct change *change, const char *key, char *text)
{
	struct ctl_store_op *lost = &change->lost[change->n_lost++], *op = &change->op[change->n_ops++];
	*lost = (struct ctl_store_op){strdup(key), text};
	*op = (struct ctl_store_op){strdup(key), NULL};
	return lost->key && lost->value && op->key ? 0 : -ENOMEM;
}

/* A store that lost the object has nothing to delete, and nobody would hear of it: it is put back first. */
static void commit_deletion(struct change *change)
{
	if (!has_lost(change)) {
		commit(change);
		return;
	}
	int error = ctl_store_commit(change->store, change->lost, change->n_lost, on_put_back, change);
	if (error)
		on_committed(change, error, strerror(-error));
}

/* ---- apply ---- */

static char *object_text(const struct ctl_object *object)
{
	json_t *json = ctl_object_json(object);
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(json);
	return text;
}

static int add_object(struct ctl_daemon *d, struct change *change, const struct ctl_object *object)
{
	const char *name = ctl_object_name(object);
	const struct ctl_object *old = ctl_objects_find(&d->objects, object->kind, name);
	char *text = object_text(object), *old_text = old ? object_text(old) : NULL;
	if (!text || (old && !old_text)) {
		free(text);
		free(old_text);
		return -ENOMEM;
	}
	bool same = old && strcmp(text, old_text) == 0;
	free(old_text);
	if (!same || has_lost(change)) /* it may be what is lost */
		return add(change, object->kind, name, same ? "unchanged" : old ? "changed" : "created", text);
	free(text);
	if (change->n == CTL_STORE_MAX_OPS)
		return -E2BIG;
	change->applied[change->n++] =
	    (struct ctl_api_applied){ctl_kind_names[object->kind], strdup(name), "unchanged"};
	return 0;
}

/* PUT of one object allows no other. */
static void check_allowed(
    const struct ctl_objects *batch, const struct ctl_api_documents *documents, struct ctl_mistakes *m)
{
	for (unsigned i = 0; i < batch->n; i++) {
		const struct ctl_object *o = batch->object[i];
		if (documents->kind && strcmp(documents->kind, ctl_kind_names[o->kind]) != 0)
			ctl_mistake(m, "%s:%u: kind: '%s': only documents of kind %s are taken here", o->source,
			    o->line, ctl_kind_names[o->kind], documents->kind);
		else if (documents->name && strcmp(documents->name, ctl_object_name(o)) != 0)
			ctl_mistake(m, "%s:%u: name: '%s': only '%s' is taken here", o->source, o->line,
			    ctl_object_name(o), documents->name);
	}
	if (batch->n == 0)
		ctl_mistake(m, "body:1: holds no document; see kuafu.yaml(5)");
}

static int check_taken(const struct ctl_daemon *d, const struct ctl_objects *batch, struct ctl_mistakes *m)
{
	size_t n = 0, most = d->config.dataplane.n_nats;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		most += d->cluster.pop[i]->n_addresses;
	struct ctl_taken_address *taken = calloc(most + 1, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	for (unsigned i = 0; i < d->config.dataplane.n_nats; i++)
		taken[n++] = (struct ctl_taken_address){d->config.dataplane.nats[i].address, d->config.name};
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		for (unsigned j = 0; j < d->cluster.pop[i]->n_addresses; j++)
			taken[n++] =
			    (struct ctl_taken_address){d->cluster.pop[i]->address[j].address, d->cluster.pop[i]->name};
	ctl_objects_check_taken(batch, taken, n, m);
	free(taken);
	return 0;
}

static int check(struct ctl_daemon *d, struct ctl_objects *batch, struct ctl_mistakes *m)
{
	const char **known = calloc(d->cluster.n_pops + 1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	for (unsigned i = 0; i < d->cluster.n_pops; i++)
		known[i] = d->cluster.pop[i]->name;
	int error = ctl_objects_check(&d->objects, batch, known, m);
	free(known);
	return error ? error : check_taken(d, batch, m);
}

void ctl_change_apply(void *daemon, const struct ctl_api_documents *documents, ctl_api_done *done, void *to)
{
	struct ctl_daemon *d = daemon;
	struct ctl_mistakes mistakes = {0};
	struct ctl_objects batch = {0};
	struct change *change = new_change(d, done, to);
	if (!change)
		return;
	int error = ctl_objects_parse("body", documents->text, documents->size, ctl_wall_ns(), &mistakes, &batch);
	if (!error)
		check_allowed(&batch, documents, &mistakes);
	if (!error && !mistakes.found)
		error = check(d, &batch, &mistakes);
	for (unsigned i = 0; !error && !mistakes.found && i < batch.n; i++)
		error = add_object(d, change, batch.object[i]);
	if (mistakes.found)
		refuse_mistakes(done, to, &mistakes);
	else if (error)
		refuse(done, to, error == -E2BIG ? -EINVAL : error,
		    error == -E2BIG ? "too many documents for one change; apply them in parts" : strerror(-error));
	if (mistakes.found || error)
		free_change(change);
	else
		commit(change);
	ctl_mistakes_free(&mistakes);
	ctl_objects_free(&batch);
}

/* ---- deletion ---- */

/* A listener whose class only this policy defines, or NULL. */
static const char *class_in_use(const struct ctl_daemon *d, const struct ctl_policy *policy, const char **ret_class)
{
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		for (unsigned j = 0; d->objects.object[i]->kind == CTL_KIND_ACCELERATOR && j < a->n_listeners; j++)
			for (unsigned k = 0; k < policy->n_classes; k++) {
				const char *class = policy->classes[k].name;
				bool built_in = false;
				for (unsigned b = 0; ctl_objective_names[b]; b++)
					built_in = built_in || strcmp(ctl_objective_names[b], class) == 0;
				if (built_in || strcmp(a->listeners[j].class, class) != 0)
					continue;
				*ret_class = class;
				return a->name;
			}
	}
	return NULL;
}

/* What keeps the object in place, in line; false: nothing does. */
static bool policy_is_needed(const struct ctl_daemon *d, const struct ctl_object *object, char *line, size_t size)
{
	const char *class = NULL;
	const char *user = class_in_use(d, &object->policy, &class);
	if (user)
		snprintf(line, size,
		    "policy '%s' defines class '%s', which accelerator '%s' uses; change the accelerator first",
		    object->policy.name, class, user);
	return user;
}

static bool accelerator_is_needed(const struct ctl_daemon *d, const char *name, char *line, size_t size)
{
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_policy *policy = &d->objects.object[i]->policy;
		for (unsigned j = 0; d->objects.object[i]->kind == CTL_KIND_POLICY && j < policy->n_rules; j++)
			if (strcmp(policy->rules[j].accelerator, name) == 0) {
				snprintf(line, size,
				    "a rule of policy '%s' is for accelerator '%s'; change the policy first",
				    policy->name, name);
				return true;
			}
	}
	return false;
}

static const char *user_of_pop(const struct ctl_daemon *d, const char *name)
{
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_accelerator *a = &d->objects.object[i]->accelerator;
		for (unsigned j = 0; d->objects.object[i]->kind == CTL_KIND_ACCELERATOR && j < a->n_listeners; j++)
			for (unsigned k = 0; k < a->listeners[j].n_groups; k++)
				for (unsigned l = 0; l < a->listeners[j].groups[k].n_pops; l++)
					if (strcmp(a->listeners[j].groups[k].pops[l], name) == 0)
						return a->name;
	}
	return NULL;
}

static bool pop_is_needed(const struct ctl_daemon *d, const char *name, char *line, size_t size)
{
	const struct ctl_pop *pop = ctl_cluster_find(&d->cluster, name);
	const char *user = user_of_pop(d, name);
	bool runs = pop && (pop->self || (pop->state_seen_ns && ctl_monotonic_ns() - pop->state_seen_ns < POP_GONE_NS));
	if (runs)
		snprintf(line, size, "POP '%s' runs and would register again; end its kuafud first%s", name,
		    pop->self ? ", and ask another POP" : ", and wait 10 s");
	else if (user)
		snprintf(
		    line, size, "accelerator '%s' has POP '%s' in 'pops'; change the accelerator first", user, name);
	return runs || user;
}

static int delete_object(struct change *change, const struct ctl_object *object)
{
	char key[128];
	snprintf(
	    key, sizeof(key), CTL_STORE_PREFIX "object/%s/%s", ctl_kind_names[object->kind], ctl_object_name(object));
	return add_deletion(change, key, object_text(object));
}

/* Its registration and its last state. What is put back, if the store lost them, need only be of the form. */
static int delete_registration(struct change *change, const struct ctl_pop *pop)
{
	char key[128], *text;
	if (asprintf(&text, "{\"id\":%u,\"region\":\"%s\",\"links\":[]}", pop->id, pop->region) < 0)
		return -ENOMEM;
	snprintf(key, sizeof(key), CTL_STORE_PREFIX "pop/%s", pop->name);
	int error = add_deletion(change, key, text);
	snprintf(key, sizeof(key), CTL_STORE_PREFIX "state/%s", pop->name);
	return error ? error : add_deletion(change, key, strdup("{\"at\":1}"));
}

void ctl_change_delete(void *daemon, const char *kind_name, const char *name, ctl_api_done *done, void *to)
{
	struct ctl_daemon *d = daemon;
	char line[256];
	enum ctl_kind kind = 0;
	while (strcmp(ctl_kind_names[kind], kind_name) != 0)
		kind++;
	const struct ctl_object *object = ctl_objects_find(&d->objects, kind, name);
	const struct ctl_pop *pop = kind == CTL_KIND_POP ? ctl_cluster_find(&d->cluster, name) : NULL;
	bool needed = kind == CTL_KIND_POP      ? pop_is_needed(d, name, line, sizeof(line))
	              : !object                 ? false
	              : kind == CTL_KIND_POLICY ? policy_is_needed(d, object, line, sizeof(line))
	                                        : accelerator_is_needed(d, name, line, sizeof(line));
	if (!object && !pop)
		snprintf(line, sizeof(line), "no %s is called '%.64s'; see: kuafuctl show %s", kind_name, name,
		    kind == CTL_KIND_POLICY ? "policies"
		    : kind == CTL_KIND_POP  ? "pops"
		                            : "accelerators");
	if (needed || (!object && !pop)) {
		refuse(done, to, object || pop ? -EINVAL : -ENOENT, line);
		return;
	}
	struct change *change = new_change(d, done, to);
	if (!change)
		return;
	int error = object ? delete_object(change, object) : 0;
	if (!error && pop)
		error = delete_registration(change, pop);
	change->applied[change->n++] = (struct ctl_api_applied){ctl_kind_names[kind], strdup(name), "deleted"};
	if (!error) {
		commit_deletion(change);
		return;
	}
	refuse(done, to, error, strerror(-error));
	free_change(change);
}

/* ---- draining ---- */

/* ADDRESS:PORT or [ADDRESS]:PORT against an endpoint. */
static bool is_called(const struct ctl_endpoint *endpoint, const char *name)
{
	char address[CTL_ADDRESS_TEXT], plain[64], bracketed[64];
	ctl_address_text(&endpoint->address, address);
	snprintf(plain, sizeof(plain), "%s:%u", address, endpoint->port);
	snprintf(bracketed, sizeof(bracketed), "[%s]:%u", address, endpoint->port);
	return strcmp(name, plain) == 0 || strcmp(name, bracketed) == 0;
}

/* Sets the endpoints of this name; returns how many there are. */
static unsigned mark(struct ctl_accelerator *a, const char *name, bool drained)
{
	unsigned n = 0;
	for (unsigned i = 0; i < a->n_listeners; i++)
		for (unsigned j = 0; j < a->listeners[i].n_groups; j++)
			for (unsigned k = 0; k < a->listeners[i].groups[j].n_endpoints; k++) {
				struct ctl_endpoint *endpoint = &a->listeners[i].groups[j].endpoints[k];
				if (!is_called(endpoint, name))
					continue;
				endpoint->drained = drained;
				n++;
			}
	return n;
}

/* A copy of the object with the endpoints marked, as an operation. Returns 1 if it has any such, 0, or -errno. */
static int drain_in(
    struct ctl_daemon *d, struct change *change, const struct ctl_object *object, const char *name, bool drained)
{
	struct ctl_objects copy = {0};
	struct ctl_mistakes mistakes = {0};
	char *text = object_text(object);
	int error = text ? ctl_objects_parse("store", text, strlen(text), 0, &mistakes, &copy) : -ENOMEM;
	free(text);
	if (!error && mark(&copy.object[0]->accelerator, name, drained)) {
		error = add_object(d, change, copy.object[0]);
		error = error ? error : 1;
	}
	ctl_objects_free(&copy);
	ctl_mistakes_free(&mistakes);
	return error;
}

/* name: ADDRESS:PORT, or ACCELERATOR/ADDRESS:PORT. Returns how many accelerators have it, or -errno. */
static int drain_endpoint(struct ctl_daemon *d, struct change *change, const char *name, bool drained)
{
	const char *slash = strchr(name, '/'), *endpoint = slash ? slash + 1 : name;
	int found = 0;
	for (unsigned i = 0; i < d->objects.n; i++) {
		const struct ctl_object *object = d->objects.object[i];
		const char *accelerator = ctl_object_name(object);
		if (object->kind != CTL_KIND_ACCELERATOR)
			continue;
		if (slash && (strlen(accelerator) != (size_t)(slash - name) ||
		                 strncmp(accelerator, name, (size_t)(slash - name)) != 0))
			continue;
		int n = drain_in(d, change, object, endpoint, drained);
		if (n < 0)
			return n;
		found += n;
	}
	return found;
}

static int drain_pop(struct ctl_daemon *d, struct change *change, const char *name, bool drained)
{
	struct ctl_object object = {.kind = CTL_KIND_POP, .pop = {.drained = drained, .drained_given = true}};
	if (!ctl_cluster_find(&d->cluster, name) && !ctl_objects_find(&d->objects, CTL_KIND_POP, name))
		return 0;
	snprintf(object.pop.name, sizeof(object.pop.name), "%s", name);
	int error = add_object(d, change, &object);
	return error ? error : 1;
}

void ctl_change_drain(void *daemon, const char *kind, const char *name, bool drained, ctl_api_done *done, void *to)
{
	struct ctl_daemon *d = daemon;
	char line[192];
	struct change *change = new_change(d, done, to);
	if (!change)
		return;
	bool pop = strcmp(kind, "pop") == 0;
	int n = pop ? drain_pop(d, change, name, drained) : drain_endpoint(d, change, name, drained);
	if (n > 0) {
		commit(change);
		return;
	}
	if (n == 0)
		snprintf(line, sizeof(line), "no %s is called '%.64s'; see: kuafuctl show %ss", kind, name, kind);
	else
		snprintf(line, sizeof(line), "%s", strerror(-n));
	refuse(done, to, n == 0 ? -ENOENT : n, line);
	free_change(change);
}
