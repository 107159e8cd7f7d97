/* SPDX-License-Identifier: BSD-2-Clause */
/* What kbpf.c and attach.c share. Not for users of the library.
 *
 *   <bpffs>/maps/NAME             the shared maps
 *   <bpffs>/ports/INTERFACE/      xdp (the link), xsks_map, tc (the program), clsact (present: the qdisc is ours) */
#pragma once

#include <limits.h>

#include "ebpf/kbpf.h"

struct port_bpf;

struct kbpf {
	int root_fd;           /* the bpffs */
	char root[PATH_MAX];   /* a path to it: through root_fd, since it may be mounted out of our sight */
	struct port_bpf *maps; /* loaded without programs: owns the descriptors of the shared maps */
	struct ring_buffer *ring;
	kbpf_on_sample on_sample; /* during kbpf_read_samples(), as the following */
	void *context;
	unsigned samples_left;
};

/* Copies one formatted line to `why` unless that is NULL, and returns `error`. */
__attribute__((format(printf, 3, 4))) int kbpf_why(char *why, int error, const char *format, ...);

/* libbpf's last complaint since then is kept for kbpf_why() instead of being printed. */
void kbpf_listen(void);
const char *kbpf_heard(void);

void kbpf_root(char ret[PATH_MAX], int root_fd);

/* Takes the programs of the pinned port `name` (a name under ports/) off and unpins them. */
int kbpf_drop_port(const char *root, const char *name, char *why);
int kbpf_drop_ports(const char *root, char *why);
