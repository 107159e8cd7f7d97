/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *why(int err)
{
	switch (err) {
	case -EINVAL:
		return "not a capture in pcap format (tcpdump -w writes it; editcap -F pcap converts others)";
	case -ENOTSUP:
		return "not a capture of Ethernet";
	case -ENODATA:
		return "no UDP or TCP packet in it";
	default:
		return strerror(-err);
	}
}

static int read_file(int fd, struct pcap *ret)
{
	struct stat status;
	if (fstat(fd, &status))
		return -errno;
	if (!status.st_size)
		return -EINVAL;
	void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	int err = pcap_read(bytes, (size_t)status.st_size, ret);
	munmap(bytes, (size_t)status.st_size);
	return err;
}

int recording_load(const char *path, struct pcap *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : read_file(fd, ret);
	if (fd >= 0)
		close(fd);
	if (err)
		fprintf(stderr, "kuafu-pktgen: --pcap %s: %s\n", path, why(err));
	else
		fprintf(stderr, "%s: %u packets of %u flows; %u others skipped\n", path, ret->n_packets, ret->n_flows,
		    ret->skipped);
	return err;
}
