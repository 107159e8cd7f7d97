/* SPDX-License-Identifier: BSD-2-Clause */
/* The route engine of one POP among ROUTE_POPS in full mesh, three classes, two relays at most. The reference is the
 * least that any engine would do: reading each link's delay once. */
#include <stdlib.h>

#include "control/route/engine.h"
#include "tests/bench/bench.h"

#define ROUTE_POPS 1000u
#define SECOND     UINT64_C(1000000000)

struct mesh {
	struct route_engine *engine;
	uint32_t *link; /* [from * ROUTE_POPS + to] */
	int64_t *delay_ns;
	uint64_t now_ns;
};

static void measure(struct mesh *mesh, uint32_t at, int64_t delay_ns)
{
	struct route_estimate estimate = {.delay_ns = delay_ns, .rtt_ns = 2 * delay_ns, .at_ns = mesh->now_ns};
	mesh->delay_ns[at] = delay_ns;
	route_link_measured(mesh->engine, mesh->link[at], &estimate);
}

static int64_t random_delay(void)
{
	return (int64_t)(1000000 + bench_random() % 150000000);
}

static void run(struct mesh *mesh)
{
	const struct route_change *changes;
	uint64_t next;
	if (route_run(mesh->engine, mesh->now_ns, &changes, &next) < 0)
		bench_fail("the engine has no memory");
}

static struct mesh make_mesh(void)
{
	static struct route_policy policy = {.n_classes = 3};
	struct mesh mesh = {.now_ns = 1000 * SECOND,
	    .link = calloc((size_t)ROUTE_POPS * ROUTE_POPS, sizeof(uint32_t)),
	    .delay_ns = calloc((size_t)ROUTE_POPS * ROUTE_POPS, sizeof(int64_t))};
	route_class_default("latency", ROUTE_LATENCY, &policy.class[0]);
	route_class_default("loss", ROUTE_LOSS, &policy.class[1]);
	route_class_default("cost", ROUTE_COST, &policy.class[2]);
	for (unsigned class = 0; class < 3; class ++)
		policy.class[class].max_relays = 2;
	if (!mesh.link || !mesh.delay_ns || route_engine_new(1, &mesh.engine) || route_set_policy(mesh.engine, &policy))
		bench_fail("no memory");
	for (uint16_t i = 0; i < ROUTE_POPS; i++)
		if (route_set_pop(mesh.engine, (uint16_t)(i + 1), false))
			bench_fail("no memory");
	for (uint16_t i = 0; i < ROUTE_POPS; i++)
		for (uint16_t j = 0; j < ROUTE_POPS; j++) {
			struct route_link_key key = {.from = (uint16_t)(i + 1), .to = (uint16_t)(j + 1)};
			static const struct route_link_config config = {.mtu = 1500};
			if (i != j && route_link_add(mesh.engine, key, &config, &mesh.link[i * ROUTE_POPS + j]))
				bench_fail("no memory");
			if (i != j)
				measure(&mesh, i * ROUTE_POPS + j, random_delay());
		}
	return mesh;
}

static double read_all(void *arg)
{
	const struct mesh *mesh = arg;
	uint64_t began = bench_cpu_ns(), sum = 0;
	for (uint32_t i = 0; i < ROUTE_POPS * ROUTE_POPS; i++)
		sum += (uint64_t)mesh->delay_ns[i];
	bench_keep(sum);
	return (double)(bench_cpu_ns() - began) / 1e6;
}

/* Every link has another delay: all paths anew. */
static double all_paths(void *arg)
{
	struct mesh *mesh = arg;
	mesh->now_ns += SECOND;
	for (uint32_t i = 0; i < ROUTE_POPS * ROUTE_POPS; i++)
		if (mesh->link[i])
			measure(mesh, i, random_delay());
	uint64_t began = bench_cpu_ns();
	run(mesh);
	return (double)(bench_cpu_ns() - began) / 1e6;
}

/* One link of another POP fails, and comes back. */
static double one_link(void *arg)
{
	struct mesh *mesh = arg;
	uint16_t from = (uint16_t)(1 + bench_random() % (ROUTE_POPS - 1)), to = (uint16_t)(from % (ROUTE_POPS - 1) + 1);
	uint32_t link = mesh->link[from * ROUTE_POPS + to];
	mesh->now_ns += SECOND / 1000;
	uint64_t began = bench_cpu_ns();
	for (unsigned up = 0; link && up <= 1; up++) {
		route_link_state(mesh->engine, link, up, mesh->now_ns);
		run(mesh);
	}
	return (double)(bench_cpu_ns() - began) / 2e6;
}

int main(int argc, char **argv)
{
	bench_begin(argc, argv);
	bool all = bench_wanted("routes-1000-all"), one = bench_wanted("routes-1000-link");
	if (!all && !one)
		return 0;
	struct mesh mesh = make_mesh();
	run(&mesh);
	if (all)
		bench_measure(&(struct bench_row){.name = "routes-1000-all",
		    .unit = "ms",
		    .run = all_paths,
		    .arg = &mesh,
		    .reference = "read the delays",
		    .run_reference = read_all,
		    .reference_arg = &mesh});
	if (one)
		bench_measure(&(struct bench_row){.name = "routes-1000-link",
		    .unit = "ms",
		    .run = one_link,
		    .arg = &mesh,
		    .reference = "read the delays",
		    .run_reference = read_all,
		    .reference_arg = &mesh});
	route_engine_free(mesh.engine);
	free(mesh.link);
	free(mesh.delay_ns);
	return 0;
}
