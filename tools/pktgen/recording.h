/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture file on disk, for the command line. */
#pragma once

#include "tools/pktgen/pcap.h"

/* Reads the file whole. 0, or -errno after one line on stderr; what was skipped is told there, too. */
int recording_load(const char *path, struct pcap *ret);
