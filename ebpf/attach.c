/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ebpf/inside.h"
#include "port.skel.h"

/* Where our filter sits in clsact's egress list: the last, so that an operator's own filters see the packet first. */
#define TC_HANDLE   1
#define TC_PRIORITY 49862

#define MAX_MAPS 16u /* that one of our programs uses */

struct port {
	char root[PATH_MAX]; /* <bpffs>/ports/INTERFACE */
	const char *interface;
	int ifindex;
	struct port_bpf *object;
};

/* A name in a bpffs must not hold dots; an interface's must not hold colons. */
static void pin_name(char ret[IF_NAMESIZE], const char *interface)
{
	snprintf(ret, IF_NAMESIZE, "%s", interface);
	for (char *c = ret; *c; c++)
		if (*c == '.')
			*c = ':';
}

static void interface_name(char ret[IF_NAMESIZE], const char *pin)
{
	snprintf(ret, IF_NAMESIZE, "%s", pin);
	for (char *c = ret; *c; c++)
		if (*c == ':')
			*c = '.';
}

static int pin_path(char ret[PATH_MAX], const char *root, const char *name)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s", root, name);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int open_pin(const char *root, const char *name)
{
	char path[PATH_MAX];
	int error = pin_path(path, root, name);
	return error ? error : bpf_obj_get(path);
}

static int make_pin(int fd, const char *root, const char *name)
{
	char path[PATH_MAX];
	int error = pin_path(path, root, name);
	if (error)
		return error;
	unlink(path);
	return bpf_obj_pin(fd, path);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

/* ret_tag: the kernel's hash of the instructions. */
static int program_info(int fd, uint32_t *ret_id, uint8_t ret_tag[BPF_TAG_SIZE], uint32_t uses_map, bool *ret_uses)
{
	uint32_t maps[MAX_MAPS];
	struct bpf_prog_info info = {.map_ids = (uintptr_t)maps, .nr_map_ids = MAX_MAPS};
	uint32_t size = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (error)
		return error;
	*ret_id = info.id;
	memcpy(ret_tag, info.tag, BPF_TAG_SIZE);
	*ret_uses = false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++)
		*ret_uses |= maps[i] == uses_map;
	return 0;
}

/* The running program has the new one's instructions, and works on the POP's maps: its pins may have been lost, and
 * with them the maps that it knows. */
static bool same_program(const struct port *port, uint32_t running_id, int new_fd)
{
	uint32_t config = map_id(bpf_map__fd(port->object->maps.config)), id;
	uint8_t running[BPF_TAG_SIZE], new[BPF_TAG_SIZE];
	bool uses, ours;
	int fd = bpf_prog_get_fd_by_id(running_id);
	if (fd < 0)
		return false;
	bool same = !program_info(fd, &id, running, config, &uses) && uses &&
	            !program_info(new_fd, &id, new, config, &ours) && !memcmp(running, new, BPF_TAG_SIZE);
	close(fd);
	return same;
}

static struct bpf_tc_hook egress_of(int ifindex)
{
	return (struct bpf_tc_hook){
	    .sz = sizeof(struct bpf_tc_hook), .ifindex = ifindex, .attach_point = BPF_TC_EGRESS};
}

/* Id of the program in our place of the egress list; 0: none. */
static uint32_t egress_program(int ifindex)
{
	struct bpf_tc_hook hook = egress_of(ifindex);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

static bool pins_program(const char *port_root, const char *pin, uint32_t program)
{
	uint8_t tag[BPF_TAG_SIZE];
	uint32_t id;
	bool uses;
	int pinned = open_pin(port_root, pin);
	if (pinned < 0)
		return false;
	bool same = program_info(pinned, &id, tag, 0, &uses) == 0 && id == program;
	close(pinned);
	return same;
}

/* Takes off our filter, and clsact if we made it: also when we were killed on the way (see attach_egress). A program
 * in our place that neither pin names is somebody else's. */
static void drop_egress(const char *port_root, int ifindex)
{
	uint32_t running = egress_program(ifindex);
	if (running && !pins_program(port_root, "tc", running) && !pins_program(port_root, "tc-next", running))
		return;
	struct bpf_tc_hook hook = egress_of(ifindex);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	if (running)
		bpf_tc_detach(&hook, &opts);
	int ours = open_pin(port_root, "clsact");
	if (ours < 0)
		return;
	close(ours);
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
}

/* The link is taken off at once, even while somebody else holds a descriptor of it. */
static void drop_xdp(const char *port_root)
{
	int link = open_pin(port_root, "xdp");
	if (link < 0)
		return;
	bpf_link_detach(link);
	close(link);
}

int kbpf_drop_port(const char *root, const char *name, char *why)
{
	char port_root[PATH_MAX], interface[IF_NAMESIZE];
	int n = snprintf(port_root, sizeof(port_root), "%s/ports/%s", root, name);
	if (n < 0 || n >= (int)sizeof(port_root))
		return -ENAMETOOLONG;
	interface_name(interface, name);
	int ifindex = (int)if_nametoindex(interface);
	if (ifindex)
		drop_egress(port_root, ifindex);
	drop_xdp(port_root);
	DIR *directory = opendir(port_root);
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	if (rmdir(port_root))
		return kbpf_why(why, -errno, "cannot remove %s: %s", port_root, strerror(errno));
	return 0;
}

int kbpf_drop_ports(const char *root, char *why)
{
	char ports[PATH_MAX];
	int error = pin_path(ports, root, "ports");
	if (error)
		return error;
	DIR *directory = opendir(ports);
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry; !error && (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			error = kbpf_drop_port(root, entry->d_name, why);
	closedir(directory);
	return error;
}

/* Loads the programs over the shared maps and the port's own socket map. */
static int load(struct kbpf *k, struct port *port, char *why)
{
	char path[PATH_MAX];
	int error = pin_path(path, port->root, "xsks_map");
	if (error)
		return error;
	kbpf_listen();
	port->object = port_bpf__open();
	if (!port->object)
		return kbpf_why(why, -errno, "%s: the BPF object cannot be opened: %s", port->interface, kbpf_heard());
	struct bpf_map *map;
	bpf_object__for_each_map(map, port->object->obj)
	{
		if (bpf_map__is_internal(map))
			continue; /* the compiler's constants */
		const struct bpf_map *shared = bpf_object__find_map_by_name(k->maps->obj, bpf_map__name(map));
		if (map == port->object->maps.xsks_map)
			error = bpf_map__set_pin_path(map, path);
		else
			error = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		if (error)
			return kbpf_why(
			    why, error, "%s: map %s: %s", port->interface, bpf_map__name(map), strerror(-error));
	}
	error = port_bpf__load(port->object);
	return error ? kbpf_why(why, error, "%s: XDP and tc programs are refused: %s (%s)", port->interface,
	                   strerror(-error), kbpf_heard())
	             : 0;
}

/* The pinned link's program, if the link is on this very interface. A link whose interface is gone has index 0. */
static int running_link(const struct port *port, uint32_t *ret_program)
{
	int link = open_pin(port->root, "xdp");
	if (link < 0)
		return link;
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int error = bpf_obj_get_info_by_fd(link, &info, &size);
	if (!error && (info.type != BPF_LINK_TYPE_XDP || (int)info.xdp.ifindex != port->ifindex))
		error = -ENODEV;
	if (error) {
		close(link);
		return error;
	}
	*ret_program = info.prog_id;
	return link;
}

static int create_link(const struct port *port, int program, char *why)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int link = bpf_link_create(program, port->ifindex, BPF_XDP, &opts);
	if (link < 0 && link != -EBUSY && link != -EPERM) {
		opts.flags = XDP_FLAGS_SKB_MODE;
		link = bpf_link_create(program, port->ifindex, BPF_XDP, &opts);
	}
	if (link == -EBUSY || link == -EEXIST)
		return kbpf_why(
		    why, -EBUSY, "%s: another XDP program is attached (see `bpftool net`)", port->interface);
	if (link < 0)
		return kbpf_why(why, link, "%s: XDP cannot be attached: %s", port->interface, strerror(-link));
	int error = make_pin(link, port->root, "xdp");
	close(link);
	return error ? kbpf_why(why, error, "%s: the XDP link cannot be pinned: %s", port->interface, strerror(-error))
	             : 0;
}

static int attach_xdp(const struct port *port, struct kbpf_attachment *how, char *why)
{
	int program = bpf_program__fd(port->object->progs.xsk_def_prog), error = 0;
	uint32_t running;
	int link = running_link(port, &running);
	if (link < 0) {
		error = create_link(port, program, why);
	} else if (same_program(port, running, program)) {
		how->reused = true;
		close(link);
	} else {
		error = bpf_link_update(link, program, NULL);
		close(link);
		if (error)
			return kbpf_why(why, error, "%s: the running XDP program cannot be exchanged: %s",
			    port->interface, strerror(-error));
		how->replaced = true;
	}
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	if (!error && bpf_xdp_query(port->ifindex, 0, &query) == 0)
		how->mode = query.attach_mode == XDP_ATTACHED_SKB ? KBPF_GENERIC : KBPF_NATIVE;
	return error;
}

/* Makes clsact if there is none, with a pin that says it is ours. Killed between the two we leave an empty clsact, which
 * does nothing; the other order could take an operator's for ours, with all filters in it. */
static int make_clsact(const struct port *port, struct bpf_tc_hook *hook, int program)
{
	int error = bpf_tc_hook_create(hook);
	if (!error)
		error = make_pin(program, port->root, "clsact");
	return error == -EEXIST ? 0 : error;
}

static int rename_pin(const struct port *port, const char *from, const char *to)
{
	char old[PATH_MAX], new[PATH_MAX];
	int error = pin_path(old, port->root, from);
	if (!error)
		error = pin_path(new, port->root, to);
	if (error)
		return error;
	unlink(new);
	return rename(old, new) ? -errno : 0;
}

/* What will be there is pinned first, so that --remove finds it wherever we are killed. */
static int attach_egress(const struct port *port, char *why)
{
	int program = bpf_program__fd(port->object->progs.stamp_egress);
	uint32_t running = egress_program(port->ifindex);
	if (running && same_program(port, running, program))
		return 0;
	struct bpf_tc_hook hook = egress_of(port->ifindex);
	int error = make_pin(program, port->root, "tc-next");
	if (!error)
		error = make_clsact(port, &hook, program);
	if (error)
		return kbpf_why(why, error, "%s: no clsact qdisc: %s", port->interface, strerror(-error));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY, .prog_fd = program,
	    .flags = running ? BPF_TC_F_REPLACE : 0);
	error = bpf_tc_attach(&hook, &opts);
	if (!error)
		error = rename_pin(port, "tc-next", "tc");
	return error ? kbpf_why(why, error, "%s: tc egress program: %s", port->interface, strerror(-error)) : 0;
}

int kbpf_attach(struct kbpf *k, const char *interface, struct kbpf_attachment *ret, char *why)
{
	struct port port = {.interface = interface, .ifindex = (int)if_nametoindex(interface)};
	struct kbpf_attachment how = {0};
	char name[IF_NAMESIZE];
	uint32_t unused;
	if (port.ifindex == 0)
		return kbpf_why(why, -ENODEV, "%s: no such interface in this network namespace", interface);
	pin_name(name, interface);
	int n = snprintf(port.root, sizeof(port.root), "%s/ports/%s", k->root, name);
	if (n < 0 || n >= (int)sizeof(port.root))
		return kbpf_why(why, -ENAMETOOLONG, "%s: path too long", k->root);
	/* What an interface of this name left behind that is gone now. */
	int error = 0, link = running_link(&port, &unused);
	if (link >= 0)
		close(link);
	else
		error = kbpf_drop_port(k->root, name, why);
	if (!error && mkdir(port.root, 0700) && errno != EEXIST)
		error = kbpf_why(why, -errno, "cannot make %s: %s", port.root, strerror(errno));
	if (!error)
		error = load(k, &port, why);
	if (!error)
		error = attach_xdp(&port, &how, why);
	if (!error)
		error = attach_egress(&port, why);
	if (port.object)
		port_bpf__destroy(port.object);
	if (error && link < 0)
		kbpf_drop_port(k->root, name, NULL);
	if (!error && ret)
		*ret = how;
	return error;
}

int kbpf_detach(struct kbpf *k, const char *interface, char *why)
{
	char name[IF_NAMESIZE];
	pin_name(name, interface);
	return kbpf_drop_port(k->root, name, why);
}
