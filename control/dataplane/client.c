/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dataplane/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/dataplane/impl.h"

#define BACKOFF_MIN_MS 20u
#define BACKOFF_MAX_MS 500u

/* Gathers what one event changes in several kinds of objects; far below the 100 ms that ten commits a second leave. */
#define GATHER_MS 2u

/* A refusal may have been for want of memory; a wrong object is refused again, silently. */
#define RETRY_MS 5000u

/* A data plane answers in milliseconds, or when its slowest worker has come round; one that says nothing for so long
 * has lost the transaction. */
#define SILENCE_MS 10000u

static void on_flush(uv_timer_t *timer);

/* ---- transactions ---- */

struct emission {
	struct ctl_frames frames;
	uint64_t generation;
};

static int emit(void *arg, enum wire_ctl_type type, unsigned object, const void *body, size_t size)
{
	struct emission *emission = arg;
	return ctl_frame_add(&emission->frames, type, object, emission->generation, body, size, -1);
}

/* Queue the transaction that brings the data plane to what is wanted. Returns its number of objects or -errno. */
static int build(struct ctl_dataplane *client, bool full)
{
	struct wire_ctl_begin begin = {.flags = full ? WIRE_CTL_FULL : 0};
	struct emission emission = {.generation = client->generation + 1};
	int error = ctl_frame_add(&emission.frames, WIRE_CTL_BEGIN, 0, emission.generation, &begin, sizeof(begin), -1);
	int count = error ? error : ctl_wanted_diff(client->wanted, full, emit, &emission);
	if (count > 0 || (!count && full)) {
		error = ctl_frame_add(&emission.frames, WIRE_CTL_COMMIT, 0, emission.generation, NULL, 0, -1);
		if (error)
			ctl_wanted_refused(client->wanted);
		count = error ? error : count;
	}
	if (count > 0 || (!count && full)) {
		client->generation = emission.generation;
		ctl_frames_append(&client->out, &emission.frames);
	}
	ctl_frames_clear(&emission.frames);
	return count;
}

static void synchronised(struct ctl_dataplane *client, bool full)
{
	uint64_t now = uv_hrtime();
	uint64_t ns = now - (full ? client->connected_at : client->changed_at);
	if (full)
		client->status.last_sync_ns = ns;
	client->status.synchronised = true;
	if (client->events.synchronised)
		client->events.synchronised(client->arg, client->generation, ns, full);
}

static void on_silence(uv_timer_t *timer)
{
	ctl_dataplane_on_lost(timer->data, "no answer to a transaction");
}

static void flush(struct ctl_dataplane *client)
{
	if (!client->greeted || !client->ready || client->in_flight || !(client->changed || client->full))
		return;
	bool full = client->full;
	client->changed = false;
	int count = build(client, full);
	if (count < 0) {
		client->changed = true;
		uv_timer_start(&client->flush, on_flush, RETRY_MS, 0);
		return;
	}
	if (!count && !full) {
		if (client->tell_links)
			ctl_dataplane_tell_links(client);
		client->tell_links = false;
		return;
	}
	client->tell_links_in_flight = client->tell_links;
	client->tell_links = false;
	client->in_flight = true;
	client->in_flight_full = full;
	client->status.synchronised = false;
	uv_timer_start(&client->flush, on_silence, SILENCE_MS, 0);
	ctl_dataplane_pump(client);
}

static void on_flush(uv_timer_t *timer)
{
	flush(timer->data);
}

static void on_retry(uv_timer_t *timer)
{
	struct ctl_dataplane *client = timer->data;
	client->changed = true;
	flush(client);
}

static void touch(struct ctl_dataplane *client)
{
	if (!client->changed)
		client->changed_at = uv_hrtime();
	client->changed = true;
	if (client->greeted && client->ready && !client->in_flight)
		uv_timer_start(&client->flush, on_flush, GATHER_MS, 0);
}

static void on_ack(struct ctl_dataplane *client, uint64_t generation)
{
	if (!client->in_flight || generation != client->generation)
		return;
	ctl_wanted_acked(client->wanted);
	client->in_flight = false;
	uv_timer_stop(&client->flush);
	if (client->in_flight_full)
		client->full = false;
	client->status.generation = generation;
	client->status.commits++;
	client->status.error[0] = 0;
	if (client->tell_links_in_flight)
		ctl_dataplane_tell_links(client);
	if (client->changed)
		flush(client);
	if (!client->in_flight)
		synchronised(client, client->in_flight_full);
}

static void on_error(struct ctl_dataplane *client, uint64_t generation, const struct wire_ctl_error *refusal)
{
	struct wire_ctl_error error = *refusal;
	error.text[sizeof(error.text) - 1] = 0;
	bool news = strcmp(client->status.error, error.text) != 0;
	memcpy(client->status.error, error.text, sizeof(client->status.error));
	client->status.refusals++;
	if (client->in_flight && generation == client->generation) {
		ctl_wanted_refused(client->wanted);
		client->in_flight = false;
		client->tell_links |= client->tell_links_in_flight;
		if (client->changed)
			uv_timer_start(&client->flush, on_flush, GATHER_MS, 0);
		else
			uv_timer_start(&client->flush, on_retry, RETRY_MS, 0);
	}
	if (news && client->events.refused)
		client->events.refused(client->arg, &error);
}

/* ---- the connection ---- */

static void unmap_stats(struct ctl_dataplane *client)
{
	if (client->stats)
		munmap(client->stats, client->stats_size);
	client->stats = NULL;
}

static void map_stats(struct ctl_dataplane *client, int fd)
{
	struct stat about;
	unmap_stats(client);
	if (fd < 0 || fstat(fd, &about) || about.st_size < (off_t)sizeof(struct wire_stats))
		return;
	size_t size = (size_t)about.st_size;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return;
	client->stats = map;
	client->stats_size = size;
}

static void send_heartbeat_map(struct ctl_dataplane *client)
{
	if (client->heartbeat_fd < 0 || !client->greeted)
		return;
	struct wire_ctl_heartbeat_map map = {.entries = client->heartbeat_entries};
	int fd = fcntl(client->heartbeat_fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && ctl_dataplane_send(client, WIRE_CTL_HEARTBEAT_MAP, &map, sizeof(map), fd))
		close(fd);
}

/* To a data plane that has just started: its predecessor's tables. To one that has lived through us: a question. */
static void send_tables(struct ctl_dataplane *client, bool has_restarted)
{
	struct wire_ctl_tables tables = {0};
	int fd = has_restarted && client->tables_fd >= 0 ? fcntl(client->tables_fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (client->greeted && ctl_dataplane_send(client, WIRE_CTL_TABLES, &tables, sizeof(tables), fd) && fd >= 0)
		close(fd);
}

static void on_tables(struct ctl_dataplane *client, const struct wire_ctl_tables *tables, int *fd)
{
	if (*fd >= 0) {
		if (client->tables_fd >= 0)
			close(client->tables_fd);
		client->tables_fd = *fd;
		*fd = -1;
	}
	if (client->events.tables)
		client->events.tables(client->arg, tables);
}

static void on_hello(struct ctl_dataplane *client, const struct wire_ctl_hello *hello, int *fd)
{
	if (hello->version != WIRE_CTL_VERSION) {
		ctl_dataplane_on_lost(client, "data plane speaks another version of the control protocol");
		return;
	}
	bool knows_all = hello->boot_id == client->peer_boot_id && hello->generation == client->status.generation &&
	                 hello->generation && !client->full;
	bool has_restarted = hello->boot_id != client->peer_boot_id && !hello->generation;
	client->peer_boot_id = hello->boot_id;
	client->full = !knows_all;
	if (hello->generation > client->generation)
		client->generation = hello->generation;
	client->greeted = true;
	client->backoff_ms = BACKOFF_MIN_MS;
	client->status.connected = true;
	client->status.boot_id = hello->boot_id;
	client->status.pid = hello->pid;
	client->status.workers = hello->workers;
	map_stats(client, *fd);
	send_tables(client, has_restarted);
	send_heartbeat_map(client);
	client->tell_links = true;
	if (client->greeted && client->events.connected)
		client->events.connected(client->arg, hello);
	client->changed = client->changed || ctl_wanted_differ(client->wanted);
	if (knows_all && !client->changed) {
		ctl_dataplane_tell_links(client);
		client->tell_links = false;
		synchronised(client, false);
	}
	flush(client);
}

void ctl_dataplane_on_message(
    struct ctl_dataplane *client, const struct wire_ctl_header *header, const void *body, int *fd)
{
	if (header->type != WIRE_CTL_HELLO && header->type != WIRE_CTL_ERROR && !client->greeted) {
		ctl_dataplane_on_lost(client, "data plane has not said hello");
		return;
	}
	switch (header->type) {
	case WIRE_CTL_HELLO:
		on_hello(client, body, fd);
		break;
	case WIRE_CTL_TABLES:
		on_tables(client, body, fd);
		break;
	case WIRE_CTL_ACK:
		on_ack(client, header->generation);
		break;
	case WIRE_CTL_ERROR:
		on_error(client, header->generation, body);
		break;
	case WIRE_CTL_LINK_STATE:
		if (client->events.link_state)
			client->events.link_state(client->arg, body);
		break;
	case WIRE_CTL_PATH_STATE:
		if (client->events.path_state)
			client->events.path_state(client->arg, body);
		break;
	case WIRE_CTL_NEIGHBOUR_WANTED:
		if (client->events.neighbour_wanted)
			client->events.neighbour_wanted(client->arg, body);
		break;
	case WIRE_CTL_FLOW:
		ctl_dataplane_on_flow(client, body);
		break;
	case WIRE_CTL_FLOWS_END:
		ctl_dataplane_on_flows_end(client);
		break;
	case WIRE_CTL_TRACE:
		ctl_dataplane_on_trace(client, body);
		break;
	case WIRE_CTL_CAPTURED:
		ctl_dataplane_on_captured(client, body, header->length - sizeof(*header));
		break;
	default:
		break;
	}
}

static void on_reconnect(uv_timer_t *timer)
{
	struct ctl_dataplane *client = timer->data;
	int error = ctl_dataplane_connect(client);
	if (!error) {
		struct wire_ctl_hello hello = {
		    .version = WIRE_CTL_VERSION, .pid = (uint32_t)getpid(), .boot_id = client->boot_id};
		client->connected_at = uv_hrtime();
		error = ctl_dataplane_send(client, WIRE_CTL_HELLO, &hello, sizeof(hello), -1);
		if (error)
			ctl_dataplane_on_lost(client, strerror(-error));
		return;
	}
	client->backoff_ms = client->backoff_ms * 2 < BACKOFF_MAX_MS ? client->backoff_ms * 2 : BACKOFF_MAX_MS;
	uv_timer_start(&client->reconnect, on_reconnect, client->backoff_ms, 0);
}

void ctl_dataplane_on_lost(struct ctl_dataplane *client, const char *why)
{
	bool was_greeted = client->greeted;
	ctl_dataplane_disconnect(client);
	uv_timer_stop(&client->flush);
	client->greeted = false;
	client->status.connected = false;
	client->status.synchronised = false;
	if (client->in_flight) {
		/* Whether it was committed is not known: say everything again. */
		ctl_wanted_refused(client->wanted);
		client->in_flight = false;
		client->tell_links |= client->tell_links_in_flight;
		client->full = true;
	}
	unmap_stats(client);
	ctl_dataplane_queries_lost(client, -EPIPE);
	if (was_greeted && client->events.disconnected)
		client->events.disconnected(client->arg, why);
	client->backoff_ms = was_greeted ? BACKOFF_MIN_MS : BACKOFF_MAX_MS;
	if (!client->closing)
		uv_timer_start(&client->reconnect, on_reconnect, client->backoff_ms, 0);
}

/* ---- the caller's side ---- */

int ctl_dataplane_new(uv_loop_t *loop, const char *socket_path, const struct ctl_dataplane_events *events, void *arg,
    struct ctl_dataplane **ret_client)
{
	struct ctl_dataplane *client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	int error = ctl_wanted_new(&client->wanted);
	if (!error && strlen(socket_path) >= sizeof(client->path))
		error = -ENAMETOOLONG;
	if (!error && getrandom(&client->boot_id, sizeof(client->boot_id), 0) != (ssize_t)sizeof(client->boot_id))
		error = -EIO;
	if (error) {
		ctl_wanted_free(client->wanted);
		free(client);
		return error;
	}
	client->loop = loop;
	client->events = *events;
	client->arg = arg;
	memcpy(client->path, socket_path, strlen(socket_path) + 1);
	client->fd = client->heartbeat_fd = client->tables_fd = -1;
	client->full = true;
	client->backoff_ms = BACKOFF_MIN_MS;
	uv_timer_init(loop, &client->reconnect);
	uv_timer_init(loop, &client->flush);
	client->reconnect.data = client->flush.data = client;
	client->handles = 2;
	uv_timer_start(&client->reconnect, on_reconnect, 0, 0);
	*ret_client = client;
	return 0;
}

void ctl_dataplane_handle_closed(uv_handle_t *handle)
{
	struct ctl_dataplane *client = handle->data;
	if (--client->handles || !client->closing)
		return;
	free(client->link_state);
	free(client);
}

void ctl_dataplane_close(struct ctl_dataplane *client)
{
	if (!client)
		return;
	client->closing = true;
	client->events = (struct ctl_dataplane_events){0};
	ctl_dataplane_queries_lost(client, -EPIPE);
	ctl_dataplane_disconnect(client);
	unmap_stats(client);
	if (client->heartbeat_fd >= 0)
		close(client->heartbeat_fd);
	if (client->tables_fd >= 0)
		close(client->tables_fd);
	ctl_wanted_free(client->wanted);
	client->wanted = NULL;
	uv_close((uv_handle_t *)&client->reconnect, ctl_dataplane_handle_closed);
	uv_close((uv_handle_t *)&client->flush, ctl_dataplane_handle_closed);
}

/* What is wanted already costs no look at everything else that is. */
static int took(struct ctl_dataplane *client, int result)
{
	if (result > 0)
		touch(client);
	return result < 0 ? result : 0;
}

int ctl_dataplane_upsert(struct ctl_dataplane *client, enum wire_ctl_object object, const void *body)
{
	return took(client, ctl_wanted_upsert(client->wanted, object, body));
}

int ctl_dataplane_delete(struct ctl_dataplane *client, enum wire_ctl_object object, const void *key)
{
	return took(client, ctl_wanted_delete(client->wanted, object, key));
}

int ctl_dataplane_replace(struct ctl_dataplane *client, enum wire_ctl_object object, const void *rows, size_t n)
{
	int result = ctl_wanted_replace(client->wanted, object, rows, n);
	client->tell_links |= object == WIRE_OBJ_LINK; /* one may be new */
	if (result >= 0 && object == WIRE_OBJ_LINK) {
		ctl_dataplane_keep_links(client, rows, n);
		touch(client);
	}
	return took(client, result);
}

void ctl_dataplane_ready(struct ctl_dataplane *client)
{
	client->ready = true;
	touch(client);
}

int ctl_dataplane_heartbeat_map(struct ctl_dataplane *client, int fd, uint32_t entries)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	if (client->heartbeat_fd >= 0)
		close(client->heartbeat_fd);
	client->heartbeat_fd = copy;
	client->heartbeat_entries = entries;
	send_heartbeat_map(client);
	return 0;
}

void ctl_dataplane_status(const struct ctl_dataplane *client, struct ctl_dataplane_status *ret_status)
{
	*ret_status = client->status;
	ret_status->objects = (uint32_t)ctl_wanted_count(client->wanted);
}

const struct wire_stats *ctl_dataplane_stats(const struct ctl_dataplane *client, size_t *ret_size)
{
	*ret_size = client->stats ? client->stats_size : 0;
	return client->stats;
}
