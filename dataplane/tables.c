/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/tables.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/workers.h"
#include "lb/flow.h"
#include "lb/nat.h"

#define MAGIC     0x6b75616675746162u /* "kuafutab" */
#define VERSION   1u
#define HUGE_PAGE (2u << 20)
#define SEALS     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Half of a table may be flows that nobody has confirmed yet: room enough for a burst of clients, while a flood of
 * SYNs leaves the other half alone. */
#define NEW_SHARE 2u

/* A freed NAT port rests so long. Linux takes a SYN for a connection in TIME-WAIT if its sequence number is higher
 * (tcp_timewait_state_process), so it need not be the full minute. */
#define NAT_QUARANTINE_NS (10u * UINT64_C(1000000000))

/* What must be the same at both ends. */
struct head {
	uint64_t magic;
	uint32_t version;
	uint32_t workers;
	uint32_t flows;
	uint32_t nat_flows;
	uint32_t flow_size; /* of a flow, bytes */
	uint32_t nat_flow_size;
	uint64_t flow_hash; /* of a certain key: another function would find nothing */
	uint64_t size;
	uint64_t reserved[2];
};

_Static_assert(sizeof(struct head) == 64, "tables start on a cache line");

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) / to * to;
}

static struct lb_nat_config nat_config(const struct dp_workers_config *c, unsigned worker)
{
	return (struct lb_nat_config){
	    .flows = c->nat_flows,
	    .new_max = c->nat_flows / NEW_SHARE,
	    .worker = (uint16_t)worker,
	    .workers = c->workers,
	    .quarantine_ns = NAT_QUARANTINE_NS,
	};
}

/* Offsets of a worker's tables; of the one after the last: the end. 0: no table can be so large or small. */
static size_t flows_offset(const struct dp_workers_config *c, unsigned worker)
{
	size_t at = sizeof(struct head), flows = round_up(lb_flow_table_size(c->flows), 64);
	for (unsigned id = 0; id < worker; id++) {
		struct lb_nat_config nat = nat_config(c, id);
		if (flows == 0 || lb_nat_table_size(&nat) == 0)
			return 0;
		at += flows + round_up(lb_nat_table_size(&nat), 64);
	}
	return at;
}

static size_t nat_offset(const struct dp_workers_config *c, unsigned worker)
{
	return flows_offset(c, worker) + round_up(lb_flow_table_size(c->flows), 64);
}

static struct head head_of(const struct dp_workers_config *c, size_t size)
{
	static const struct lb_flow_key certain = {.client_port = 1, .vip_port = 2, .protocol = 3};
	return (struct head){
	    .magic = MAGIC,
	    .version = VERSION,
	    .workers = c->workers,
	    .flows = c->flows,
	    .nat_flows = c->nat_flows,
	    .flow_size = sizeof(struct lb_flow),
	    .nat_flow_size = sizeof(struct lb_nat_flow),
	    .flow_hash = lb_flow_hash(&certain),
	    .size = size,
	};
}

/* ---- memory ---- */

static int map(struct dp_tables *t)
{
	t->memory = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return -errno;
	}
	(void)madvise(t->memory, t->size, MADV_HUGEPAGE); /* where the kernel does so for shared memory, it helps */
	return 0;
}

/* A memfd of the size, mapped: in hugepages if there are enough that nobody has. */
static int make_memory(struct dp_tables *t, size_t size, bool huge)
{
	t->fd = memfd_create("kuafu-tables", MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (t->fd < 0)
		return -errno;
	t->huge = huge;
	t->size = huge ? round_up(size, HUGE_PAGE) : size;
	int error = ftruncate(t->fd, (off_t)t->size) != 0 || fcntl(t->fd, F_ADD_SEALS, SEALS) != 0 ? -errno : 0;
	if (error == 0)
		error = map(t);
	if (error != 0) {
		close(t->fd);
		t->fd = -1;
	}
	return error;
}

/* ---- tables ---- */

static int init_tables(struct dp_tables *t, const struct dp_workers_config *c)
{
	int error = 0;
	for (unsigned id = 0; id < c->workers && error == 0; id++) {
		struct lb_nat_config nat = nat_config(c, id);
		if (getrandom(&nat.seed, sizeof(nat.seed), 0) != sizeof(nat.seed))
			return -errno;
		error = lb_flow_table_init((uint8_t *)t->memory + flows_offset(c, id), lb_flow_table_size(c->flows),
		    c->flows, c->flows / NEW_SHARE, &t->flows[id]);
		if (error == 0)
			error = lb_nat_table_init(
			    (uint8_t *)t->memory + nat_offset(c, id), lb_nat_table_size(&nat), &nat, &t->nat[id]);
	}
	return error;
}

static int take_over_tables(struct dp_tables *t, const struct dp_workers_config *c, uint64_t now_ns)
{
	int error = 0;
	for (unsigned id = 0; id < c->workers && error == 0; id++) {
		struct lb_nat_config nat = nat_config(c, id);
		if (getrandom(&nat.seed, sizeof(nat.seed), 0) != sizeof(nat.seed))
			return -errno;
		error = lb_flow_table_take_over((uint8_t *)t->memory + flows_offset(c, id),
		    lb_flow_table_size(c->flows), c->flows, c->flows / NEW_SHARE, now_ns, &t->flows[id]);
		if (error == 0)
			error = lb_nat_table_take_over((uint8_t *)t->memory + nat_offset(c, id),
			    lb_nat_table_size(&nat), &nat, now_ns, &t->nat[id]);
	}
	return error;
}

int dp_tables_create(const struct dp_workers_config *config, struct dp_tables **ret_tables)
{
	size_t size = flows_offset(config, config->workers);
	struct dp_tables *t = size == 0 ? NULL : calloc(1, sizeof(*t));
	if (t == NULL)
		return size == 0 ? -EINVAL : -ENOMEM;
	int error = config->hugepages ? make_memory(t, size, true) : -ENOMEM;
	if (error != 0)
		error = make_memory(t, size, false);
	if (error == 0)
		error = init_tables(t, config);
	if (error != 0) {
		dp_tables_destroy(t);
		return error;
	}
	assert(t->memory != NULL);
	struct head head = head_of(config, t->size);
	memcpy(t->memory, &head, sizeof(head));
	*ret_tables = t;
	return 0;
}

/* ---- a predecessor's ---- */

static int mismatch(const struct head *theirs, const struct head *ours, char ret_why[DP_TABLES_WHY_SIZE])
{
	if (theirs->magic != MAGIC)
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "this is no memory of flow tables");
	else if (theirs->version != ours->version || theirs->flow_size != ours->flow_size ||
	         theirs->nat_flow_size != ours->nat_flow_size || theirs->flow_hash != ours->flow_hash)
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "another version of this program made them");
	else if (theirs->workers != ours->workers)
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "they are of %u workers, and now there are %u", theirs->workers,
		    ours->workers);
	else if (theirs->flows != ours->flows || theirs->nat_flows != ours->nat_flows)
		snprintf(ret_why, DP_TABLES_WHY_SIZE,
		    "they are of %u flows and %u NAT flows, and now %u and %u are wanted", theirs->flows,
		    theirs->nat_flows, ours->flows, ours->nat_flows);
	else
		return 0;
	return -EINVAL;
}

static int check_descriptor(struct dp_tables *t, size_t least, char ret_why[DP_TABLES_WHY_SIZE])
{
	struct stat about;
	int seals = fcntl(t->fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(t->fd, &about) != 0) {
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "this memory is not sealed");
		return -EINVAL;
	}
	t->size = (size_t)about.st_size;
	if (t->size >= sizeof(struct head))
		return 0;
	snprintf(ret_why, DP_TABLES_WHY_SIZE, "%zu bytes are too few, %zu are wanted", t->size, least);
	return -EINVAL;
}

static int look_at(
    struct dp_tables *t, const struct dp_workers_config *config, uint64_t now_ns, char ret_why[DP_TABLES_WHY_SIZE])
{
	size_t least = flows_offset(config, config->workers);
	int error = check_descriptor(t, least, ret_why);
	if (error == 0 && (error = map(t)) != 0)
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "they cannot be mapped: %s", strerror(-error));
	if (error != 0)
		return error;
	assert(t->memory != NULL);
	struct head theirs, ours = head_of(config, t->size);
	memcpy(&theirs, t->memory, sizeof(theirs));
	error = mismatch(&theirs, &ours, ret_why);
	if (error == 0 && (t->size < least || theirs.size != t->size)) {
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "they have %zu bytes, not %llu", t->size,
		    (unsigned long long)theirs.size);
		error = -EINVAL;
	}
	if (error != 0)
		return error;
	error = take_over_tables(t, config, now_ns);
	if (error != 0)
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "a table is not what its head says: %s", strerror(-error));
	return error;
}

int dp_tables_take_over(int fd, const struct dp_workers_config *config, uint64_t now_ns, struct dp_tables **ret_tables,
    char ret_why[DP_TABLES_WHY_SIZE])
{
	struct dp_tables *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		snprintf(ret_why, DP_TABLES_WHY_SIZE, "out of memory");
		return -ENOMEM;
	}
	t->fd = fd;
	int error = look_at(t, config, now_ns, ret_why);
	if (error != 0) {
		t->fd = -1;
		dp_tables_destroy(t);
		return error;
	}
	*ret_tables = t;
	return 0;
}

void dp_tables_count(const struct dp_tables *tables, unsigned workers, uint64_t *ret_flows, uint64_t *ret_nat_flows)
{
	uint64_t flows = 0, nat_flows = 0;
	for (unsigned id = 0; id < workers; id++) {
		flows += lb_flow_count(tables->flows[id]);
		nat_flows += lb_nat_count(tables->nat[id]);
	}
	*ret_flows = flows;
	*ret_nat_flows = nat_flows;
}

void dp_tables_destroy(struct dp_tables *tables)
{
	if (tables == NULL)
		return;
	if (tables->memory != NULL)
		munmap(tables->memory, tables->size);
	if (tables->fd >= 0)
		close(tables->fd);
	free(tables);
}
