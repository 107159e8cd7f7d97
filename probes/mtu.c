/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/mtu.h"

const char *probe_mtu_state_name(enum probe_mtu_state state)
{
	static const char *const names[] = {"base", "searching", "complete"};
	return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static uint16_t base_of(const struct probe_mtu *m)
{
	return m->max < PROBE_MTU_BASE ? m->max : PROBE_MTU_BASE;
}

static void begin(struct probe_mtu *m, uint64_t now_ns)
{
	m->state = PROBE_MTU_AT_BASE;
	m->confirmed = 0;
	m->probing = 0;
	m->due_ns = now_ns;
}

void probe_mtu_init(struct probe_mtu *m, uint16_t max, uint64_t now_ns)
{
	*m = (struct probe_mtu){.max = max, .refused = max + 1u};
	begin(m, now_ns);
}

/* Nearly always the link takes what it should: that is tried first, then the middle of what is left. */
static uint16_t candidate(const struct probe_mtu *m)
{
	if (m->refused > m->max)
		return m->max;
	return (uint16_t)((m->confirmed + m->refused) / 2);
}

static bool is_found(const struct probe_mtu *m)
{
	return m->confirmed == m->max || m->refused - m->confirmed <= PROBE_MTU_STEP;
}

static void search(struct probe_mtu *m, uint64_t now_ns)
{
	m->state = is_found(m) ? PROBE_MTU_COMPLETE : PROBE_MTU_SEARCHING;
	m->due_ns = now_ns;
	if (m->state != PROBE_MTU_COMPLETE)
		return;
	m->found = m->confirmed;
	m->due_ns = now_ns + PROBE_MTU_CONFIRM_NS;
	if (m->raise_ns <= now_ns)
		m->raise_ns = now_ns + PROBE_MTU_RAISE_NS;
}

/* PROBE_MTU_TRIES of them were. */
static void unanswered(struct probe_mtu *m, uint64_t now_ns)
{
	uint16_t size = m->probing;
	m->probing = 0;
	switch (m->state) {
	case PROBE_MTU_AT_BASE:
		m->due_ns = now_ns + PROBE_MTU_CONFIRM_NS;
		break;
	case PROBE_MTU_SEARCHING:
		m->refused = size;
		search(m, now_ns);
		break;
	case PROBE_MTU_COMPLETE: /* the path has changed */
		m->refused = size;
		begin(m, now_ns);
		break;
	}
}

static uint16_t choose(struct probe_mtu *m, uint64_t now_ns)
{
	if (m->state == PROBE_MTU_AT_BASE)
		return base_of(m);
	if (m->state == PROBE_MTU_COMPLETE && m->confirmed < m->max && now_ns >= m->raise_ns) {
		m->refused = m->max + 1u;
		m->state = PROBE_MTU_SEARCHING;
	}
	return m->state == PROBE_MTU_SEARCHING ? candidate(m) : m->confirmed;
}

/* Nine tenths of the small ones were answered since the one under way was sent. */
static bool link_is_good(const struct probe_mtu *m, struct probe_mtu_small small)
{
	return 10 * (small.answered - m->small.answered) >= 9 * (small.sent - m->small.sent);
}

uint16_t probe_mtu_next(struct probe_mtu *m, uint64_t now_ns, struct probe_mtu_small small)
{
	if (now_ns < m->due_ns)
		return 0;
	if (m->probing && link_is_good(m, small) && ++m->tries == PROBE_MTU_TRIES)
		unanswered(m, now_ns);
	if (now_ns < m->due_ns)
		return 0;
	if (!m->probing) {
		m->tries = 0;
		m->probing = choose(m, now_ns);
	}
	m->small = small;
	m->due_ns = now_ns + PROBE_MTU_TIMER_NS;
	return m->probing;
}

void probe_mtu_answered(struct probe_mtu *m, uint16_t size, uint64_t now_ns)
{
	if (size > m->max || size < base_of(m))
		return;
	if (size > m->confirmed)
		m->confirmed = size;
	if (m->refused <= size)
		m->refused = m->max + 1u;
	if (size != m->probing)
		return;
	m->probing = 0;
	search(m, now_ns);
}
