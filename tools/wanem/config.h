/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/wanem/config.h: kuafu-wanem's configuration file, see kuafu-wanem(1). */
#pragma once

#include "control/base/mistakes.h"
#include "tools/wanem/impair.h"
#include "tools/wanem/router.h"

#define WANEM_SOCKET_SIZE     108u   /* sun_path */
#define WANEM_DEFAULT_PACKETS 32768u /* on their way at a time: 48 MiB, 1 Gbit/s of large packets for 300 ms */
#define WANEM_MAX_PACKETS     1048576u

struct wanem_config {
	char socket[WANEM_SOCKET_SIZE];
	uint64_t seed;
	uint32_t packets;
	uint32_t n_ports;
	struct wanem_port port[WANEM_MAX_PORTS]; /* name, gateways */
	struct wanem_routes routes;
	struct wanem_impairment line[WANEM_MAX_PORTS][WANEM_MAX_PORTS]; /* [from][to] */
};

/* Reads the file, or `text` as the file `name`. Returns 0; or -EINVAL with *ret_config untouched and the reasons in m. */
int wanem_config_read(const char *path, struct ctl_mistakes *m, struct wanem_config *ret_config);
int wanem_config_parse(
    const char *name, const char *text, size_t size, struct ctl_mistakes *m, struct wanem_config *ret_config);

/* The index of a port by name, or -ENOENT. */
int wanem_port_find(const struct wanem_port *ports, uint32_t n_ports, const char *name);
