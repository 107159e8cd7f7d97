/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafud: its parts, and the way of events between them, which is one direction (DESIGN, section 8):
 *
 *	store ─▶ objects, cluster ─┐
 *	probes ─▶ links ───────────┼─▶ route engine, balance ─▶ data-plane client
 *	kernel, health ────────────┘
 *
 * The API reads the parts (all const to it) and changes the world only through the functions at the end, which go by
 * the store: what another POP applied and what this one applied arrive the same way. Everything runs on one loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "control/base/pop_config.h"
#include "control/cluster/cluster.h"
#include "control/config/objects.h"
#include "control/dataplane/client.h"
#include "control/health/health.h"
#include "control/kernel/mirror.h"
#include "control/route/engine.h"
#include "control/store/store.h"
#include "ebpf/kbpf.h"
#include "probes/sessions.h"

/* A directed link between two registered POPs. Of our own ones, `estimate` is ours; of others, it is what they publish. */
struct ctl_link {
	uint32_t id; /* the route engine's, and the data plane's */
	struct route_link_key key;
	bool ours;                /* key.from is this POP */
	bool up;                  /* as the route engine was told */
	uint8_t cause;            /* enum wire_link_cause, of the last change */
	uint64_t changed_wall_ns; /* of the last change */
	bool stamp_up;            /* ours: what the probes say */
	bool dataplane_known;     /* the data plane has said something, and it is connected */
	bool dataplane_up;
	uint64_t flooded_ns;            /* foreign: CLOCK_MONOTONIC of the last word by flood; 0: never */
	struct route_estimate estimate; /* at_ns 0: none yet */
};

/* What the data plane says of the path in use. */
struct ctl_path_in_use {
	uint16_t to;
	uint8_t class;
	uint8_t active; /* 0 primary, 1 backup, 2 none usable */
	uint64_t at_wall_ns;
};

struct ctl_api;

struct ctl_daemon {
	struct ctl_pop_config config;
	const char *config_path;
	uv_loop_t *loop;
	uint64_t started_wall_ns;
	int pidfile;
	uint8_t secret[64]; /* SHA-512 of the secret file */

	struct kbpf *kbpf; /* NULL: user-space timestamps, and why: */
	char kbpf_why[KBPF_WHY_SIZE];
	struct probe_sessions *probes;
	struct ctl_store *store;
	struct ctl_cluster cluster;
	struct ctl_objects objects;
	struct route_engine *engine;
	struct route_policy *policy; /* what the engine has: index of a class is its number */
	struct ctl_health *health;
	struct ctl_dataplane *dataplane;
	struct ctl_kernel *kernel;
	struct ctl_api *api;

	unsigned n_links;
	struct ctl_link *link; /* in order of id */
	unsigned n_paths;
	struct ctl_path_in_use *path;

	bool objects_listed; /* the store has been read once; until then nothing is told to the data plane */
	bool pops_listed;
	struct ctl_parts *parts; /* timers and helpers of daemon.c */
};

/* Starts every part in order; ret_daemon is freed by ctl_daemon_stop. Returns 0 or -errno after logging why. */
int ctl_daemon_start(uv_loop_t *loop, const char *config_path, const struct ctl_pop_config *config, int pidfile,
    struct ctl_daemon **ret_daemon);

/* Stops every part in the reverse order and leaves BPF programs and the data plane's state in place; the loop then
 * runs empty and the daemon can be freed. */
void ctl_daemon_stop(struct ctl_daemon *daemon);
void ctl_daemon_free(struct ctl_daemon *daemon);

/* ---- for the API ---- */

/* Class number by name, for an accelerator or "" for any; -ENOENT. */
int ctl_daemon_class(const struct ctl_daemon *daemon, const char *name);

const struct ctl_link *ctl_daemon_link(const struct ctl_daemon *daemon, uint32_t id);

/* Is the endpoint up? By our own checks, or what the first egress POP that checks it publishes. */
enum ctl_health_verdict ctl_daemon_verdict(const struct ctl_daemon *daemon, uint32_t endpoint);

/* done is called once, later: error 0, or -errno with one or more lines of text (mistakes as in ctl_mistakes_text).
 * -EINVAL and -ENOENT are the caller's fault, others the store's. */
typedef void (*ctl_change_done)(void *arg, int error, const char *text);

/* Applies YAML documents, all or none. `source` names them in mistakes. */
void ctl_daemon_apply(
    struct ctl_daemon *daemon, const char *source, const char *text, size_t size, ctl_change_done done, void *arg);
void ctl_daemon_remove_object(
    struct ctl_daemon *daemon, enum ctl_kind kind, const char *name, ctl_change_done done, void *arg);

/* pop: its name. endpoint: ADDRESS:PORT, of every accelerator that has it, or ACCELERATOR/ADDRESS:PORT. */
void ctl_daemon_drain(
    struct ctl_daemon *daemon, bool pop, const char *name, bool drained, ctl_change_done done, void *arg);
