/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/search.h"

void search_start(struct search *s, double ceiling, double resolution)
{
	*s = (struct search){.high = ceiling, .resolution = resolution, .next = ceiling};
}

bool search_step(struct search *s, bool passed)
{
	if (passed)
		s->low = s->next;
	else
		s->high = s->next;
	bool ceiling_holds = passed && !s->ceiling_tried;
	s->ceiling_tried = true;
	s->next = (s->low + s->high) / 2;
	return ceiling_holds || s->high - s->low <= s->resolution;
}
