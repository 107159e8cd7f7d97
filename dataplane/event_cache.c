/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/event_cache.h"

#include <stdlib.h>

#include "lb/snapshot.h"

static struct wire_addr link_key(const struct wire_ctl_link_state *s)
{
	return (struct wire_addr){.words = {s->from_pop, s->to_pop, (uint32_t)s->local_link << 8 | s->remote_link, 0}};
}

static struct wire_addr path_key(const struct wire_ctl_path_state *s)
{
	return (struct wire_addr){.words = {s->to_pop, s->class}};
}

/* The place of a key in an array of *n rows, made if it is new; NULL without memory. */
static void *place(struct dp_prefix_map *map, const struct wire_addr *key, void **rows, size_t *n, size_t row_size)
{
	uint32_t at = dp_prefix_map_get(map, key, 0);
	if (at == 0) {
		void *more = realloc(*rows, (*n + 1) * row_size);
		if (more == NULL)
			return NULL;
		*rows = more;
		if (dp_prefix_map_set(map, key, 0, (uint32_t)*n + 1) != 0)
			return NULL;
		at = (uint32_t)++ * n;
	}
	return (char *)*rows + (at - 1) * row_size;
}

void dp_event_cache_link(struct dp_event_cache *cache, const struct wire_ctl_link_state *state)
{
	struct wire_addr key = link_key(state);
	struct wire_ctl_link_state *at =
	    place(&cache->links, &key, (void **)&cache->link, &cache->n_links, sizeof(*cache->link));
	if (at != NULL)
		*at = *state;
}

void dp_event_cache_path(struct dp_event_cache *cache, const struct wire_ctl_path_state *state)
{
	struct wire_addr key = path_key(state);
	struct wire_ctl_path_state *at =
	    place(&cache->paths, &key, (void **)&cache->path, &cache->n_paths, sizeof(*cache->path));
	if (at != NULL)
		*at = *state;
}

bool dp_event_cache_is_long(const struct dp_event_cache *cache, const struct lb_snapshot *snapshot)
{
	return cache->n_links > lb_map_count(snapshot->part[LB_PART_LINK]) ||
	       cache->n_paths > lb_map_count(snapshot->part[LB_PART_PATH]);
}

void dp_event_cache_trim(struct dp_event_cache *cache, const struct lb_snapshot *snapshot)
{
	struct dp_event_cache kept = {0};
	for (size_t i = 0; i < cache->n_links; i++) {
		const struct wire_ctl_link_state *s = &cache->link[i];
		if (lb_snapshot_link_by_ends(snapshot, s->from_pop, s->local_link, s->to_pop, s->remote_link) != NULL)
			dp_event_cache_link(&kept, s);
	}
	for (size_t i = 0; i < cache->n_paths; i++)
		if (lb_snapshot_path(snapshot, cache->path[i].to_pop, cache->path[i].class) != NULL)
			dp_event_cache_path(&kept, &cache->path[i]);
	dp_event_cache_free(cache);
	*cache = kept;
}

void dp_event_cache_free(struct dp_event_cache *cache)
{
	dp_prefix_map_free(&cache->links);
	dp_prefix_map_free(&cache->paths);
	free(cache->link);
	free(cache->path);
	*cache = (struct dp_event_cache){0};
}
