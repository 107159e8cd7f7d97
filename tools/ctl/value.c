/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/base/yaml.h"

bool cli_name_is_good(const char *what, const char *name)
{
	if (ctl_name_is_good(name))
		return true;
	fprintf(stderr,
	    "kuafuctl: %s '%s' is no name: 1 to %u of a-z, 0-9, '-', '.' and '_', the first a letter or digit\n", what,
	    name, CTL_NAME_SIZE - 1);
	return false;
}

long cli_number(const struct cli_args *args, enum cli_option_id option, long most)
{
	const char *text = args->value[option];
	char *end;
	if (!text)
		return 0;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && number >= 1 && number <= most)
		return number;
	fprintf(
	    stderr, "kuafuctl: --%s: '%s' is no whole number from 1 to %ld\n", cli_options[option].name, text, most);
	return -1;
}
