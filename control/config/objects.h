/* SPDX-License-Identifier: BSD-2-Clause */
/* The cluster's objects: accelerators, policies and POP settings. Written as YAML documents (kuafu.yaml.5), kept in the
 * store as JSON, which the same reader reads.
 *
 * Invariants of a checked set: names are unique in their kind; a VIP, and a port of a VIP and protocol, belong to one
 * listener; an endpoint is a host and no VIP; every POP named exists; every class named is built in or defined by one
 * policy; ids of accelerators, groups and endpoints are unique, not 0, and the same in the whole cluster, for as long as
 * the object has its name. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/base/mistakes.h"
#include "control/base/yaml.h"
#include "control/health/health.h"
#include "control/route/types.h"
#include "wire/control.h"

#define CTL_MAX_VIPS        16u /* of an accelerator */
#define CTL_MAX_LISTENERS   64u
#define CTL_MAX_PORT_RANGES 16u
#define CTL_MAX_GROUPS      WIRE_CTL_MAX_SHARES
#define CTL_MAX_GROUP_POPS  16u
#define CTL_MAX_ENDPOINTS   256u /* of a group */
#define CTL_MAX_RULES       64u  /* of a policy */

enum ctl_kind { CTL_KIND_ACCELERATOR, CTL_KIND_POLICY, CTL_KIND_POP, CTL_KIND_COUNT };
extern const char *const ctl_kind_names[];          /* NULL-terminated, as all lists of names here */
extern const char *const ctl_affinity_names[];      /* enum wire_ctl_affinity */
extern const char *const ctl_client_ip_names[];     /* enum wire_ctl_client_ip */
extern const char *const ctl_endpoint_mode_names[]; /* enum wire_ctl_endpoint_mode */
extern const char *const ctl_encap_names[];         /* enum wire_ctl_encap */
extern const char *const ctl_health_type_names[];   /* enum ctl_health_type */
extern const char *const ctl_objective_names[];     /* enum route_objective; also the names of the built-in classes */

struct ctl_check { /* health: of a group */
	enum ctl_health_type type;
	uint16_t port; /* 0: the endpoint's own */
	uint16_t rise;
	uint16_t fall;
	uint32_t interval_ms;
	uint32_t timeout_ms;
	char path[256]; /* http */
};

struct ctl_endpoint {
	uint32_t id;
	struct wire_addr address;
	uint16_t port;
	uint16_t weight; /* 0 .. 255 */
	enum wire_ctl_endpoint_mode mode;
	enum wire_ctl_encap encap; /* of mode tunnel */
	bool drained;
	bool drained_given;       /* the document says so; else an apply keeps what was */
	uint8_t server_id_length; /* 0: has none */
	uint8_t server_id[WIRE_QUIC_MAX_SERVER_ID + 1];
	unsigned line;
};

struct ctl_group {
	uint32_t id;
	char name[CTL_NAME_SIZE]; /* unique in its listener; the region unless given */
	char region[CTL_NAME_SIZE];
	uint8_t dial; /* percent */
	unsigned n_pops;
	char pops[CTL_MAX_GROUP_POPS][CTL_NAME_SIZE]; /* egress POPs */
	struct ctl_check check;
	unsigned n_endpoints;
	struct ctl_endpoint *endpoints;
	unsigned line;
};

struct ctl_port_range {
	uint16_t lo, hi; /* inclusive */
};

struct ctl_listener {
	char name[CTL_NAME_SIZE];
	uint8_t protocol; /* WIRE_PROTO_TCP or WIRE_PROTO_UDP */
	unsigned n_ports;
	struct ctl_port_range ports[CTL_MAX_PORT_RANGES];
	enum wire_ctl_affinity affinity;
	enum wire_ctl_client_ip client_ip;
	char class[CTL_NAME_SIZE];
	bool has_quic; /* a configuration of quic[] is there */
	struct wire_ctl_quic_config quic[WIRE_QUIC_CODEPOINTS];
	unsigned n_groups;
	struct ctl_group *groups;
	unsigned line;
};

struct ctl_accelerator {
	uint32_t id; /* VNI, 24 bits */
	char name[CTL_NAME_SIZE];
	unsigned n_vips;
	struct wire_addr vips[CTL_MAX_VIPS];
	unsigned n_listeners;
	struct ctl_listener *listeners;
};

/* Names of what a rule is about: struct route_set, before POPs have numbers. */
struct ctl_rule_set {
	unsigned n_pops, n_ends, n_providers, n_regions;
	char pops[ROUTE_MAX_NAMED][CTL_NAME_SIZE];
	struct {
		char from[CTL_NAME_SIZE], to[CTL_NAME_SIZE];
	} ends[ROUTE_MAX_NAMED_ENDS];
	char providers[ROUTE_MAX_PROVIDERS][CTL_NAME_SIZE];
	char regions[ROUTE_MAX_REGIONS][CTL_NAME_SIZE];
};

struct ctl_rule {
	char accelerator[CTL_NAME_SIZE]; /* "" matches all, here and below */
	char class[CTL_NAME_SIZE];
	char from[CTL_NAME_SIZE];
	char to[CTL_NAME_SIZE];
	enum route_action action;
	unsigned n_pops;
	char pops[WIRE_PATH_MAX_HOPS + 1][CTL_NAME_SIZE]; /* pin */
	struct ctl_rule_set avoid;
	struct ctl_rule_set prefer;
	float prefer_ms;
	unsigned limits; /* enum route_limit */
	float max_money;
	float max_rtt_ms;
	bool fallback_direct;
	uint64_t expires_wall_ns; /* 0: never */
	unsigned line;
};

struct ctl_policy {
	char name[CTL_NAME_SIZE];
	unsigned n_classes;
	struct route_class classes[ROUTE_MAX_CLASSES]; /* accelerator is "" */
	unsigned n_rules;
	struct ctl_rule *rules;
};

/* What a rule does, for people: "avoid pops lax1; fallback direct". Returns text, which holds size bytes. */
const char *ctl_rule_text(const struct ctl_rule *rule, char *text, size_t size);

struct ctl_pop_object { /* what the cluster says of a POP, beside its own registration */
	char name[CTL_NAME_SIZE];
	bool drained; /* relays nothing, takes no new flow as egress */
	bool drained_given;
};

struct ctl_object {
	enum ctl_kind kind;
	char *source; /* file it was read from, for messages */
	unsigned line;
	union {
		struct ctl_accelerator accelerator;
		struct ctl_policy policy;
		struct ctl_pop_object pop;
	};
};

/* Of all kinds; each object is allocated by itself and stays where it is while it is in a set. */
struct ctl_objects {
	unsigned n;
	struct ctl_object **object;
};

/* Reads every document of a text and appends the objects to *set. `source` names the text in mistakes; `now_wall_ns`
 * is what `expires: 2h` counts from. Returns 0, or -EINVAL (mistakes in m, *set as it was) or -ENOMEM. */
int ctl_objects_parse(const char *source, const char *text, size_t size, uint64_t now_wall_ns, struct ctl_mistakes *m,
    struct ctl_objects *set);

/* Would `batch` applied onto `set` be a checked set? Complains into m about the objects of batch, with `known_pops`
 * (NULL-terminated: the registered ones) as the POPs that exist beside those the sets declare. Gives ids to the objects
 * of batch, the old ones where `set` has the same name, and lets endpoints and POPs keep their drained state where batch
 * does not say. Returns 0, -EINVAL or -ENOMEM. */
int ctl_objects_check(
    const struct ctl_objects *set, struct ctl_objects *batch, const char *const *known_pops, struct ctl_mistakes *m);

/* An address of the cluster itself, which no VIP may have: traffic between POPs would go the way of clients'. */
struct ctl_taken_address {
	struct wire_addr address;
	const char *pop;
};
void ctl_objects_check_taken(
    const struct ctl_objects *batch, const struct ctl_taken_address *taken, size_t n, struct ctl_mistakes *m);

/* The object, or NULL. The name is that of every kind. */
struct ctl_object *ctl_objects_find(const struct ctl_objects *set, enum ctl_kind kind, const char *name);
const char *ctl_object_name(const struct ctl_object *object);

/* Puts object (owned by the set from now on) in the place of the one with its kind and name. 0 or -ENOMEM. */
int ctl_objects_put(struct ctl_objects *set, struct ctl_object *object);
/* Whether there was one. */
bool ctl_objects_remove(struct ctl_objects *set, enum ctl_kind kind, const char *name);

void ctl_objects_free(struct ctl_objects *set); /* what is in it; *set is empty again */
void ctl_object_free(struct ctl_object *object);

/* As the store keeps it and the API shows it: the document's own fields, with ids and no defaults left out. A new
 * reference, or NULL. ctl_objects_parse reads it back the same. */
json_t *ctl_object_json(const struct ctl_object *object);
