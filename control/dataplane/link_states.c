/* SPDX-License-Identifier: BSD-2-Clause */
/* The states of our links as the probes see them: told as they change, and once more to each data plane that comes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/dataplane/impl.h"

static bool same_ends(const struct wire_ctl_link *link, const struct wire_ctl_link_state *state)
{
	return link->from_pop == state->from_pop && link->to_pop == state->to_pop &&
	       link->local_link == state->local_link && link->remote_link == state->remote_link;
}

void ctl_dataplane_keep_links(struct ctl_dataplane *client, const struct wire_ctl_link *links, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < client->n_link_states; i++)
		for (size_t k = 0; k < n; k++)
			if (same_ends(&links[k], &client->link_state[i])) {
				client->link_state[kept++] = client->link_state[i];
				break;
			}
	client->n_link_states = kept;
}

void ctl_dataplane_tell_links(struct ctl_dataplane *client)
{
	client->tell_links_in_flight = false;
	for (size_t i = 0; i < client->n_link_states && client->greeted; i++)
		ctl_dataplane_send(
		    client, WIRE_CTL_LINK_STATE, &client->link_state[i], sizeof(client->link_state[i]), -1);
}

int ctl_dataplane_link_state(struct ctl_dataplane *client, const struct wire_ctl_link_state *state)
{
	struct wire_ctl_link_state *known = NULL;
	for (size_t i = 0; i < client->n_link_states && !known; i++)
		if (!memcmp(&client->link_state[i], state, offsetof(struct wire_ctl_link_state, state)))
			known = &client->link_state[i];
	if (!known) {
		size_t size = (client->n_link_states + 1) * sizeof(*known);
		struct wire_ctl_link_state *more = realloc(client->link_state, size);
		if (!more)
			return -ENOMEM;
		client->link_state = more;
		known = &more[client->n_link_states++];
	}
	*known = *state;
	return client->greeted ? ctl_dataplane_send(client, WIRE_CTL_LINK_STATE, state, sizeof(*state), -1) : 0;
}
