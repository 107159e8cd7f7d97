/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/route/explain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/route/policy.h"
#include "control/route/state.h"

#define VERDICT_NAME(symbol, name, text) name,
#define VERDICT_TEXT(symbol, name, text) text,

const char *route_verdict_name(enum route_verdict verdict)
{
	static const char *const names[] = {ROUTE_VERDICTS(VERDICT_NAME)};
	return (unsigned)verdict < ROUTE_VERDICT_COUNT ? names[verdict] : "unknown";
}

const char *route_verdict_text(enum route_verdict verdict)
{
	static const char *const texts[] = {ROUTE_VERDICTS(VERDICT_TEXT)};
	return (unsigned)verdict < ROUTE_VERDICT_COUNT ? texts[verdict] : "unknown";
}

const char *route_term_name(enum route_term term)
{
	static const char *const names[ROUTE_TERMS] = {
	    "delay", "drift", "loss", "jitter", "money", "load", "relay", "rule"};
	return (unsigned)term < ROUTE_TERMS ? names[term] : "unknown";
}

/* What an explanation is made of. */
struct account {
	const struct route_graph *graph;
	const struct route_class *class;
	const struct route_rule *rule;
	uint64_t now_ns;
	double clock[ROUTE_MAX_POPS];
	uint32_t *best; /* [from * n + to]: the link that a relayed path would take, up if one is; 0: none */
	struct route_candidate *candidate;
	uint32_t capacity;
	struct route_explanation *about;
	const struct route_slot *slot; /* NULL: not ours */
};

/* Whether the verdict rules a candidate out, whatever it costs. */
static bool is_out(enum route_verdict verdict)
{
	return verdict == ROUTE_VERDICT_DOWN || verdict == ROUTE_VERDICT_UNMEASURED ||
	       verdict == ROUTE_VERDICT_AVOIDED || verdict == ROUTE_VERDICT_LIMITED || verdict == ROUTE_VERDICT_DRAINED;
}

static float link_cost(const struct account *account, uint32_t id)
{
	struct route_path path;
	route_path_of_links(account->graph, &id, 1, &path);
	route_path_price(account->graph, account->clock, account->class, account->rule, &path, NULL);
	return path.cost;
}

/* Is link a to be preferred to b between the same two POPs? Links that are up and allowed come first. */
static bool preferred(const struct account *account, uint32_t a, uint32_t b)
{
	const struct route_link *la = &account->graph->link[a], *lb = &account->graph->link[b];
	int rank_a = !route_link_usable(la) * 2 + route_rule_avoids_link(account->rule, la);
	int rank_b = !route_link_usable(lb) * 2 + route_rule_avoids_link(account->rule, lb);
	return rank_a != rank_b ? rank_a < rank_b : link_cost(account, a) < link_cost(account, b);
}

static int find_best_links(struct account *account)
{
	const struct route_graph *graph = account->graph;
	account->best = calloc((size_t)graph->n * graph->n, sizeof(*account->best));
	if (!account->best)
		return -ENOMEM;
	for (uint32_t id = 1; id < graph->n_links; id++) {
		const struct route_link *link = &graph->link[id];
		if (!link->used)
			continue;
		uint32_t *best = &account->best[(size_t)link->from * graph->n + link->to];
		if (!*best || preferred(account, id, *best))
			*best = id;
	}
	return 0;
}

static enum route_verdict fault(const struct account *account, const struct route_path *path, uint32_t *ret_blame)
{
	*ret_blame = 0;
	for (unsigned i = 0; i < path->n_links; i++)
		if (!account->graph->link[path->link[i]].measured) {
			*ret_blame = path->link[i];
			return ROUTE_VERDICT_UNMEASURED;
		}
	switch (route_path_fault(account->graph, account->class, account->rule, path, ret_blame)) {
	case ROUTE_REASON_FAILED:
		return ROUTE_VERDICT_DOWN;
	case ROUTE_REASON_DRAINED:
		return ROUTE_VERDICT_DRAINED;
	case ROUTE_REASON_RULE:
		return *ret_blame ? ROUTE_VERDICT_AVOIDED : ROUTE_VERDICT_LIMITED;
	default:
		return ROUTE_VERDICT_COSTLIER; /* provisional: judged when all are known */
	}
}

static bool before(const struct route_candidate *a, const struct route_candidate *b)
{
	if (is_out(a->verdict) != is_out(b->verdict))
		return is_out(b->verdict);
	return a->path.cost < b->path.cost;
}

static void add(struct account *account, const uint32_t *link, uint8_t n)
{
	struct route_candidate candidate = {0};
	struct route_explanation *about = account->about;
	for (unsigned i = 0; i < n; i++)
		if (!link[i])
			return;
	route_path_of_links(account->graph, link, n, &candidate.path);
	route_path_price(
	    account->graph, account->clock, account->class, account->rule, &candidate.path, candidate.term);
	candidate.verdict = fault(account, &candidate.path, &candidate.blame);
	candidate.evidence_ms =
	    route_path_evidence_ms(account->graph, account->class, &candidate.path, account->now_ns);
	about->n_considered++;
	uint32_t at = about->n_candidates;
	if (at == account->capacity) {
		if (!at || !before(&candidate, &account->candidate[at - 1]))
			return;
		at--;
	} else {
		about->n_candidates++;
	}
	for (; at > 0 && before(&candidate, &account->candidate[at - 1]); at--)
		account->candidate[at] = account->candidate[at - 1];
	account->candidate[at] = candidate;
}

static void add_all(struct account *account, uint16_t from, uint16_t to)
{
	const struct route_graph *graph = account->graph;
	const uint32_t *best = account->best;
	size_t n = graph->n;
	for (uint32_t id = 1; id < graph->n_links; id++)
		if (graph->link[id].used && graph->link[id].from == from && graph->link[id].to == to)
			add(account, &id, 1);
	for (uint16_t i = 0; i < n && account->class->max_relays >= 1; i++) {
		if (i == from || i == to || !best[from * n + i])
			continue;
		add(account, (uint32_t[]){best[from * n + i], best[i * n + to]}, 2);
		for (uint16_t k = 0; k < n && account->class->max_relays >= 2; k++)
			if (k != from && k != to && k != i)
				add(account, (uint32_t[]){best[from * n + i], best[i * n + k], best[k * n + to]}, 3);
	}
}

/* The first link of a path that is stale or damped; 0: none. */
static uint32_t restless(const struct account *account, const struct route_path *path, enum route_verdict *ret_verdict,
    uint64_t *ret_free_ns)
{
	for (unsigned i = 0; i < path->n_links; i++) {
		const struct route_link *link = &account->graph->link[path->link[i]];
		bool stale = route_link_stale(account->graph, link, account->now_ns);
		if (!stale && !route_link_damped(link, account->now_ns))
			continue;
		*ret_verdict = stale ? ROUTE_VERDICT_STALE : ROUTE_VERDICT_DAMPED;
		*ret_free_ns = stale ? 0 : route_flap_reuse_ns(&link->flap, account->now_ns);
		return path->link[i];
	}
	return 0;
}

/* Of a path that could be used but is not. *first: it would be the best to move to. */
static enum route_verdict judge_idle(struct account *account, struct route_candidate *candidate, bool *first)
{
	const struct route_explanation *about = account->about;
	bool backup = about->choice.backup.n_links && route_path_same(&candidate->path, &about->choice.backup);
	enum route_verdict verdict;
	if (account->rule && account->rule->action == ROUTE_PIN && about->choice.reason == ROUTE_REASON_PINNED)
		return backup ? ROUTE_VERDICT_BACKUP : ROUTE_VERDICT_NOT_PINNED;
	if (candidate->path.cost >= about->choice.primary.cost)
		return backup ? ROUTE_VERDICT_BACKUP : ROUTE_VERDICT_COSTLIER;
	if (candidate->path.cost > about->must_beat_ms)
		return backup ? ROUTE_VERDICT_BACKUP : ROUTE_VERDICT_NOT_ENOUGH;
	if (!route_path_lasts(
	        account->graph, account->class, &about->choice.primary, &candidate->path, account->now_ns))
		return backup ? ROUTE_VERDICT_BACKUP : ROUTE_VERDICT_UNSURE;
	candidate->blame = restless(account, &candidate->path, &verdict, &candidate->free_ns);
	if (candidate->blame)
		return verdict;
	if (account->slot && route_slot_distrusts(account->slot, &candidate->path, account->now_ns)) {
		candidate->free_ns = about->distrusts_until_ns;
		return ROUTE_VERDICT_DISTRUSTED;
	}
	if (*first && about->waiting)
		candidate->free_ns = about->waiting_since_ns + about->settle_ns;
	verdict = *first ? ROUTE_VERDICT_WAITING : ROUTE_VERDICT_BEATEN;
	*first = false;
	return verdict;
}

/* Candidates are in order of cost: the first that could be moved to is the one that is watched. */
static void judge_ours(struct account *account)
{
	const struct route_explanation *about = account->about;
	bool first = true;
	for (uint32_t i = 0; i < about->n_candidates; i++) {
		struct route_candidate *candidate = &account->candidate[i];
		if (route_path_same(&candidate->path, &about->choice.primary))
			candidate->verdict = ROUTE_VERDICT_PRIMARY;
		else if (!is_out(candidate->verdict))
			candidate->verdict = judge_idle(account, candidate, &first);
		if (candidate->verdict != ROUTE_VERDICT_PRIMARY && !is_out(candidate->verdict))
			candidate->lacks_ms = fmaxf(candidate->path.cost - about->must_beat_ms, 0);
	}
}

static void judge_foreign(struct account *account)
{
	struct route_explanation *about = account->about;
	if (about->n_candidates && !is_out(account->candidate[0].verdict))
		account->candidate[0].verdict = ROUTE_VERDICT_BEST;
}

int route_explain(const struct route_engine *engine, uint16_t from, uint16_t to, uint8_t class, uint64_t now_ns,
    struct route_candidate *candidate, uint32_t capacity, struct route_explanation *ret_explanation)
{
	const struct route_graph *graph = &engine->graph;
	uint16_t from_index = graph->index[from], to_index = graph->index[to];
	if (from_index == ROUTE_NO_POP || to_index == ROUTE_NO_POP || class >= engine->policy.n_classes)
		return -ENOENT;
	if (from == to)
		return -EINVAL;
	struct route_explanation about = {.from = from, .to = to, .class = class};
	struct account *account = calloc(1, sizeof(*account));
	if (!account)
		return -ENOMEM;
	*account = (struct account){.graph = graph,
	    .class = &engine->policy.class[class],
	    .rule = route_policy_rule(&engine->policy, &engine->policy.class[class], from, to, now_ns),
	    .now_ns = now_ns,
	    .candidate = candidate,
	    .capacity = capacity,
	    .about = &about};
	route_graph_clocks(graph, from_index, account->clock);
	int error = find_best_links(account);
	if (error) {
		free(account);
		return error;
	}
	about.has_rule = account->rule != NULL;
	if (about.has_rule)
		about.rule = *account->rule;
	if (from_index == engine->self && engine->slot[to_index][class].choice.primary.n_links) {
		const struct route_slot *slot = &engine->slot[to_index][class];
		account->slot = slot;
		about.has_choice = true;
		about.choice = slot->choice;
		route_path_price(graph, account->clock, account->class, account->rule, &about.choice.primary, NULL);
		about.must_beat_ms =
		    about.choice.primary.cost - route_threshold(graph, account->class, &about.choice.primary);
		about.worse = slot->worse_since != 0;
		about.worse_since_ns = slot->worse_since;
		about.distrusts = slot->distrusted.n_links && now_ns < slot->distrusted_until;
		about.distrusts_until_ns = slot->distrusted_until;
		about.waiting = slot->better_since != 0;
		about.waiting_since_ns = slot->better_since;
		about.settle_ns = route_slot_settle_ns(engine, slot, to_index, now_ns);
	}
	add_all(account, from_index, to_index);
	if (about.has_choice)
		judge_ours(account);
	else
		judge_foreign(account);
	free(account->best);
	free(account);
	*ret_explanation = about;
	return 0;
}
