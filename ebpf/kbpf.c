/* SPDX-License-Identifier: BSD-2-Clause */
#include "ebpf/kbpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ebpf/bpffs.h"
#include "ebpf/inside.h"
#include "port.skel.h"

static char complaint[KBPF_WHY_SIZE];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && !complaint[0]) {
		vsnprintf(complaint, sizeof(complaint), format, args);
		complaint[strcspn(complaint, "\n")] = 0;
	}
	return 0;
}

void kbpf_listen(void)
{
	complaint[0] = 0;
	libbpf_set_print(keep_complaint);
}

const char *kbpf_heard(void)
{
	return complaint[0] ? complaint : "no details";
}

int kbpf_why(char *why, int error, const char *format, ...)
{
	if (why) {
		va_list args;
		va_start(args, format);
		vsnprintf(why, KBPF_WHY_SIZE, format, args);
		va_end(args);
	}
	return error;
}

void kbpf_root(char ret[PATH_MAX], int root_fd)
{
	snprintf(ret, PATH_MAX, "/proc/self/fd/%d", root_fd);
}

static int make_directory(const char *root, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", root, name);
	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Loads the object for its shared maps alone: pinned ones are taken, missing ones made and pinned. */
static int load_maps(const char *root, struct port_bpf **ret)
{
	struct port_bpf *object = port_bpf__open();
	if (!object)
		return -errno;
	int error = 0;
	struct bpf_program *program;
	bpf_object__for_each_program(program, object->obj) bpf_program__set_autoload(program, false);
	struct bpf_map *map;
	bpf_object__for_each_map(map, object->obj)
	{
		char path[PATH_MAX];
		snprintf(path, sizeof(path), "%s/maps/%s", root, bpf_map__name(map));
		if (map == object->maps.xsks_map || bpf_map__is_internal(map))
			error = bpf_map__set_autocreate(map, false);
		else
			error = bpf_map__set_pin_path(map, path);
		if (error)
			break;
	}
	if (!error)
		error = port_bpf__load(object);
	if (error) {
		port_bpf__destroy(object);
		return error;
	}
	*ret = object;
	return 0;
}

static void remove_maps(const char *root)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/maps", root);
	DIR *directory = opendir(path);
	if (!directory)
		return;
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(path);
}

static int prepare(struct kbpf *k, char *why)
{
	int error = make_directory(k->root, "maps");
	if (!error)
		error = make_directory(k->root, "ports");
	if (error)
		return kbpf_why(why, error, "cannot write to the BPF file system %s: %s", k->root, strerror(-error));
	error = load_maps(k->root, &k->maps);
	if (error == -EINVAL) {
		/* Pinned maps of another version: the programs over them are of no use to us. */
		error = kbpf_drop_ports(k->root, why);
		if (error)
			return error;
		remove_maps(k->root);
		error = make_directory(k->root, "maps");
		if (!error)
			error = load_maps(k->root, &k->maps);
	}
	if (error == -EPERM)
		return kbpf_why(why, error, "BPF maps are refused: CAP_BPF and CAP_NET_ADMIN are missing");
	if (error)
		return kbpf_why(why, error, "BPF maps cannot be made: %s (%s)", strerror(-error), kbpf_heard());
	return 0;
}

static int give_sample(void *context, void *data, size_t size)
{
	struct kbpf *k = context;
	if (k->on_sample && size >= sizeof(struct wire_bpf_sample))
		k->on_sample(k->context, data);
	return --k->samples_left > 0 ? 0 : -EAGAIN;
}

int kbpf_open(const char *directory, struct kbpf **ret, char *why)
{
	kbpf_listen();
	struct kbpf *k = calloc(1, sizeof(*k));
	if (!k)
		return kbpf_why(why, -ENOMEM, "out of memory");
	k->root_fd = -1;
	int error = kbpf_bpffs_mount(directory, &k->root_fd);
	if (error)
		kbpf_why(why, error, "no BPF file system can be mounted on %s: %s", directory, strerror(-error));
	kbpf_root(k->root, k->root_fd);
	if (!error)
		error = prepare(k, why);
	if (!error) {
		k->ring = ring_buffer__new(bpf_map__fd(k->maps->maps.samples), give_sample, k, NULL);
		if (!k->ring)
			error =
			    kbpf_why(why, -errno, "the ring buffer of samples cannot be mapped: %s", strerror(errno));
	}
	if (error) {
		kbpf_close(k);
		return error;
	}
	kbpf_read_samples(k, UINT_MAX, NULL, NULL);
	*ret = k;
	return 0;
}

void kbpf_close(struct kbpf *k)
{
	if (!k)
		return;
	ring_buffer__free(k->ring);
	if (k->maps)
		port_bpf__destroy(k->maps);
	if (k->root_fd >= 0)
		close(k->root_fd);
	free(k);
}

int kbpf_remove(const char *directory, char *why)
{
	char root[PATH_MAX], ports[PATH_MAX + 8];
	kbpf_listen();
	int fd, error = kbpf_bpffs_find(directory, &fd);
	if (error == -ENOENT)
		return 0;
	if (error)
		return kbpf_why(why, error, "%s is not an absolute path", directory);
	kbpf_root(root, fd);
	error = kbpf_drop_ports(root, why);
	if (!error) {
		remove_maps(root);
		snprintf(ports, sizeof(ports), "%s/ports", root);
		rmdir(ports);
	}
	close(fd);
	if (error)
		return error;
	error = kbpf_bpffs_unmount(directory);
	return error ? kbpf_why(why, error, "cannot unmount %s: %s", directory, strerror(-error)) : 0;
}

int kbpf_set_config(struct kbpf *k, const struct wire_bpf_config *config)
{
	uint32_t zero = 0;
	if (config->workers > WIRE_BPF_MAX_WORKERS)
		return -EINVAL;
	return bpf_map_update_elem(bpf_map__fd(k->maps->maps.config), &zero, config, BPF_ANY);
}

int kbpf_get_config(const struct kbpf *k, struct wire_bpf_config *ret)
{
	uint32_t zero = 0;
	return bpf_map_lookup_elem(bpf_map__fd(k->maps->maps.config), &zero, ret);
}

int64_t kbpf_wall_clock_offset(void)
{
	/* Of several readings the tightest: between the two monotonic ones nothing interrupted us. */
	int64_t best = INT64_MAX, offset = 0;
	for (int i = 0; i < 8; i++) {
		struct timespec before, wall, after;
		clock_gettime(CLOCK_MONOTONIC, &before);
		clock_gettime(CLOCK_REALTIME, &wall);
		clock_gettime(CLOCK_MONOTONIC, &after);
		int64_t b = before.tv_sec * 1000000000ll + before.tv_nsec,
		        a = after.tv_sec * 1000000000ll + after.tv_nsec;
		if (a - b >= best)
			continue;
		best = a - b;
		offset = wall.tv_sec * 1000000000ll + wall.tv_nsec - (b + (a - b) / 2);
	}
	return offset;
}

int kbpf_set_steer(struct kbpf *k, const struct wire_addr *address, enum wire_bpf_steer how)
{
	uint32_t value = how;
	return bpf_map_update_elem(bpf_map__fd(k->maps->maps.steer), address, &value, BPF_ANY);
}

int kbpf_delete_steer(struct kbpf *k, const struct wire_addr *address)
{
	return bpf_map_delete_elem(bpf_map__fd(k->maps->maps.steer), address);
}

int kbpf_retain_steer(struct kbpf *k, const struct wire_addr *keep, size_t n)
{
	int fd = bpf_map__fd(k->maps->maps.steer);
	struct wire_addr at, next;
	bool more = bpf_map_get_next_key(fd, NULL, &next) == 0;
	while (more) {
		at = next;
		more = bpf_map_get_next_key(fd, &at, &next) == 0;
		size_t i = 0;
		while (i < n && !wire_addr_equal(&keep[i], &at))
			i++;
		if (i == n)
			bpf_map_delete_elem(fd, &at);
	}
	return 0;
}

int kbpf_add_peer(struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote, bool authenticated)
{
	int fd = bpf_map__fd(k->maps->maps.peers);
	struct wire_bpf_peer_key key = {.remote = *remote, .local = *local};
	struct wire_bpf_peer peer = {.authenticated = authenticated};
	int error = bpf_map_update_elem(fd, &key, &peer, BPF_NOEXIST);
	if (error != -EEXIST)
		return error;
	error = bpf_map_lookup_elem(fd, &key, &peer);
	if (error || peer.authenticated == authenticated)
		return error;
	peer.authenticated = authenticated;
	return bpf_map_update_elem(fd, &key, &peer, BPF_EXIST);
}

int kbpf_delete_peer(struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote)
{
	struct wire_bpf_peer_key key = {.remote = *remote, .local = *local};
	return bpf_map_delete_elem(bpf_map__fd(k->maps->maps.peers), &key);
}

int kbpf_get_peer(
    const struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote, struct wire_bpf_peer *ret)
{
	struct wire_bpf_peer_key key = {.remote = *remote, .local = *local};
	return bpf_map_lookup_elem(bpf_map__fd(k->maps->maps.peers), &key, ret);
}

int kbpf_handed(const struct kbpf *k, const struct wire_addr *local, const struct wire_addr *remote,
    uint16_t sender_port, uint16_t session_id, uint32_t sequence, struct kbpf_handed *ret)
{
	struct wire_bpf_session_key key = {.sender = *remote, .reflector = *local};
	uint32_t at = sequence % WIRE_BPF_HANDED;
	for (key.place = 0; key.place < WIRE_BPF_PEER_SESSIONS; key.place++) {
		struct wire_bpf_session session;
		if (bpf_map_lookup_elem(bpf_map__fd(k->maps->maps.sessions), &key, &session) ||
		    session.sender_port != sender_port || session.session_id != session_id ||
		    session.handed[at].asked != sequence)
			continue;
		*ret = (struct kbpf_handed){.count = session.handed[at].count, .answered = session.answered};
		return 0;
	}
	return -ENOENT;
}

int kbpf_next_peer(const struct kbpf *k, const struct wire_bpf_peer_key *after, struct wire_bpf_peer_key *ret)
{
	return bpf_map_get_next_key(bpf_map__fd(k->maps->maps.peers), after, ret);
}

int kbpf_heartbeat_fd(const struct kbpf *k)
{
	return bpf_map__fd(k->maps->maps.heartbeat);
}

int kbpf_read_counters(const struct kbpf *k, uint64_t *ret)
{
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return cpus;
	uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	uint64_t sums[WIRE_BPF_COUNTER_COUNT] = {0};
	int error = 0;
	for (uint32_t i = 0; i < WIRE_BPF_COUNTER_COUNT && !error; i++) {
		error = bpf_map_lookup_elem(bpf_map__fd(k->maps->maps.counters), &i, values);
		for (int cpu = 0; cpu < cpus && !error; cpu++)
			sums[i] += values[cpu];
	}
	free(values);
	if (!error)
		memcpy(ret, sums, sizeof(sums));
	return error;
}

const char *kbpf_counter_name(unsigned counter)
{
#define NAME(symbol, name) name,
	static const char *const names[WIRE_BPF_COUNTER_COUNT] = {WIRE_BPF_COUNTERS(NAME)};
#undef NAME
	return counter < WIRE_BPF_COUNTER_COUNT ? names[counter] : "unknown";
}

int kbpf_samples_fd(const struct kbpf *k)
{
	return ring_buffer__epoll_fd(k->ring);
}

int kbpf_read_samples(struct kbpf *k, unsigned most, kbpf_on_sample on_sample, void *context)
{
	k->on_sample = on_sample;
	k->context = context;
	k->samples_left = most;
	int n = ring_buffer__consume(k->ring);
	return n < 0 && n != -EAGAIN ? n : 0;
}
