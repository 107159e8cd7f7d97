/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/base/address.h"

struct filter {
	const char *protocol;
	char address[2][CTL_ADDRESS_TEXT];
	unsigned n_address;
	uint16_t port;
};

static bool parse_port(const char *text, uint16_t *ret_port)
{
	uint16_t lo, hi;
	if (ctl_port_range_parse(text, &lo, &hi) != 0 || lo != hi)
		return false;
	*ret_port = lo;
	return true;
}

/* ADDRESS, ADDRESS:PORT, [IPV6]:PORT, :PORT, tcp, udp or icmp. False: it is none of these, or one too many. */
static bool add_word(struct filter *f, const char *word)
{
	char host[64];
	struct wire_addr address;
	if (strcmp(word, "tcp") == 0 || strcmp(word, "udp") == 0 || strcmp(word, "icmp") == 0) {
		bool first = !f->protocol;
		f->protocol = word;
		return first;
	}
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
	ctl_address_text(&address, f->address[f->n_address++]);
	return true;
}

int cli_filter_query(
    const char *const *word, unsigned n, char *ret_query, size_t size, char ret_error[static CLI_ERROR_SIZE])
{
	struct filter f = {0};
	for (unsigned i = 0; i < n; i++) {
		if (!add_word(&f, word[i])) {
			snprintf(ret_error, CLI_ERROR_SIZE,
			    "filter: '%s' does not fit; use up to two addresses, one port and one protocol: "
			    "192.0.2.7 203.0.113.10:443 tcp",
			    word[i]);
			return -EINVAL;
		}
	}
	char port[16] = "";
	if (f.port)
		snprintf(port, sizeof(port), "&port=%u", f.port);
	char query[256];
	int length = snprintf(query, sizeof(query), "%s%s%s%s%s%s%s", f.n_address > 0 ? "&address=" : "", f.address[0],
	    f.n_address > 1 ? "&address2=" : "", f.address[1], f.protocol ? "&protocol=" : "",
	    f.protocol ? f.protocol : "", port);
	if ((size_t)length >= size)
		return -ENOSPC;
	strcpy(ret_query, *query ? query + 1 : query);
	return 0;
}
