/* SPDX-License-Identifier: BSD-2-Clause */
/* Several YAML files as one body, so that all are applied or none; and the API's complaints about the body as complaints
 * about the files. Pure: the texts are given. */
#pragma once

#include <stddef.h>

#include "tools/ctl/args.h"

struct cli_documents {
	char *text; /* the body */
	size_t size;
	unsigned lines; /* complete ones in text */
	unsigned n_part;
	struct {
		const char *name; /* the caller's */
		unsigned first;   /* its first line is line first + 1 of the body */
	} part[CLI_MAX_FILES];
};

/* Appends a file. name must outlive the documents. Returns 0, -ENOMEM, or -ENOSPC: more than CLI_MAX_FILES. */
int cli_documents_add(struct cli_documents *documents, const char *name, const char *text, size_t size);
void cli_documents_free(struct cli_documents *documents);

/* "body:17: kind: ..." becomes "game.yaml:3: kind: ..."; other lines stay. Allocated; NULL without memory. */
char *cli_documents_blame(const struct cli_documents *documents, const char *line);

/* The policy that the options of `policy set` describe, as one document (JSON is YAML). Allocated: the caller's. Returns
 * 0, -ENOMEM, or -EINVAL with one line in ret_error. */
int cli_policy_document(const struct cli_args *args, char **ret_text, char ret_error[static CLI_ERROR_SIZE]);
