/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to kuafud's API over its UNIX socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tools/ctl/documents.h"

struct cli_request {
	const char *method;
	const char *path; /* with the query, encoded */
	const char *body; /* NULL: none */
	size_t size;
	const char *type;                      /* Content-Type of the body */
	const struct cli_documents *documents; /* whose body it is, for complaints by line; NULL: no file's */
	long timeout_seconds;                  /* of the whole request; 0: none */
	/* NULL: the answer is collected. Else called with each part of an answer of status 200; false ends the request. */
	bool (*part)(void *to, const char *data, size_t size);
	void *to;
	bool (*go_on)(
	    void); /* asked about every second, and on a signal; false ends the request as part does; may be NULL */
};

struct cli_reply {
	long status;
	char *text; /* allocated, zero-terminated; "" if parts were taken */
	size_t size;
};

/* --socket, $KUAFU_SOCKET, or the only api.sock under /run/kuafu. Returns CLI_OK; else the error has been printed. The
 * path is cut to size. */
enum cli_exit cli_socket_path(const struct cli_args *args, char *ret_path, size_t size);

/* Asks, and prints an error if there is no answer of status 200 (each line of "errors", or "error"). Returns CLI_OK and
 * the reply, whose text is the caller's; CLI_NO_CONNECT, also if the daemon was asked and gave no whole answer: a change
 * may have been made then; or CLI_REFUSED. A request that parts ended, or that timed out while they came, is CLI_OK. */
enum cli_exit cli_ask(const struct cli_args *args, const struct cli_request *request, struct cli_reply *ret_reply);

/* Text of a query or path, percent-encoded into ret_text (cut to size). */
void cli_encode(const char *text, char *ret_text, size_t size);
