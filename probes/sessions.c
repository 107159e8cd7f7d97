/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "probes/inside.h"

#define CLOCK_CHECK_NS 1000000000u /* how soon a step of the wall clock is noticed */
#define CLOCK_STEP_NS  1000000     /* smaller differences are errors of measurement */
#define NS_PER_MS      1000000u

struct session *probe_sessions_by_pair(
    struct probe_sessions *s, const struct wire_addr *local, const struct wire_addr *remote)
{
	for (uint32_t i = 0; i < s->n_slots; i++) {
		struct session *session = s->slots[i];
		if (session && wire_addr_equal(&session->link.remote, remote) &&
		    wire_addr_equal(&session->link.local, local))
			return session;
	}
	return NULL;
}

struct session *probe_sessions_by_id(struct probe_sessions *s, uint16_t session_id)
{
	uint16_t slot = s->slot_of[session_id];
	return slot ? s->slots[slot - 1] : NULL;
}

bool probe_session_is(struct session *session, uint16_t session_id)
{
	bool same = session_id == session->session_id;
	session->id_known = session->id_known || same;
	return same || (session_id == 0 && !session->id_known);
}

const char *probe_refusal_name(enum probe_refusal refusal)
{
#define NAME(symbol, name) name,
	static const char *const names[PROBE_REFUSAL_COUNT] = {PROBE_REFUSALS(NAME)};
#undef NAME
	return (unsigned)refusal < PROBE_REFUSAL_COUNT ? names[refusal] : "unknown";
}

void departures_await(struct departures *d, struct departure departure)
{
	departure.awaited = true;
	d->row[departure.id % DEPARTURES] = departure;
}

const struct departure *departures_take(struct departures *d, uint32_t id)
{
	struct departure *departure = &d->row[id % DEPARTURES];
	bool awaited = departure->awaited && departure->id == id;
	departure->awaited = departure->awaited && !awaited;
	return awaited ? departure : NULL;
}

static struct session *by_link(const struct probe_sessions *s, uint32_t link)
{
	for (uint32_t i = 0; i < s->n_slots; i++)
		if (s->slots[i] && s->slots[i]->link.link == link)
			return s->slots[i];
	return NULL;
}

/* Up or down? The session may be gone afterwards: the owner is told, and may remove it. */
static void judge(struct probe_sessions *s, struct session *session, uint64_t now)
{
	struct probe_estimator *e = &session->estimator;
	if (s->kbpf)
		stamps_ebpf_hear(s, session);
	if (probe_estimator_tick(e, now) && s->events.on_state)
		s->events.on_state(s->events.owner, session->link.link, e->up, e->cause, e->since_ns);
}

/* A process's stamps of the same probe: when it was about to send, and now that it has the reply. */
static void compare_stamps(struct probe_sessions *s, struct session *session, const struct probe_reply *reply,
    const struct probe_sample *sample)
{
	uint64_t sent = probe_estimator_sent_at(&session->estimator, reply->sequence), now = probe_now();
	uint64_t left = reply->t1 - (uint64_t)s->clock_offset_ns;
	if (left >= sent && now >= reply->arrival_ns)
		probe_accuracy_add(
		    &session->accuracy, reply->arrival_ns, sample->rtt_ns, left - sent, now - reply->arrival_ns);
}

void probe_sessions_take(struct probe_sessions *s, struct session *session, const struct probe_reply *reply)
{
	struct probe_sample sample;
	uint16_t id = session->session_id;
	if (!probe_estimator_reply(&session->estimator, reply, &sample))
		return;
	if (s->kbpf && !session->link.authenticated)
		compare_stamps(s, session, reply, &sample);
	if (s->events.on_sample)
		s->events.on_sample(s->events.owner, session->link.link, &sample);
	/* A link that is down comes up with this very reply. */
	if (probe_sessions_by_id(s, id) == session && !session->estimator.up)
		judge(s, session, probe_now());
}

static void read_all(struct probe_sessions *s)
{
	if (s->kbpf)
		stamps_ebpf_read(s);
	else
		stamps_user_read(s);
	stamps_sealed_read(s);
	sized_read(s);
	reflector_read(s);
}

static void send_sealed(
    struct probe_sessions *s, struct session *session, const struct probe_envelope *to, struct probe_stamp_probe *probe)
{
	uint8_t packet[PROBE_STAMP_MAX_BYTES], t1[8];
	struct departure departure = {.session_id = session->session_id, .sequence = probe->sequence};
	size_t length = probe_stamp_build(packet, probe, &session->link.keys);
	wire_stamp_time_put(t1, probe->t1);
	session->kept[probe->sequence % KEPT_PROBES] =
	    (struct kept){.sequence = probe->sequence, .t1 = wire_stamp_time_get(t1)};
	if (length && probe_socket_send(&s->sealed, to, packet, length, &departure.id) == 0)
		departures_await(&s->sealed_departures, departure);
}

/* What cannot be sent is lost, as on the way: the estimator will see that no reply comes. */
static void send_probe(struct probe_sessions *s, struct session *session, uint64_t now)
{
	const struct probe_envelope to = {
	    .local = session->link.local, .remote = session->link.remote, .remote_port = WIRE_STAMP_PORT};
	struct probe_stamp_probe probe = {.session_id = session->session_id, .error_estimate = s->clock.error_estimate};
	now = probe_now(); /* others were sent since the timer went off */
	probe.t1 = now + (uint64_t)s->clock_offset_ns;
	probe.sequence = probe_estimator_sent(&session->estimator, probe.t1, now);
	if (session->link.authenticated) {
		send_sealed(s, session, &to, &probe);
	} else {
		uint8_t packet[PROBE_STAMP_MAX_BYTES];
		size_t length = probe_stamp_build(packet, &probe, NULL);
		probe_socket_send(&s->sender, &to, packet, length, NULL);
	}
	session->next_send_ns += session->link.interval_ns;
	if (session->next_send_ns <= now)
		session->next_send_ns = now + session->link.interval_ns;
}

/* The wall clock's distance from CLOCK_MONOTONIC changes only when somebody steps it. */
static void check_clock(struct probe_sessions *s, uint64_t now)
{
	if (now - s->clock_checked_ns < CLOCK_CHECK_NS)
		return;
	s->clock_checked_ns = now;
	struct probe_clock before = s->clock;
	s->clock = probe_clock_read(s->test_offset_ns, s->clock_source);
	int64_t offset = kbpf_wall_clock_offset() + s->test_offset_ns;
	if (llabs(offset - s->clock_offset_ns) < CLOCK_STEP_NS) {
		if (s->kbpf && before.error_estimate != s->clock.error_estimate)
			stamps_ebpf_configure(s);
		return;
	}
	s->clock_offset_ns = offset;
	if (s->kbpf)
		stamps_ebpf_configure(s);
	for (uint32_t i = 0; i < s->n_slots; i++)
		if (s->slots[i])
			probe_estimator_own_clock_stepped(&s->slots[i]->estimator);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct probe_sessions *s)
{
	uint64_t next = UINT64_MAX, now = probe_now();
	for (uint32_t i = 0; i < s->n_slots; i++) {
		if (!s->slots[i])
			continue;
		uint64_t deadline = probe_estimator_deadline(&s->slots[i]->estimator), send = s->slots[i]->next_send_ns;
		next = deadline < next ? deadline : next;
		next = send < next ? send : next;
	}
	if (next == UINT64_MAX) {
		uv_timer_stop(&s->timer);
		return;
	}
	uint64_t wait_ms = next > now ? (next - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	uv_update_time(s->loop);
	uv_timer_start(&s->timer, on_timer, wait_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct probe_sessions *s = timer->data;
	read_all(s);
	uint64_t now = probe_now();
	check_clock(s, now);
	for (uint32_t i = 0; i < s->n_slots; i++) {
		struct session *session = s->slots[i];
		if (!session || (now < session->next_send_ns && now < probe_estimator_deadline(&session->estimator)))
			continue;
		judge(s, session, now);
		if (s->slots[i] == session && now >= session->next_send_ns) {
			send_probe(s, session, now);
			sized_send(s, session, probe_now());
		}
	}
	arm(s);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_all(poll->data);
}

/* Priority data are departures. */
static int watch(struct probe_sessions *s, uv_poll_t *poll, int fd, bool departures)
{
	int error = uv_poll_init(s->loop, poll, fd);
	if (error)
		return error;
	poll->data = s;
	s->open_handles++;
	return uv_poll_start(poll, UV_READABLE | (departures ? UV_PRIORITIZED : 0), on_readable);
}

static void release(struct probe_sessions *s)
{
	reflector_close(s);
	probe_socket_close(&s->sender);
	probe_socket_close(&s->sealed);
	probe_socket_close(&s->sized);
	for (uint32_t i = 0; i < s->n_slots; i++)
		free(s->slots[i]);
	free(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct probe_sessions *s = handle->data;
	if (--s->open_handles == 0)
		release(s);
}

void probe_sessions_close(struct probe_sessions *s)
{
	if (!s)
		return;
	uv_handle_t *handles[] = {(uv_handle_t *)&s->timer, (uv_handle_t *)&s->arrivals, (uv_handle_t *)&s->replies,
	    (uv_handle_t *)&s->sizes, (uv_handle_t *)&s->probes};
	bool any = false;
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		if (handles[i]->data) {
			any = true;
			uv_close(handles[i], on_closed);
		}
	if (!any)
		release(s);
}

static int open_sender(struct probe_socket *socket, uint16_t port, char *why)
{
	int error = probe_socket_open(port, socket);
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "UDP port %u (STAMP sender): %s", port, strerror(-error));
	return error;
}

static int open_stamps(struct probe_sessions *s, char *why)
{
	int error = open_sender(&s->sender, PROBE_SENDER_PORT, why);
	if (!error)
		error = open_sender(&s->sealed, PROBE_SEALED_PORT, why);
	if (!error)
		error = open_sender(&s->sized, PROBE_SIZED_PORT, why);
	if (error)
		return error;
	/* Where the kernel cannot tell, T1 is what stands in the packet. */
	probe_socket_watch_departures(&s->sealed);
	int64_t offset = kbpf_wall_clock_offset() + s->test_offset_ns;
	s->clock_offset_ns = s->kbpf ? stamps_ebpf_clock(s, offset) : offset;
	s->clock = probe_clock_read(s->test_offset_ns, s->clock_source);
	error = s->kbpf ? stamps_ebpf_configure(s) : 0;
	if (error && why)
		snprintf(why, KBPF_WHY_SIZE, "the BPF programs cannot be configured: %s", strerror(-error));
	return error ? error : reflector_open(s, why);
}

static int open_handles(struct probe_sessions *s)
{
	int error = uv_timer_init(s->loop, &s->timer);
	if (error)
		return error;
	s->timer.data = s;
	s->open_handles++;
	error = watch(s, &s->arrivals, s->kbpf ? kbpf_samples_fd(s->kbpf) : s->sender.fd, false);
	if (!error)
		error = watch(s, &s->replies, s->sealed.fd, s->sealed.departures);
	if (!error)
		error = watch(s, &s->sizes, s->sized.fd, false);
	if (!error)
		error = watch(s, &s->probes, s->reflector.fd, s->reflector.departures);
	return error;
}

int probe_sessions_open(uv_loop_t *loop, const struct probe_options *options, const struct probe_events *events,
    struct probe_sessions **ret, char *why)
{
	struct probe_sessions *s = calloc(1, sizeof(*s));
	if (!s || options->workers > WIRE_BPF_MAX_WORKERS) {
		free(s);
		return s ? -EINVAL : -ENOMEM;
	}
	s->loop = loop;
	s->kbpf = options->kbpf;
	s->events = *events;
	s->interval_ns = options->interval_ns ? options->interval_ns : PROBE_INTERVAL_NS;
	s->test_offset_ns = options->test_clock_offset_ns;
	s->clock_source = options->clock_source ? options->clock_source : WIRE_STAMP_SYNC_NTP;
	s->stateless = options->stateless;
	s->answer_any = options->answer_any;
	s->workers = options->workers;
	s->sender.fd = s->sealed.fd = s->sized.fd = s->reflector.fd = s->heartbeat_fd = -1;
	s->clock_checked_ns = probe_now();
	int error = open_stamps(s, why);
	if (!error) {
		error = open_handles(s);
		if (error && why)
			snprintf(why, KBPF_WHY_SIZE, "event loop: %s", uv_strerror(error));
	}
	if (error) {
		probe_sessions_close(s);
		return error;
	}
	*ret = s;
	return 0;
}

int probe_sessions_set_workers(struct probe_sessions *s, uint32_t workers)
{
	if (workers > WIRE_BPF_MAX_WORKERS)
		return -EINVAL;
	s->workers = workers;
	return s->kbpf ? stamps_ebpf_configure(s) : 0;
}

int probe_sessions_heartbeat_fd(const struct probe_sessions *s)
{
	return s->kbpf ? kbpf_heartbeat_fd(s->kbpf) : s->heartbeat_fd;
}

/* Where in the interval a slot sends: multiples of the golden ratio spread evenly however many there are (Weyl). */
static uint64_t phase_of(uint32_t slot, uint64_t interval_ns)
{
	const uint32_t golden = 2654435769u; /* 2^32 / 1.618… */
	return (uint64_t)(slot * golden) * interval_ns >> 32;
}

static bool keys_fit(const struct probe_link *link)
{
	return !link->authenticated || (link->keys.n >= 1 && link->keys.n <= PROBE_MAX_KEYS &&
	                                   link->their_keys.n >= 1 && link->their_keys.n <= PROBE_MAX_KEYS);
}

/* A random one that no session has; a stranger to our probes has one chance in 65,535. */
static uint16_t new_session_id(const struct probe_sessions *s)
{
	uint16_t id = 0;
	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id))
		id = (uint16_t)probe_now();
	while (id == 0 || s->slot_of[id])
		id++;
	return id;
}

static void start(struct probe_sessions *s, struct session *session, uint32_t slot)
{
	uint64_t now = probe_now();
	if (session->link.interval_ns == 0)
		session->link.interval_ns = s->interval_ns;
	uint64_t interval = session->link.interval_ns;
	session->session_id = new_session_id(s);
	session->next_send_ns = now - now % interval + phase_of(slot, interval);
	if (session->next_send_ns < now)
		session->next_send_ns += interval;
	probe_estimator_init(&session->estimator, interval, now);
	probe_mtu_init(&session->mtu, session->link.mtu, now);
	s->slots[slot] = session;
	s->slot_of[session->session_id] = (uint16_t)(slot + 1);
	if (slot >= s->n_slots)
		s->n_slots = slot + 1;
}

int probe_sessions_add(struct probe_sessions *s, const struct probe_link *link)
{
	uint32_t slot = 0;
	if (by_link(s, link->link) || probe_sessions_by_pair(s, &link->local, &link->remote))
		return -EEXIST;
	if (wire_addr_is_v4(&link->local) != wire_addr_is_v4(&link->remote) || !keys_fit(link))
		return -EINVAL;
	while (slot < WIRE_BPF_MAX_PEERS && s->slots[slot])
		slot++;
	if (slot == WIRE_BPF_MAX_PEERS)
		return -E2BIG;
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	session->link = *link;
	int error = s->kbpf ? kbpf_add_peer(s->kbpf, &link->local, &link->remote, link->authenticated) : 0;
	if (error) {
		free(session);
		return error;
	}
	start(s, session, slot);
	arm(s);
	return 0;
}

int probe_sessions_remove(struct probe_sessions *s, uint32_t link)
{
	struct session *session = by_link(s, link);
	if (!session)
		return -ENOENT;
	if (s->kbpf)
		kbpf_delete_peer(s->kbpf, &session->link.local, &session->link.remote);
	s->slots[s->slot_of[session->session_id] - 1] = NULL;
	s->slot_of[session->session_id] = 0;
	explicit_bzero(&session->link, sizeof(session->link));
	free(session);
	while (s->n_slots > 0 && !s->slots[s->n_slots - 1])
		s->n_slots--;
	return 0;
}

int probe_sessions_set_keys(
    struct probe_sessions *s, uint32_t link, const struct probe_keys *keys, const struct probe_keys *their_keys)
{
	struct session *session = by_link(s, link);
	struct probe_link changed = {.authenticated = true, .keys = *keys, .their_keys = *their_keys};
	if (!session)
		return -ENOENT;
	if (!session->link.authenticated || !keys_fit(&changed))
		return -EINVAL;
	session->link.keys = *keys;
	session->link.their_keys = *their_keys;
	explicit_bzero(&changed, sizeof(changed));
	return 0;
}

int probe_sessions_get_refused(const struct probe_sessions *s, uint32_t link, uint64_t ret[PROBE_REFUSAL_COUNT])
{
	const struct session *session = by_link(s, link);
	struct wire_bpf_peer peer;
	if (!session)
		return -ENOENT;
	memcpy(ret, session->refused, sizeof(session->refused));
	if (s->kbpf && kbpf_get_peer(s->kbpf, &session->link.local, &session->link.remote, &peer) == 0)
		ret[PROBE_REFUSED_SHORT] += peer.refused;
	return 0;
}

int probe_sessions_get_accuracy(
    const struct probe_sessions *s, uint32_t link, uint64_t from_ns, struct probe_accuracy_estimate *ret)
{
	const struct session *session = by_link(s, link);
	if (!session)
		return -ENOENT;
	probe_accuracy_get(&session->accuracy, from_ns, ret);
	return 0;
}

struct probe_strangers probe_sessions_strangers(const struct probe_sessions *s)
{
	return s->strangers;
}

int probe_sessions_get(const struct probe_sessions *s, uint32_t link, struct probe_estimate *ret)
{
	const struct session *session = by_link(s, link);
	if (!session)
		return -ENOENT;
	probe_estimator_get(&session->estimator, probe_now(), ret);
	return 0;
}

int probe_sessions_get_mtu(const struct probe_sessions *s, uint32_t link, struct probe_mtu *ret)
{
	const struct session *session = by_link(s, link);
	if (!session || session->link.mtu == 0)
		return -ENOENT;
	*ret = session->mtu;
	return 0;
}

int probe_sessions_set_mtu(struct probe_sessions *s, uint32_t link, uint16_t mtu)
{
	struct session *session = by_link(s, link);
	if (!session)
		return -ENOENT;
	if (session->link.mtu != mtu)
		probe_mtu_init(&session->mtu, mtu, probe_now());
	session->link.mtu = mtu;
	return 0;
}

int probe_sessions_forget_others(struct probe_sessions *s)
{
	struct wire_bpf_peer_key at, next;
	if (!s->kbpf)
		return 0;
	bool more = kbpf_next_peer(s->kbpf, NULL, &next) == 0;
	/* Each key's successor is fetched before it is deleted; the walk then never stands on a deleted key. */
	while (more) {
		at = next;
		more = kbpf_next_peer(s->kbpf, &at, &next) == 0;
		if (!probe_sessions_by_pair(s, &at.local, &at.remote))
			kbpf_delete_peer(s->kbpf, &at.local, &at.remote);
	}
	return 0;
}
