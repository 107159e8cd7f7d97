/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/base/address.h"
#include "control/base/yaml.h"

struct filter {
	bool of_flows;
	struct {
		const char *end; /* "client", "vip", "endpoint", or NULL: any */
		char text[CTL_ADDRESS_TEXT];
	} address[2];
	unsigned n_address;
	uint16_t port;
	const char *protocol, *role, *state, *pop;
};

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	uint16_t lo, hi;
	if (ctl_port_range_parse(text, &lo, &hi) != 0 || lo != hi)
		return false;
	*ret_port = lo;
	return true;
}

/* ADDRESS, ADDRESS:PORT, [IPV6]:PORT or :PORT. False: it is none of these, or one too many. */
static bool add_address(struct filter *f, const char *end, const char *word)
{
	char host[64];
	struct wire_addr address;
	snprintf(host, sizeof(host), "%s", word);
	if (ctl_address_parse(host, &address) != 0) {
		char *colon = strrchr(host, ':');
		if (!colon || f->port || !parse_port(colon + 1, &f->port))
			return false;
		*colon = '\0';
		if (!*host)
			return true;
		size_t length = strlen(host);
		if (host[0] == '[' && host[length - 1] == ']') {
			memmove(host, host + 1, length);
			host[length - 2] = '\0';
		}
		if (ctl_address_parse(host, &address) != 0)
			return false;
	}
	if (f->n_address == 2)
		return false;
	f->address[f->n_address].end = end;
	ctl_address_text(&address, f->address[f->n_address++].text);
	return true;
}

static bool set_once(const char **to, const char *value)
{
	bool first = !*to;
	*to = value;
	return first && ctl_name_is_good(value);
}

/* A word by itself, or a keyword and its value (NULL: missing), which *ret_used tells. */
static bool add_word(struct filter *f, const char *word, const char *value, unsigned *ret_used)
{
	static const char *const protocols[] = {"tcp", "udp", "icmp", NULL};
	static const char *const ends[] = {"client", "vip", "endpoint", NULL};
	static const char *const roles[] = {"ingress", "egress", NULL};
	*ret_used = 1;
	if (is_one_of(word, protocols))
		return set_once(&f->protocol, word);
	if (f->of_flows && is_one_of(word, roles))
		return set_once(&f->role, word);
	if (!f->of_flows || !value)
		return add_address(f, NULL, word);
	*ret_used = 2;
	if (is_one_of(word, ends))
		return add_address(f, word, value);
	if (strcmp(word, "state") == 0)
		return set_once(&f->state, value);
	if (strcmp(word, "pop") == 0)
		return set_once(&f->pop, value);
	*ret_used = 1;
	return add_address(f, NULL, word);
}

static void put(FILE *out, const char *key, const char *value)
{
	if (value)
		fprintf(out, "%s%s=%s", ftell(out) ? "&" : "", key, value);
}

static void put_filter(FILE *out, const struct filter *f)
{
	char port[8] = "";
	bool any = false;
	for (unsigned i = 0; i < f->n_address; i++) {
		put(out, f->address[i].end ? f->address[i].end : any ? "address2" : "address", f->address[i].text);
		any = any || !f->address[i].end;
	}
	put(out, "protocol", f->protocol);
	snprintf(port, sizeof(port), "%u", f->port);
	put(out, "port", f->port ? port : NULL);
	put(out, "role", f->role);
	put(out, "state", f->state);
	put(out, "pop", f->pop);
}

int cli_filter_query(const char *const *word, unsigned n, bool of_flows, char *ret_query, size_t size,
    char ret_error[static CLI_ERROR_SIZE])
{
	struct filter f = {.of_flows = of_flows};
	char query[512] = "";
	unsigned used;
	for (unsigned i = 0; i < n; i += used) {
		if (add_word(&f, word[i], i + 1 < n ? word[i + 1] : NULL, &used))
			continue;
		snprintf(ret_error, CLI_ERROR_SIZE,
		    "filter: '%s' does not fit; use up to two addresses, one port and one protocol: %s",
		    word[i + used - 1],
		    of_flows ? "client 192.0.2.7 vip 203.0.113.10:443 tcp state established pop fra1"
		             : "192.0.2.7 203.0.113.10:443 tcp");
		return -EINVAL;
	}
	FILE *out = fmemopen(query, sizeof(query), "w");
	if (!out)
		return -ENOMEM;
	put_filter(out, &f);
	fclose(out);
	if (strlen(query) >= size)
		return -ENOSPC;
	strcpy(ret_query, query);
	return 0;
}
