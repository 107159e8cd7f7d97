/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/numbers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_link(void *to, const void *row)
{
	struct ctl_api_number *wanted = to;
	const struct ctl_api_link *link = row;
	if (link->id == wanted->number)
		snprintf(wanted->name, sizeof(wanted->name), "%s > %s", link->from, link->to);
}

static void take_endpoint(void *to, const void *row)
{
	struct ctl_api_number *wanted = to;
	const struct ctl_api_endpoint *endpoint = row;
	if (endpoint->id == wanted->number)
		snprintf(wanted->name, sizeof(wanted->name), "%s", endpoint->name);
}

static const char *remembered(struct ctl_api_number *cache, uint32_t number, const struct ctl_api_view *view,
    ctl_api_list *list, ctl_api_emit *take)
{
	struct ctl_api_number *place = &cache[number % CTL_API_NUMBERS];
	if (!place->known || place->number != number) {
		*place = (struct ctl_api_number){.known = true, .number = number};
		list(view->daemon, take, place);
	}
	return *place->name ? place->name : NULL;
}

/* The name of a number behind this word, or NULL. */
static const char *name_of(
    struct ctl_api_numbers *n, const struct ctl_api_view *view, const char *word, size_t length, unsigned long number)
{
	if (length == 3 && strncmp(word, "POP", length) == 0 && number <= UINT16_MAX)
		return view->pop_name(view->daemon, (uint16_t)number);
	if (length == 5 && strncmp(word, "class", length) == 0 && number <= UINT8_MAX)
		return view->class_name(view->daemon, (uint8_t)number);
	if (length == 4 && strncmp(word, "link", length) == 0)
		return remembered(n->link, (uint32_t)number, view, view->links, take_link);
	if (length == 8 && strncmp(word, "endpoint", length) == 0)
		return remembered(n->endpoint, (uint32_t)number, view, view->endpoints, take_endpoint);
	return NULL;
}

void ctl_api_name_numbers(
    struct ctl_api_numbers *numbers, const struct ctl_api_view *view, const char *text, char *ret_text, size_t size)
{
	const char *word = text, *previous = text;
	size_t used = 0, previous_length = 0;
	*ret_text = '\0';
	while (*word && used < size - 1) {
		size_t length = strcspn(word, " "), gap = strspn(word + length, " ");
		char *end;
		unsigned long number = strtoul(word, &end, 10);
		const char *name =
		    isdigit((unsigned char)*word) && (end == word + length || ispunct((unsigned char)*end))
		        ? name_of(numbers, view, previous, previous_length, number)
		        : NULL;
		if (name && end[0] != '.')
			used += (size_t)snprintf(ret_text + used, size - used, "%s%.*s", name,
			    (int)(length + gap - (size_t)(end - word)), end);
		else
			used += (size_t)snprintf(ret_text + used, size - used, "%.*s", (int)(length + gap), word);
		previous = word;
		previous_length = length;
		word += length + gap;
	}
}
