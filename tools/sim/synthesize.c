/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/sim/synthesize.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/sim/trace.h"

#define NODES 32u /* unless --pops says otherwise */
#define EARTH_MS                                                                                                       \
	63.7              /* half the way round, in fibre: 20,000 km at 200 km a millisecond,     \
          less what nobody lives at */
#define LAST_MS       2.0 /* at both ends of a link */
#define DETOURS       0.125
#define SWINGS        0.5
#define STEADY        0.6   /* of an hour's deviation is left in the next */
#define OUTAGE        0.004 /* chance an hour */
#define OUTAGE_ENDS   0.4
#define HOURS_PER_DAY 24.0

struct node {
	double x, y, z, longitude;
};

struct link {
	double ms;        /* without swing */
	double swing;     /* of that, at most */
	double unsteady;  /* standard deviation, a share */
	double deviation; /* now */
	bool out;
};

struct world {
	uint64_t random;
	uint32_t n;
	struct node *node;
	struct link *link; /* [from * n + to] */
};

static double uniform(struct world *world)
{
	return (double)(sim_random(&world->random) >> 11) * 0x1p-53;
}

/* Sum of twelve: near enough to normal, and the same everywhere. */
static double normal(struct world *world)
{
	double sum = -6;
	for (int i = 0; i < 12; i++)
		sum += uniform(world);
	return sum;
}

static void place(struct world *world, struct node *node)
{
	node->z = uniform(world) * 1.4 - 0.6; /* few live near the poles */
	node->longitude = 2 * M_PI * uniform(world);
	node->x = sqrt(1 - node->z * node->z) * cos(node->longitude);
	node->y = sqrt(1 - node->z * node->z) * sin(node->longitude);
}

static double distance(const struct node *a, const struct node *b)
{
	double cosine = a->x * b->x + a->y * b->y + a->z * b->z;
	return acos(fmin(fmax(cosine, -1), 1)) / M_PI;
}

static void connect_nodes(struct world *world, uint32_t from, uint32_t to)
{
	struct link *link = &world->link[from * world->n + to];
	double stretch = 1.2 + 0.6 * uniform(world);
	if (uniform(world) < DETOURS)
		stretch *= 2 + 2 * uniform(world);
	*link = (struct link){.ms = LAST_MS + EARTH_MS * distance(&world->node[from], &world->node[to]) * stretch,
	    .unsteady = 0.01 + 0.05 * uniform(world)};
	if (uniform(world) < SWINGS)
		link->swing = 0.8 * uniform(world);
}

static int make(struct world *world, const struct sim_options *options)
{
	*world = (struct world){.random = options->seed, .n = options->pops ? options->pops : NODES};
	world->node = calloc(world->n, sizeof(*world->node));
	world->link = calloc((size_t)world->n * world->n, sizeof(*world->link));
	if (!world->node || !world->link)
		return -ENOMEM;
	for (uint32_t i = 0; i < world->n; i++)
		place(world, &world->node[i]);
	for (uint32_t i = 0; i < world->n; i++)
		for (uint32_t j = 0; j < world->n; j++)
			connect_nodes(world, i, j);
	return 0;
}

/* An hour passes. *ret_loss is the share lost. Returns the delay, ms; 0: out.
 */
static double pass(struct world *world, struct link *link, const struct node *source, uint32_t hour, double *ret_loss)
{
	double day = 2 * M_PI * hour / HOURS_PER_DAY + source->longitude;
	double busy = link->swing * (1 + sin(day)) / 2;
	link->deviation = STEADY * link->deviation + sqrt(1 - STEADY * STEADY) * link->unsteady * normal(world);
	link->out = uniform(world) < (link->out ? 1 - OUTAGE_ENDS : OUTAGE);
	*ret_loss = fmin(busy * busy * 0.05 * uniform(world), 1);
	return link->out ? 0 : link->ms * (1 + busy) * fmax(1 + link->deviation, 0.5);
}

static FILE *create(const char *directory, uint32_t slice, char *why, size_t room, int *ret_error)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%u", directory, slice);
	FILE *file = fopen(path, "we");
	*ret_error = file ? 0 : -errno;
	if (!file)
		snprintf(why, room, "%s: %s", path, strerror(errno));
	return file;
}

static int write_slice(struct world *world, const struct sim_options *options, uint32_t slice, char *why, size_t room)
{
	int error, ignored;
	FILE *delays = create(options->synthesize, slice, why, room, &error);
	FILE *losses = !error && options->loss ? create(options->loss, slice, why, room, &error) : NULL;
	for (uint32_t i = 0; i < world->n && !error; i++)
		for (uint32_t j = 0; j < world->n; j++) {
			double loss = 0, ms = 0;
			const char *end = j + 1 < world->n ? "\t" : "\n";
			if (i != j)
				ms = pass(world, &world->link[i * world->n + j], &world->node[i], slice, &loss);
			fprintf(delays, "%.3f%s", ms, end);
			if (losses)
				fprintf(losses, "%.5f%s", loss, end);
		}
	bool bad = delays && (ferror(delays) || fclose(delays));
	ignored = losses && (ferror(losses) || fclose(losses));
	if (!error && (bad || ignored)) {
		snprintf(why, room, "%s: cannot be written whole", options->synthesize);
		error = -EIO;
	}
	return error;
}

static int make_directory(const char *path, char *why, size_t room)
{
	if (!path || mkdir(path, 0777) == 0 || errno == EEXIST)
		return 0;
	int error = -errno;
	snprintf(why, room, "%s: %s", path, strerror(-error));
	return error;
}

int sim_synthesize(const struct sim_options *options, char *why, size_t room)
{
	struct world world;
	int error = make_directory(options->synthesize, why, room);
	if (!error)
		error = make_directory(options->loss, why, room);
	if (error)
		return error;
	error = make(&world, options);
	if (error)
		snprintf(why, room, "out of memory");
	for (uint32_t slice = 1; slice <= options->slices && !error; slice++)
		error = write_slice(&world, options, slice, why, room);
	free(world.node);
	free(world.link);
	return error;
}
