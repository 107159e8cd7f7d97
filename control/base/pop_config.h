/* SPDX-License-Identifier: BSD-2-Clause */
/* pop.yaml: what only this machine knows. Both daemons read the same file; kuafud.8 and pop.yaml.5 describe it. */
#pragma once

#include <stdint.h>

#include "control/base/address.h"
#include "control/base/log.h"
#include "control/base/mistakes.h"
#include "control/base/yaml.h"
#include "wire/control.h"
#include "wire/stamp_tlv.h"

#define CTL_POP_MAX_LINKS      64u /* our own addresses; a link number has 8 bits */
#define CTL_POP_MAX_NATS       WIRE_CTL_MAX_NATS
#define CTL_POP_MAX_WORKERS    64u /* lanes, wire/overlay.h: more could own none */
#define CTL_POP_MAX_QUEUES     16u
#define CTL_POP_USUAL_MTU      1500u
#define CTL_POP_PATH_SIZE      96u /* of run-dir: a socket's path below it must fit sockaddr_un */
#define CTL_POP_TEXT_SIZE      256u
#define CTL_POP_INTERFACE_SIZE 16u /* as IFNAMSIZ */

enum ctl_port_driver {
	CTL_PORT_AF_XDP,
	CTL_PORT_PCI,
	CTL_PORT_MEMIF,
	CTL_PORT_TAP,
	CTL_PORT_PCAP,
	CTL_PORT_RING,
	CTL_PORT_NULL,
};
extern const char *const ctl_port_driver_names[]; /* these lists are NULL-terminated and indexed by their enum */

/* The index in `ports:` is the port's number in wire/control.h. Texts that a driver does not use are "". */
struct ctl_pop_port {
	char name[CTL_NAME_SIZE];
	enum ctl_port_driver driver;
	char interface[CTL_POP_INTERFACE_SIZE]; /* af_xdp, tap, pcap (live): the kernel's name */
	char kernel[CTL_POP_INTERFACE_SIZE]; /* the interface by which the kernel has its share of the port; "": none */
	char device[CTL_POP_TEXT_SIZE];      /* pci: address, such as 0000:01:00.0; memif: path of the socket */
	char rx_file[CTL_POP_TEXT_SIZE];     /* pcap */
	char tx_file[CTL_POP_TEXT_SIZE];     /* pcap */
	bool memif_server;                   /* memif: we make the socket */
	uint16_t queues;
	uint16_t mtu;      /* bytes of an IP packet; 0: what the device has */
	uint8_t vlan_tags; /* of its frames, 0 to 2 */
	uint16_t vlan[2];  /* their ids, outer first */
};

struct ctl_pop_link {
	uint8_t link; /* number, unique in this POP: the path option carries it */
	uint8_t port; /* index in ports */
	uint16_t mtu; /* of the outer packet, bytes */
	struct wire_addr address;
	char provider[CTL_NAME_SIZE];
	double cost;           /* money, in the unit of the cost class: milliseconds of delay it is worth */
	uint64_t capacity_bps; /* of the address, each way, for all its links together; 0: not told */
	bool authenticated;    /* its probes */
};

struct ctl_pop_nat {
	struct wire_addr address;
	uint16_t port_lo;
	uint16_t port_hi; /* inclusive */
};

enum ctl_idle { CTL_IDLE_BUSY, CTL_IDLE_ADAPTIVE };
extern const char *const ctl_idle_names[];

struct ctl_pop_dataplane {
	uint32_t workers;
	enum ctl_idle idle;
	bool hugepages; /* use them where there are any; false: never */
	uint64_t memory_bytes;
	uint32_t flows;     /* per worker, at ingress */
	uint32_t nat_flows; /* per worker, at egress */
	unsigned n_nats;
	struct ctl_pop_nat nats[CTL_POP_MAX_NATS];
};

/* probes.reflector, probes.answer and probes.clock; what sets the clock is enum wire_stamp_sync, less one. */
enum ctl_reflector { CTL_REFLECTOR_STATEFUL, CTL_REFLECTOR_STATELESS };
enum ctl_answer { CTL_ANSWER_LINKS, CTL_ANSWER_ANY };
extern const char *const ctl_reflector_names[];
extern const char *const ctl_answer_names[];
extern const char *const ctl_clock_names[];

enum ctl_timestamps { CTL_TIMESTAMPS_AUTO, CTL_TIMESTAMPS_USER };
extern const char *const ctl_timestamps_names[];

struct ctl_pop_config {
	char name[CTL_NAME_SIZE];
	uint16_t id;
	char region[CTL_NAME_SIZE];
	char run_dir[CTL_POP_PATH_SIZE];
	char store[CTL_POP_TEXT_SIZE];
	unsigned n_servers;
	struct wire_addr server[CTL_MAX_SERVERS]; /* of the store; unset (::) where pop.yaml has a name */
	char secret_file[CTL_POP_TEXT_SIZE];
	char next_secret_file[CTL_POP_TEXT_SIZE]; /* "": none */
	int64_t clock_offset_ns;
	enum ctl_log_level log;
	struct ctl_pop_dataplane dataplane;
	unsigned n_ports;
	struct ctl_pop_port ports[WIRE_CTL_MAX_PORTS];
	unsigned n_links;
	struct ctl_pop_link links[CTL_POP_MAX_LINKS];
	double probe_rate_hz;
	enum ctl_timestamps timestamps;
	enum ctl_reflector reflector;
	enum ctl_answer answer;
	enum wire_stamp_sync clock;
};

/* Reads and checks the whole file. Returns 0, or -EINVAL with every mistake in m and *ret_config untouched. */
int ctl_pop_config_load(const char *path, struct ctl_mistakes *m, struct ctl_pop_config *ret_config);

/* The same from text; `name` stands for the file in the lines. */
int ctl_pop_config_parse(
    const char *name, const char *text, size_t size, struct ctl_mistakes *m, struct ctl_pop_config *ret_config);

/* run_dir/file into path, which holds CTL_POP_PATH_SIZE + 12 bytes (what sockaddr_un holds). Returns path. */
#define CTL_RUN_PATH_SIZE (CTL_POP_PATH_SIZE + 12u)
char *ctl_pop_run_path(const struct ctl_pop_config *config, const char *file, char *path);
