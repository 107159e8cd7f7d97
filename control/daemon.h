/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafud: its parts, and the way of events between them, which is one direction (DESIGN, section 8):
 *
 *	store ─▶ objects, cluster ─┐
 *	probes ─▶ links ───────────┼─▶ route engine, balance ─▶ data-plane client
 *	kernel, health ────────────┘
 *
 * The API reads the parts through control/api/view.h, and its changes go by the store: what another POP applied and what
 * this one applied arrive the same way. Everything runs on one loop. */
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
#include "probes/traffic.h"

/* A directed link between two registered POPs. The estimates of ours, and of those that lead to us, are our own; those
 * of others are what their POPs publish. */
struct ctl_link {
	uint32_t id;     /* the route engine's */
	uint32_t number; /* the data plane's: control/parts/link_numbers.h */
	struct route_link_key key;
	struct wire_addr local;
	struct wire_addr remote;
	struct route_link_config config; /* its MTU is what was found: */
	uint16_t registered_mtu;
	uint16_t found_mtu;       /* by our probes, or as its near end told; 0: not yet */
	bool ours;                /* key.from is this POP */
	bool authenticated;       /* its probes: one of its ends wants that */
	bool probed;              /* ours, and the sessions have taken it */
	bool up;                  /* as the route engine was told */
	uint8_t cause;            /* enum wire_link_cause, of the last change */
	uint64_t changed_wall_ns; /* of the last change; 0: none yet */
	bool stamp_up;            /* ours: what the probes say */
	bool dataplane_known;     /* ours: the data plane has said something, and it is connected */
	bool dataplane_up;
	uint64_t flooded_ns;                /* foreign: CLOCK_MONOTONIC of the last word by flood; 0: never */
	struct route_estimate estimate;     /* at_ns 0: none yet */
	int64_t back_ns;                    /* ours: the probes' delay of the way back */
	struct probe_traffic *came;         /* ours: of the packets that come on it; NULL: none yet */
	struct probe_traffic_estimate went; /* ours: of those that go, as the other end told */
	uint64_t went_ns;                   /* CLOCK_MONOTONIC when it did; 0: never */
};

/* What the data plane says of the path in use. */
struct ctl_path_in_use {
	uint16_t to;
	uint8_t class;
	uint8_t active; /* 0 primary, 1 backup, 2 none usable */
	uint64_t at_wall_ns;
};

struct ctl_api_server;
struct ctl_parts;

struct ctl_daemon {
	struct ctl_pop_config config;
	uv_loop_t *loop;
	uint64_t started_wall_ns;

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
	struct ctl_api_server *api;

	unsigned n_links;
	struct ctl_link *link; /* in order of id */
	unsigned n_paths;
	struct ctl_path_in_use *path;

	bool objects_listed; /* the store has been read once; until then nothing is told to the data plane */
	bool pops_listed;
	struct ctl_parts *parts; /* what only the parts themselves need: control/parts/parts.h */
};

/* Starts every part in order. Returns 0, or -errno after logging why and stopping what had started. */
int ctl_daemon_start(uv_loop_t *loop, const struct ctl_pop_config *config, struct ctl_daemon **ret_daemon);

/* Stops every part in the reverse order and leaves BPF programs and the data plane's state in place. Run the loop until
 * it is empty, then free. */
void ctl_daemon_stop(struct ctl_daemon *daemon);

/* Reads the secrets anew; what is wrong with them is logged, and they stay. */
void ctl_daemon_reload(struct ctl_daemon *daemon);
void ctl_daemon_free(struct ctl_daemon *daemon);

/* ---- for the API ---- */

/* Class number by name, for an accelerator or "" for any; -ENOENT. */
int ctl_daemon_class(const struct ctl_daemon *daemon, const char *name);

const struct ctl_link *ctl_daemon_link(const struct ctl_daemon *daemon, uint32_t id);
