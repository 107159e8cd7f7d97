/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of whoever gets the descriptor: may not change the size, nor map it to write. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

int dp_stats_create(uint32_t workers, uint64_t started_ns, struct dp_stats *ret_stats)
{
	uint32_t link_offset = (uint32_t)(sizeof(struct wire_stats) + workers * sizeof(struct wire_stats_worker));
	uint32_t traffic_offset = (uint32_t)(link_offset + WIRE_STATS_MAX_LINKS * sizeof(struct wire_stats_link));
	uint32_t last_mile_offset =
	    (uint32_t)(traffic_offset + workers * WIRE_STATS_TRAFFIC_ROWS * sizeof(struct wire_stats_traffic));
	uint32_t size =
	    (uint32_t)(last_mile_offset + workers * WIRE_STATS_LAST_MILE_ROWS * sizeof(struct wire_stats_last_mile));
	int fd = memfd_create("kuafu-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	void *at = MAP_FAILED;
	if (ftruncate(fd, size) == 0)
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		int error = -errno;
		if (at != MAP_FAILED)
			munmap(at, size);
		close(fd);
		return error;
	}
	struct wire_stats *head = at;
	*head = (struct wire_stats){
	    .magic = WIRE_STATS_MAGIC,
	    .version = WIRE_STATS_VERSION,
	    .size = size,
	    .workers = workers,
	    .worker_offset = sizeof(struct wire_stats),
	    .link_offset = link_offset,
	    .links = WIRE_STATS_MAX_LINKS,
	    .traffic_offset = traffic_offset,
	    .traffic_rows = WIRE_STATS_TRAFFIC_ROWS,
	    .last_mile_offset = last_mile_offset,
	    .last_mile_rows = WIRE_STATS_LAST_MILE_ROWS,
	    .pid = (uint32_t)getpid(),
	    .started_ns = started_ns,
	};
	*ret_stats = (struct dp_stats){
	    .fd = fd,
	    .size = size,
	    .head = head,
	    .worker = (struct wire_stats_worker *)((char *)at + head->worker_offset),
	    .link = (struct wire_stats_link *)((char *)at + head->link_offset),
	    .traffic = (struct wire_stats_traffic *)((char *)at + head->traffic_offset),
	    .last_mile = (struct wire_stats_last_mile *)((char *)at + head->last_mile_offset),
	};
	for (uint32_t id = 0; id < workers; id++)
		ret_stats->traffic[id * WIRE_STATS_TRAFFIC_ROWS].used = 1;
	return 0;
}

void dp_stats_destroy(struct dp_stats *stats)
{
	munmap(stats->head, stats->size);
	close(stats->fd);
	*stats = (struct dp_stats){.fd = -1};
}
