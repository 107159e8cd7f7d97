/* SPDX-License-Identifier: BSD-2-Clause */
/* Punt: everything that is neither VIP, overlay nor NAT address belongs to the kernel: ARP, ND, BGP, STAMP, SSH. */
#include "dataplane/burst.h"

void dp_punt_run(struct dp_worker *w, struct dp_burst *b, const struct dp_group *g)
{
	for (unsigned k = 0; k < g->n; k++)
		dp_punt(w, b->port, b->pkt[g->i[k]]);
}
