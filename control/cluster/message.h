/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts that POPs leave in the store for each other: a registration, once a second a state, and when they change
 * (or may not have been heard) the verdicts of health checks. JSON, read by the YAML reader like everything else that
 * comes from outside.
 *
 *	pop/sgp1    {"id": 1, "region": "ap-southeast",
 *	             "links": [{"link": 0, "address": "10.1.0.2", "mtu": 1500, "provider": "isp-a", "cost": 0,
 *	                        "authenticated": true}]}
 *	state/sgp1  {"at": 1763765000000,                            wall clock, milliseconds
 *	             "busy": "20.00%", "use": [{"link": 0, "tx": "35.00%", "rx": "12.00%"}],
 *	             "links": [{"to": 2, "local": 0, "remote": 0, "up": true, "delay": "40ms", "rtt": "80ms",
 *	                        "jitter": "100us", "loss": "0.1%",    no delay: not measured yet
 *	                        "mtu": 1480,                          once it is found: probes/mtu.h
 *	                        "heard": {"packets": 5000, "lost": 3,  what came back on it: probes/traffic.h
 *	                                  "delay-packets": 600, "delay": "41ms"}}]}
 *	health/sgp1 {"up": [7, 12], "down": [9]}                      ids of endpoints
 */
#pragma once

#include "control/cluster/cluster.h"

#define CTL_STORE_PREFIX "/kuafu/v1/"

/* Fills the zeroed *ret_pop (name too). Returns 0, -EINVAL with mistakes, or -ENOMEM. */
int ctl_registration_read(
    const char *name, const char *json, size_t size, struct ctl_mistakes *m, struct ctl_pop *ret_pop);

/* Fills time and reports of *ret_pop, whose id is set; the array is the caller's to free, also after an error. Reports
 * of links to POPs that are not in cluster are left out. */
int ctl_state_read(const struct ctl_cluster *cluster, const char *name, const char *json, size_t size,
    struct ctl_mistakes *m, struct ctl_pop *ret_pop);

/* The verdicts, in order of endpoints; from malloc. Returns 0, -EINVAL with mistakes, or -ENOMEM. */
int ctl_verdicts_read(const char *name, const char *json, size_t size, struct ctl_mistakes *m,
    struct ctl_endpoint_verdict **ret_verdict, unsigned *ret_n);
