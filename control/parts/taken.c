/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that this POP needs for itself. As a VIP each would be the data plane's alone, and the POP cut off. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"
#include "control/parts/parts.h"

#define MAX_ADDRESSES 16u /* of a name */
#define ASK_MS        60000u
#define PATIENCE_MS   1500u /* for the first lookups: less than a data plane that forwards waits for us */

/* A server of the store that pop.yaml names: what the name means is asked for all the time. */
struct named_server {
	struct ctl_daemon *d;
	uv_getaddrinfo_t request;
	bool asking, answered;
	char name[CTL_HOST_SIZE];
	unsigned n;
	struct wire_addr address[MAX_ADDRESSES];
};

struct ctl_taken {
	uv_timer_t ask, patience;
	size_t n_own;
	struct wire_addr *own; /* of this machine's interfaces */
	unsigned n_servers;
	struct named_server server[CTL_MAX_SERVERS];
};

static bool address_of(const struct sockaddr *from, struct wire_addr *ret_address)
{
	if (from && from->sa_family == AF_INET)
		*ret_address = wire_addr_from_v4(&((const struct sockaddr_in *)(const void *)from)->sin_addr);
	else if (from && from->sa_family == AF_INET6)
		*ret_address = wire_addr_from_v6(&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr);
	else
		return false;
	return true;
}

/* ---- the machine ---- */

void ctl_taken_look(struct ctl_daemon *d)
{
	struct ctl_taken *taken = d->parts->taken;
	struct ifaddrs *list;
	size_t n = 0;
	if (getifaddrs(&list))
		return; /* what was seen last still holds */
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		n++;
	struct wire_addr *seen = calloc(n + 1, sizeof(*seen));
	if (seen) {
		free(taken->own);
		taken->own = seen;
		taken->n_own = 0;
		/* Only by other interfaces do others reach this machine: who has a VIP on a loopback or dummy interface
		 * wants to announce it. */
		for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
			if (!(entry->ifa_flags & (IFF_LOOPBACK | IFF_NOARP)))
				taken->n_own += address_of(entry->ifa_addr, &seen[taken->n_own]);
	}
	freeifaddrs(list);
}

/* ---- names of the store ---- */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct named_server *server = request->data;
	struct wire_addr found[MAX_ADDRESSES] = {0};
	unsigned n = 0;
	for (const struct addrinfo *a = list; a && n < MAX_ADDRESSES; a = a->ai_next)
		n += address_of(a->ai_addr, &found[n]);
	uv_freeaddrinfo(list);
	server->asking = false;
	if (status == UV_ECANCELED)
		return;
	/* A name that cannot be looked up keeps the addresses that it had. */
	bool changed = n && (n != server->n || memcmp(found, server->address, n * sizeof(found[0])) != 0);
	if (changed) {
		memcpy(server->address, found, sizeof(found));
		server->n = n;
	}
	if (changed || !server->answered)
		ctl_due(server->d, CTL_DUE_FORWARDING);
	server->answered = true;
}

static void on_ask(uv_timer_t *timer)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct ctl_daemon *d = timer->data;
	for (unsigned i = 0; i < d->parts->taken->n_servers; i++) {
		struct named_server *server = &d->parts->taken->server[i];
		if (server->asking)
			continue;
		server->asking =
		    uv_getaddrinfo(d->loop, &server->request, on_resolved, server->name, NULL, &hints) == 0;
		server->answered = server->answered || !server->asking;
	}
}

/* A resolver that is slow holds up nothing: what it says later is heard later. */
static void on_patience(uv_timer_t *timer)
{
	struct ctl_daemon *d = timer->data;
	bool known = ctl_taken_known(d);
	for (unsigned i = 0; i < d->parts->taken->n_servers; i++)
		d->parts->taken->server[i].answered = true;
	if (!known)
		ctl_due(d, CTL_DUE_FORWARDING);
}

bool ctl_taken_known(const struct ctl_daemon *d)
{
	for (unsigned i = 0; i < d->parts->taken->n_servers; i++)
		if (!d->parts->taken->server[i].answered)
			return false;
	return true;
}

/* ---- the part ---- */

int ctl_taken_start(struct ctl_daemon *d)
{
	struct ctl_taken *taken = d->parts->taken = calloc(1, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	uv_timer_init(d->loop, &taken->ask);
	uv_timer_init(d->loop, &taken->patience);
	taken->ask.data = taken->patience.data = d;
	for (unsigned i = 0; i < d->config.n_servers; i++) {
		struct named_server *server = &taken->server[taken->n_servers];
		if (!wire_addr_is_unset(&d->config.server[i]))
			continue;
		*server = (struct named_server){.d = d, .request.data = server};
		ctl_server_host(strstr(d->config.store, "://") + strlen("://"), i, server->name);
		taken->n_servers++;
	}
	uv_timer_start(&taken->ask, on_ask, 0, ASK_MS);
	uv_timer_start(&taken->patience, on_patience, PATIENCE_MS, 0);
	return 0;
}

void ctl_taken_stop(struct ctl_daemon *d)
{
	struct ctl_taken *taken = d->parts->taken;
	if (!taken)
		return;
	uv_close((uv_handle_t *)&taken->ask, NULL);
	uv_close((uv_handle_t *)&taken->patience, NULL);
	for (unsigned i = 0; i < taken->n_servers; i++)
		if (taken->server[i].asking)
			uv_cancel((uv_req_t *)&taken->server[i].request);
}

void ctl_taken_free(struct ctl_taken *taken)
{
	if (taken)
		free(taken->own);
	free(taken);
}

static bool is_store(const struct ctl_daemon *d, const struct wire_addr *address)
{
	const struct ctl_taken *taken = d->parts->taken;
	for (unsigned i = 0; i < d->config.n_servers; i++)
		if (wire_addr_equal(&d->config.server[i], address))
			return true;
	for (unsigned i = 0; i < taken->n_servers; i++)
		for (unsigned j = 0; j < taken->server[i].n; j++)
			if (wire_addr_equal(&taken->server[i].address[j], address))
				return true;
	return false;
}

const char *ctl_taken_by(const struct ctl_daemon *d, const struct wire_addr *address)
{
	const struct ctl_pop_config *config = &d->config;
	const struct ctl_taken *taken = d->parts->taken;
	if (is_store(d, address))
		return "an address of this POP's store";
	for (unsigned i = 0; i < config->dataplane.n_nats; i++)
		if (wire_addr_equal(&config->dataplane.nats[i].address, address))
			return "in this POP's nat-pool";
	for (unsigned i = 0; i < config->n_links; i++)
		if (wire_addr_equal(&config->links[i].address, address))
			return "the address of a link of this POP";
	for (size_t i = 0; i < taken->n_own; i++)
		if (wire_addr_equal(&taken->own[i], address))
			return "an address of this POP's machine";
	return NULL;
}
