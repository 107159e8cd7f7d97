/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfers of libcurl's, driven by a libuv loop: the sockets and the one timeout that libcurl asks for are watched by
 * the loop, and each transfer that has ended is reported once.
 *
 * An easy handle stays the caller's: add it, and take it away before it is cleaned up. */
#pragma once

#include <curl/curl.h>
#include <uv.h>

struct ctl_transfers;

/* private: the handle's CURLOPT_PRIVATE. The handle may be taken away and cleaned up here, and others added. */
typedef void (*ctl_transfer_done_fn)(void *private, CURLcode result);

/* Returns 0 or -ENOMEM. */
int ctl_transfers_new(uv_loop_t *loop, ctl_transfer_done_fn done, struct ctl_transfers **ret_transfers);

/* The transfer starts in the loop. Returns 0 or -ENOMEM. */
int ctl_transfers_add(struct ctl_transfers *transfers, CURL *easy);
/* Ends it unless it has ended. done is not called for it any more. */
void ctl_transfers_remove(struct ctl_transfers *transfers, CURL *easy);

/* All handles have been taken away. freed (may be NULL) is called from the loop when nothing is left. */
void ctl_transfers_close(struct ctl_transfers *transfers, void (*freed)(void *arg), void *arg);
