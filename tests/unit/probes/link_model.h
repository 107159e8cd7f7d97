/* SPDX-License-Identifier: BSD-2-Clause */
/* A link in virtual time: probes go out each interval, a far end that counts answers them, and an estimator is told
 * what a real one would be told. The model keeps the truth to compare with. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "probes/estimator.h"

#define MODEL_MAX   4000u
#define INTERVAL_NS 50000000ull
#define MS          1000000ll

struct arrival { /* of one copy of a probe, at the far end or back here */
	uint64_t at;
	uint32_t probe;   /* index */
	uint32_t count;   /* the far end's */
	uint64_t reached; /* far end, true time */
};

struct model {
	struct probe_estimator e;
	uint64_t start;
	uint32_t probes;
	/* What happens to probe i; NULL: nothing. Times in ns. */
	int64_t (*forward_delay)(uint32_t i);
	int64_t (*back_delay)(uint32_t i);
	bool (*forward_lost)(uint32_t i);
	bool (*back_lost)(uint32_t i);
	bool (*forward_twice)(uint32_t i);
	bool (*back_twice)(uint32_t i);
	bool (*count_restarts)(uint32_t i); /* before it counts probe i */
	int64_t (*their_offset)(uint64_t at);
	uint32_t first_count;
	uint32_t first_sequence;
	/* Truth. */
	bool lost_forward[MODEL_MAX], lost_back[MODEL_MAX];
	struct arrival there[2 * MODEL_MAX], here[4 * MODEL_MAX];
	uint32_t n_there, n_here;
	struct probe_estimate result;
	uint64_t end;
};

static inline int compare_arrivals(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

static inline uint64_t sent_at(const struct model *m, uint32_t i)
{
	return m->start + i * INTERVAL_NS;
}

static inline void model_travel(struct model *m)
{
	for (uint32_t i = 0; i < m->probes; i++) {
		m->lost_forward[i] = m->forward_lost && m->forward_lost(i);
		uint64_t at = sent_at(m, i) + (m->forward_delay ? m->forward_delay(i) : 0);
		for (int copy = 0; copy < 1 + (m->forward_twice && m->forward_twice(i)) && !m->lost_forward[i]; copy++)
			m->there[m->n_there++] = (struct arrival){.at = at + copy * 1000, .probe = i};
	}
	qsort(m->there, m->n_there, sizeof(m->there[0]), compare_arrivals);
	uint32_t count = m->first_count;
	for (uint32_t k = 0; k < m->n_there; k++) {
		struct arrival a = m->there[k];
		if (m->count_restarts && m->count_restarts(a.probe))
			count = 0;
		a.count = count++;
		a.reached = a.at;
		a.at += m->back_delay ? m->back_delay(a.probe) : 0;
		m->lost_back[a.probe] = m->back_lost && m->back_lost(a.probe);
		for (int copy = 0; copy < 1 + (m->back_twice && m->back_twice(a.probe)) && !m->lost_back[a.probe];
		     copy++) {
			m->here[m->n_here] = a;
			m->here[m->n_here++].at += copy * 1000;
		}
	}
	qsort(m->here, m->n_here, sizeof(m->here[0]), compare_arrivals);
}

#define WALL 1700000000000000000ull /* our clock's distance from the virtual one */

static inline void model_take(struct model *m, const struct arrival *a)
{
	int64_t offset = m->their_offset ? m->their_offset(a->reached) : 0;
	struct probe_reply r = {
	    .sequence = m->first_sequence + a->probe,
	    .reflector_sequence = a->count,
	    .t1 = WALL + sent_at(m, a->probe),
	    .t2 = WALL + a->reached + offset,
	    .t3 = WALL + a->reached + offset,
	    .t4 = WALL + a->at,
	    .arrival_ns = a->at,
	};
	struct probe_sample sample;
	probe_estimator_reply(&m->e, &r, &sample);
}

/* Runs the model and leaves the estimate at its end, `wait_ns` after the last probe, in m->result. */
static inline void model_run(struct model *m, uint64_t wait_ns)
{
	m->start = m->start ? m->start : 1000 * INTERVAL_NS;
	probe_estimator_init(&m->e, INTERVAL_NS, m->start);
	m->e.next = m->first_sequence;
	model_travel(m);
	uint32_t k = 0;
	for (uint32_t i = 0; i < m->probes; i++) {
		for (; k < m->n_here && m->here[k].at <= sent_at(m, i); k++)
			model_take(m, &m->here[k]);
		probe_estimator_tick(&m->e, sent_at(m, i));
		probe_estimator_sent(&m->e, WALL + sent_at(m, i), sent_at(m, i));
	}
	m->end = sent_at(m, m->probes - 1) + wait_ns;
	for (; k < m->n_here && m->here[k].at <= m->end; k++)
		model_take(m, &m->here[k]);
	probe_estimator_get(&m->e, m->end, &m->result);
}
