/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that this POP needs for itself. As a VIP each would be the data plane's alone, and the POP cut off. */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "control/parts/parts.h"

/* Of an interface by which others reach this machine. Who has a VIP on a loopback or dummy interface wants to announce
 * it. */
static bool take_address(const struct ifaddrs *entry, struct wire_addr *ret_address)
{
	if (!entry->ifa_addr || entry->ifa_flags & (IFF_LOOPBACK | IFF_NOARP))
		return false;
	if (entry->ifa_addr->sa_family == AF_INET)
		*ret_address =
		    wire_addr_from_v4(&((const struct sockaddr_in *)(const void *)entry->ifa_addr)->sin_addr);
	else if (entry->ifa_addr->sa_family == AF_INET6)
		*ret_address =
		    wire_addr_from_v6(&((const struct sockaddr_in6 *)(const void *)entry->ifa_addr)->sin6_addr);
	else
		return false;
	return true;
}

void ctl_taken_look(struct ctl_daemon *d)
{
	struct ifaddrs *list;
	size_t n = 0;
	if (getifaddrs(&list))
		return; /* what was seen last still holds */
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		n++;
	struct wire_addr *seen = calloc(n + 1, sizeof(*seen));
	if (seen) {
		free(d->parts->own);
		d->parts->own = seen;
		d->parts->n_own = 0;
		for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
			d->parts->n_own += take_address(entry, &seen[d->parts->n_own]);
	}
	freeifaddrs(list);
}

const char *ctl_taken_by(const struct ctl_daemon *d, const struct wire_addr *address)
{
	const struct ctl_pop_config *config = &d->config;
	for (unsigned i = 0; i < config->n_servers; i++)
		if (wire_addr_equal(&config->server[i], address))
			return "an address of this POP's store";
	for (unsigned i = 0; i < config->dataplane.n_nats; i++)
		if (wire_addr_equal(&config->dataplane.nats[i].address, address))
			return "in this POP's nat-pool";
	for (unsigned i = 0; i < config->n_links; i++)
		if (wire_addr_equal(&config->links[i].address, address))
			return "the address of a link of this POP";
	for (size_t i = 0; i < d->parts->n_own; i++)
		if (wire_addr_equal(&d->parts->own[i], address))
			return "an address of this POP's machine";
	return NULL;
}
