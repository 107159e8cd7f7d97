/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of kuafu-pktgen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/pktgen/rate.h"
#include "tools/pktgen/traffic.h"

struct options {
	const char *tx, *rx;    /* port specs; rx NULL: the same as tx */
	struct traffic traffic; /* not started; its set may point to .pcap */
	const char *pcap_path;  /* NULL: none */
	struct pcap pcap;
	struct rate rate;    /* for --search the ceiling */
	uint32_t port_speed; /* Mbit/s; 0: what the port says */
	double seconds;
	bool search;
	double loss_allowed; /* share, 0 .. 1, for --search */
	double resolution;   /* share of the ceiling, for --search */
	bool json, no_huge, popularity_said;
	const char *lcore; /* of the generator */
	uint16_t workers;  /* of a data plane in this process, in place of ports; 0: none */
};

/* What it may point to: the strings of argv, *ret_options itself. The pcap is the caller's to free.
 * Returns 0; 1 when --help or --version was answered; -EINVAL after one line on stderr that says what is wrong. */
int options_parse(int argc, char **argv, struct options *ret_options);
