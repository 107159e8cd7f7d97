/* SPDX-License-Identifier: BSD-2-Clause */
/* The last known state of each link and path, for a kuafud that connects later than the event. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/prefix_map.h"
#include "wire/control.h"

struct lb_snapshot;

struct dp_event_cache {
	struct dp_prefix_map links; /* ends of the link -> place + 1 */
	struct dp_prefix_map paths; /* (POP, class) -> place + 1 */
	struct wire_ctl_link_state *link;
	struct wire_ctl_path_state *path;
	size_t n_links;
	size_t n_paths;
};

/* Without memory the event is not kept. */
void dp_event_cache_link(struct dp_event_cache *cache, const struct wire_ctl_link_state *state);
void dp_event_cache_path(struct dp_event_cache *cache, const struct wire_ctl_path_state *state);

/* Whether it holds more than the snapshot has: time to trim it. */
bool dp_event_cache_is_long(const struct dp_event_cache *cache, const struct lb_snapshot *snapshot);

/* Forget what the snapshot does not have any more; the rest keeps its order. */
void dp_event_cache_trim(struct dp_event_cache *cache, const struct lb_snapshot *snapshot);

void dp_event_cache_free(struct dp_event_cache *cache);
