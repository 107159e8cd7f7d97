/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/server.h: the control socket (SOCK_SEQPACKET): a request and its answer are one datagram each. */
#pragma once

#include <sys/types.h>

#include "tools/wanem/emulator.h"

/* Listens at path. A stale socket is replaced; a live one is -EADDRINUSE with its owner in ret_owner. */
int wanem_server_listen(const char *path, int *ret_fd, pid_t *ret_owner);

/* Takes a client. Returns its descriptor or -errno. */
int wanem_server_accept(int fd);

/* Answers what the client has sent. Returns 0, or -errno when the client is gone or breaks the rules: close it. */
int wanem_server_answer(int client, struct wanem_emulator *e);

/* The client's side: one request to path, the answer in *ret_answer, which the caller frees. 0 or -errno. */
int wanem_server_ask(const char *path, const char *request, char **ret_answer);
