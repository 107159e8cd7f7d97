/* SPDX-License-Identifier: BSD-2-Clause */
/* Where pins live: a bpffs of the POP's own, mounted at <run-dir>/bpf.
 *
 * The mount namespace of `ip netns exec` ends with its last process, and a mount made in it, with every pin, ends too.
 * So the bpffs is mounted in the namespace of our oldest ancestor that we may look at (process 1 at best) and reached
 * through that process's root. Where ours is the same, or no other is in reach, it is mounted in our own. */
#pragma once

/* Opens (O_PATH) the bpffs of `directory`. -ENOENT: there is none. -EINVAL: not an absolute path. */
int kbpf_bpffs_find(const char *directory, int *ret_fd);

/* The same, and makes directory and mount if need be. */
int kbpf_bpffs_mount(const char *directory, int *ret_fd);

/* Unmounts and removes the directory; pins must be gone. 0 if there is nothing. */
int kbpf_bpffs_unmount(const char *directory);
