/* SPDX-License-Identifier: BSD-2-Clause */
/* The messages of etcd's v3 JSON gateway that we use (etcd.io/docs/v3.4, "gRPC gateway"; rpc.proto): keys and values in
 * base64, 64-bit numbers as strings. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/store/store.h"

/* Request bodies, from malloc; NULL without memory. */
char *ctl_etcd_range(const char *prefix);
char *ctl_etcd_count(void);
char *ctl_etcd_watch(const char *prefix, uint64_t from_revision);
char *ctl_etcd_txn(const struct ctl_store_op *ops, size_t n);

struct ctl_etcd_change {
	char *key;
	char *value; /* NULL: deleted; else length bytes and a zero */
	size_t length;
	uint64_t revision;
};

struct ctl_etcd_answer {
	uint64_t revision;         /* of the whole store, when it answered */
	bool succeeded;            /* txn: what was compared was so */
	bool created;              /* watch: it has begun */
	bool canceled;             /* watch: it has ended */
	uint64_t compact_revision; /* watch: what is older has been forgotten */
	unsigned n;
	struct ctl_etcd_change *change;
	char error[160]; /* what etcd says is wrong; empty: nothing */
};

/* An answer to a range or txn, or one line of a watch's stream. Returns 0, or -EBADMSG (not of this form), -ENOMEM. */
int ctl_etcd_parse(const char *text, size_t size, struct ctl_etcd_answer *ret_answer);
void ctl_etcd_answer_free(struct ctl_etcd_answer *answer);
