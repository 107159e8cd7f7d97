/* SPDX-License-Identifier: BSD-2-Clause */
/* Part: the cluster's secrets, and the keys that follow from them for every other POP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/parts/parts.h"

/* Says what is wrong with a secret file. Returns error. */
static int complain(const char *field, const char *path, int error)
{
	switch (error) {
	case -EINVAL:
		ctl_error("%s %s: shorter than %u bytes; make one with: head -c 32 /dev/urandom > FILE", field, path,
		    CTL_SECRET_MIN);
		break;
	case -EPERM:
		ctl_error("%s %s: everybody may read it; chmod 600 it", field, path);
		break;
	default:
		ctl_error("%s %s: %s", field, path, strerror(-error));
	}
	return error;
}

/* *ret is untouched after an error. */
static int read_secrets(const struct ctl_pop_config *config, struct ctl_secrets *ret)
{
	struct ctl_secrets secrets = {.n = 1};
	int error = ctl_secret_read(config->secret_file, &secrets.secret[0]);
	if (error)
		return complain("secret-file", config->secret_file, error);
	error = config->next_secret_file[0] ? ctl_secret_read(config->next_secret_file, &secrets.secret[1]) : -ENOENT;
	const struct ctl_secret *first = &secrets.secret[0], *next = &secrets.secret[1];
	if (error && error != -ENOENT)
		complain("next-secret-file", config->next_secret_file, error);
	else if (!error && first->size == next->size && memcmp(first->bytes, next->bytes, next->size) == 0)
		ctl_debug("next-secret-file %s: the same as secret-file", config->next_secret_file);
	else if (!error && first->key_id == next->key_id) {
		ctl_error("next-secret-file %s: has the same key id as secret-file by chance; make another",
		    config->next_secret_file);
		error = -EEXIST;
	} else if (!error)
		secrets.n = 2;
	if (!error || error == -ENOENT) {
		*ret = secrets;
		error = 0;
	}
	explicit_bzero(&secrets, sizeof(secrets));
	return error;
}

int ctl_secret_start(struct ctl_daemon *d)
{
	return read_secrets(&d->config, &d->parts->secrets);
}

void ctl_secret_stop(struct ctl_daemon *d)
{
	explicit_bzero(&d->parts->secrets, sizeof(d->parts->secrets));
}

void ctl_secret_reload(struct ctl_daemon *d)
{
	if (read_secrets(&d->config, &d->parts->secrets)) {
		ctl_error("the secrets stay what they were");
		return;
	}
	ctl_info("secrets read anew: %u", d->parts->secrets.n);
	ctl_due(d, CTL_DUE_LINKS);
}

/* ---- keys ---- */

/* Sent by the first secret's key; received by every one's. Returns 0 or -errno. */
static int add_keys(const struct ctl_daemon *d, uint16_t pop, struct wire_ctl_key *rows, size_t *n)
{
	const struct ctl_secrets *secrets = &d->parts->secrets;
	uint16_t self = d->config.id;
	int error = 0;
	for (unsigned i = 0; i < secrets->n + 1 && !error; i++) {
		const struct ctl_secret *secret = &secrets->secret[i ? i - 1 : 0];
		struct wire_ctl_key *row = &rows[(*n)++];
		*row = (struct wire_ctl_key){
		    .pop = pop, .direction = i ? WIRE_KEY_RX : WIRE_KEY_TX, .key_id = secret->key_id};
		error = ctl_key_derive(secret, i ? pop : self, i ? self : pop, row->secret);
	}
	return error;
}

void ctl_secret_tell_dataplane(struct ctl_daemon *d)
{
	size_t most = (CTL_MAX_SECRETS + 1) * d->cluster.n_pops + 1, n = 0;
	struct wire_ctl_key *rows = calloc(most, sizeof(*rows));
	int error = rows ? 0 : -ENOMEM;
	for (unsigned i = 0; i < d->cluster.n_pops && !error; i++)
		if (!d->cluster.pop[i]->self)
			error = add_keys(d, d->cluster.pop[i]->id, rows, &n);
	if (error)
		ctl_error("keys cannot be derived: %s", strerror(-error));
	else
		ctl_dataplane_replace(d->dataplane, WIRE_OBJ_KEY, rows, n);
	if (rows)
		explicit_bzero(rows, most * sizeof(*rows));
	free(rows);
}

int ctl_secret_stamp_keys(const struct ctl_daemon *d, uint16_t from, uint16_t to, struct probe_keys *ret_keys)
{
	const struct ctl_secrets *secrets = &d->parts->secrets;
	struct probe_keys keys = {.n = secrets->n};
	int error = 0;
	for (unsigned i = 0; i < secrets->n && !error; i++)
		error = ctl_stamp_key_derive(&secrets->secret[i], from, to, keys.key[i]);
	if (!error)
		*ret_keys = keys;
	explicit_bzero(&keys, sizeof(keys));
	return error;
}
