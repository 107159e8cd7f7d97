/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cluster/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/cluster/message.h"

struct ctl_pop *ctl_cluster_find(const struct ctl_cluster *cluster, const char *name)
{
	for (unsigned i = 0; i < cluster->n_pops; i++)
		if (strcmp(cluster->pop[i]->name, name) == 0)
			return cluster->pop[i];
	return NULL;
}

struct ctl_pop *ctl_cluster_find_id(const struct ctl_cluster *cluster, uint16_t id)
{
	for (unsigned i = 0; i < cluster->n_pops; i++)
		if (cluster->pop[i]->id == id)
			return cluster->pop[i];
	return NULL;
}

const struct ctl_pop_address *ctl_pop_address(const struct ctl_pop *pop, uint8_t link)
{
	for (unsigned i = 0; i < pop->n_addresses; i++)
		if (pop->address[i].link == link)
			return &pop->address[i];
	return NULL;
}

static void free_pop(struct ctl_pop *pop)
{
	free(pop->verdict);
	free(pop->report);
	free(pop);
}

/* Keeps the order of ids. */
static int insert(struct ctl_cluster *cluster, struct ctl_pop *pop)
{
	struct ctl_pop **grown = reallocarray(cluster->pop, cluster->n_pops + 1, sizeof(struct ctl_pop *));
	if (!grown)
		return -ENOMEM;
	cluster->pop = grown;
	unsigned at = cluster->n_pops++;
	for (; at > 0 && grown[at - 1]->id > pop->id; at--)
		grown[at] = grown[at - 1];
	grown[at] = pop;
	return 0;
}

static void take_out(struct ctl_cluster *cluster, const struct ctl_pop *pop)
{
	unsigned i = 0;
	while (cluster->pop[i] != pop)
		i++;
	memmove(cluster->pop + i, cluster->pop + i + 1, (cluster->n_pops - i - 1) * sizeof(struct ctl_pop *));
	cluster->n_pops--;
}

bool ctl_cluster_remove(struct ctl_cluster *cluster, const char *name)
{
	struct ctl_pop *pop = ctl_cluster_find(cluster, name);
	if (!pop)
		return false;
	take_out(cluster, pop);
	free_pop(pop);
	return true;
}

void ctl_cluster_free(struct ctl_cluster *cluster)
{
	for (unsigned i = 0; i < cluster->n_pops; i++)
		free_pop(cluster->pop[i]);
	free(cluster->pop);
	*cluster = (struct ctl_cluster){0};
}

/* ---- registrations ---- */

static bool same_address(const struct ctl_pop_address *a, const struct ctl_pop_address *b)
{
	return a->link == b->link && a->mtu == b->mtu && wire_addr_equal(&a->address, &b->address) &&
	       strcmp(a->provider, b->provider) == 0 && a->authenticated == b->authenticated && !(a->cost < b->cost) &&
	       !(a->cost > b->cost);
}

static bool same_registration(const struct ctl_pop *a, const struct ctl_pop *b)
{
	if (a->id != b->id || strcmp(a->region, b->region) != 0 || strcmp(a->left_out, b->left_out) != 0 ||
	    a->n_addresses != b->n_addresses)
		return false;
	for (unsigned i = 0; i < a->n_addresses; i++)
		if (!same_address(&a->address[i], &b->address[i]))
			return false;
	return true;
}

/* What two POPs may not share. */
static int check_against_others(const struct ctl_cluster *cluster, const struct ctl_pop *pop, struct ctl_mistakes *m)
{
	unsigned found = m->found;
	if (cluster->n_pops == WIRE_CTL_MAX_POPS && !ctl_cluster_find(cluster, pop->name))
		ctl_mistake(m, "POP %s is one more than the %u that a cluster can have; it is left out", pop->name,
		    WIRE_CTL_MAX_POPS);
	for (unsigned i = 0; i < cluster->n_pops; i++) {
		const struct ctl_pop *other = cluster->pop[i];
		if (strcmp(other->name, pop->name) == 0)
			continue;
		if (other->id == pop->id)
			ctl_mistake(m,
			    "POP %s registers id %u, which POP %s has; give one of them another 'id' in its pop.yaml",
			    pop->name, pop->id, other->name);
		for (unsigned j = 0; j < pop->n_addresses * other->n_addresses; j++)
			if (wire_addr_equal(&pop->address[j / other->n_addresses].address,
			        &other->address[j % other->n_addresses].address))
				ctl_mistake(m, "POP %s registers an address of POP %s; correct 'links' in one pop.yaml",
				    pop->name, other->name);
	}
	return m->found == found ? 0 : -EINVAL;
}

/* The POP changes in place, but for its position when its id does. */
static int replace(struct ctl_cluster *cluster, struct ctl_pop *old, const struct ctl_pop *new)
{
	bool moves = old->id != new->id;
	old->id = new->id;
	old->n_addresses = new->n_addresses;
	memcpy(old->region, new->region, sizeof(old->region));
	memcpy(old->address, new->address, sizeof(old->address));
	memcpy(old->left_out, new->left_out, sizeof(old->left_out));
	if (!moves)
		return 0;
	take_out(cluster, old);
	return insert(cluster, old); /* has room: one was just taken out */
}

int ctl_cluster_register(struct ctl_cluster *cluster, const char *name, const char *json, size_t size,
    struct ctl_mistakes *m, bool *ret_changed)
{
	struct ctl_pop *new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	int error = ctl_registration_read(name, json, size, m, new);
	if (!error)
		error = check_against_others(cluster, new, m);
	struct ctl_pop *old = ctl_cluster_find(cluster, name);
	bool changed = !error && (!old || !same_registration(old, new));
	if (!error && !old)
		error = insert(cluster, new);
	else if (changed)
		error = replace(cluster, old, new);
	if (error || old)
		free_pop(new);
	if (!error)
		*ret_changed = changed;
	return error;
}

int ctl_cluster_verdicts(
    struct ctl_cluster *cluster, const char *name, const char *json, size_t size, struct ctl_mistakes *m)
{
	struct ctl_pop *pop = ctl_cluster_find(cluster, name);
	struct ctl_endpoint_verdict *verdict;
	unsigned n;
	int error = pop ? ctl_verdicts_read(name, json, size, m, &verdict, &n) : -ENOENT;
	if (error)
		return error;
	free(pop->verdict);
	pop->verdict = verdict;
	pop->n_verdicts = n;
	return 0;
}

static int compare_id(const void *id, const void *verdict)
{
	uint32_t a = *(const uint32_t *)id, b = ((const struct ctl_endpoint_verdict *)verdict)->endpoint;
	return (a > b) - (a < b);
}

const struct ctl_endpoint_verdict *ctl_pop_said(const struct ctl_pop *pop, uint32_t endpoint)
{
	if (!pop->n_verdicts)
		return NULL;
	return bsearch(&endpoint, pop->verdict, pop->n_verdicts, sizeof(*pop->verdict), compare_id);
}

int ctl_cluster_state(struct ctl_cluster *cluster, const char *name, const char *json, size_t size, uint64_t now_ns,
    struct ctl_mistakes *m)
{
	struct ctl_pop *pop = ctl_cluster_find(cluster, name);
	if (!pop)
		return -ENOENT;
	struct ctl_pop read = {.id = pop->id};
	int error = ctl_state_read(cluster, name, json, size, m, &read);
	if (error) {
		free(read.report);
		return error;
	}
	free(pop->report);
	pop->report = read.report;
	pop->n_reports = read.n_reports;
	pop->load = read.load;
	pop->state_at_wall_ns = read.state_at_wall_ns;
	pop->state_seen_ns = now_ns;
	return 0;
}
