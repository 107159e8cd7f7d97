/* SPDX-License-Identifier: BSD-2-Clause */
#include "ebpf/endpoint.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "endpoint.skel.h"

struct kbpf_endpoint {
	struct endpoint_bpf *skel;
	int link; /* descriptor: the kernel detaches when the last one is closed, also after SIGKILL */
};

_Static_assert(KBPF_ENDPOINT_COUNTER_COUNT == 7, "endpoint.bpf.c lists the counters in the same order");

static int attach(struct kbpf_endpoint *e, int ifindex, enum kbpf_mode *ret_mode)
{
	static const struct {
		enum kbpf_mode mode;
		__u32 flags;
	} modes[] = {{KBPF_NATIVE, XDP_FLAGS_DRV_MODE}, {KBPF_GENERIC, XDP_FLAGS_SKB_MODE}};
	int err = -EINVAL;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = modes[i].flags);
		int fd = bpf_link_create(bpf_program__fd(e->skel->progs.kuafu_endpoint), ifindex, BPF_XDP, &opts);
		if (fd >= 0) {
			e->link = fd;
			*ret_mode = modes[i].mode;
			return 0;
		}
		err = fd;
		if (err == -EBUSY || err == -EEXIST)
			break; /* somebody else's program: another mode would not help */
	}
	return err;
}

static int fill(struct kbpf_endpoint *e, const struct wire_addr *pop, size_t n)
{
	const uint8_t yes = 1;
	for (size_t i = 0; i < n; i++) {
		int err = bpf_map_update_elem(bpf_map__fd(e->skel->maps.pops), &pop[i], &yes, BPF_ANY);
		if (err)
			return err;
	}
	return 0;
}

int kbpf_endpoint_attach(const char *interface, const struct wire_addr *pop, size_t n_pops, struct kbpf_endpoint **ret,
    struct kbpf_attachment *ret_attachment, char *why)
{
	unsigned ifindex = if_nametoindex(interface);
	if (!ifindex) {
		snprintf(why, KBPF_WHY_SIZE, "no interface %s", interface);
		return -ENODEV;
	}
	struct kbpf_endpoint *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->link = -1;
	e->skel = endpoint_bpf__open_and_load();
	int err = e->skel ? fill(e, pop, n_pops) : -errno;
	if (err) {
		snprintf(why, KBPF_WHY_SIZE, "the kernel does not take the program: %s", strerror(-err));
		goto failed;
	}
	enum kbpf_mode mode;
	err = attach(e, (int)ifindex, &mode);
	if (err) {
		snprintf(why, KBPF_WHY_SIZE, "no XDP on %s: %s", interface,
		    err == -EBUSY || err == -EEXIST ? "another program is attached" : strerror(-err));
		goto failed;
	}
	*ret_attachment = (struct kbpf_attachment){.mode = mode};
	*ret = e;
	return 0;
failed:
	kbpf_endpoint_detach(e);
	return err;
}

void kbpf_endpoint_detach(struct kbpf_endpoint *e)
{
	if (!e)
		return;
	if (e->link >= 0)
		close(e->link);
	endpoint_bpf__destroy(e->skel);
	free(e);
}

int kbpf_endpoint_counters(const struct kbpf_endpoint *e, uint64_t *ret)
{
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return cpus;
	uint64_t *each = calloc((size_t)cpus, sizeof(*each)), sum[KBPF_ENDPOINT_COUNTER_COUNT] = {0};
	if (!each)
		return -ENOMEM;
	int err = 0;
	for (uint32_t i = 0; i < KBPF_ENDPOINT_COUNTER_COUNT && !err; i++) {
		err = bpf_map_lookup_elem(bpf_map__fd(e->skel->maps.counters), &i, each);
		for (int cpu = 0; !err && cpu < cpus; cpu++)
			sum[i] += each[cpu];
	}
	free(each);
	if (!err)
		memcpy(ret, sum, sizeof(sum));
	return err;
}
