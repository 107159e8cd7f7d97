/* SPDX-License-Identifier: BSD-2-Clause */
/* pop.yaml.5 and kuafu.yaml.5 against the readers: the examples are read, and every field stands there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/pop_config.h"
#include "control/config/objects.h"

static char *slurp(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, name);
	char *text = calloc(1, 1 << 16);
	FILE *file = fopen(path, "r");
	cr_assert(file && fread(text, 1, (1 << 16) - 1, file) > 0, "%s", path);
	fclose(file);
	return text;
}

/* What stands between .Bd -literal and .Ed; cuts the text there. */
static const char *example_of(char *manual)
{
	char *start = strstr(manual, ".Bd -literal\n");
	cr_assert(start);
	start += strlen(".Bd -literal\n");
	char *end = strstr(start, ".Ed");
	cr_assert(end);
	*end = '\0';
	return start;
}

Test(manuals, the_example_of_pop_yaml_is_read)
{
	char *manual = slurp("docs/pop.yaml.5");
	struct ctl_mistakes m = {0};
	struct ctl_pop_config config;
	const char *example = example_of(manual);
	int error = ctl_pop_config_parse("pop.yaml.5", example, strlen(example), &m, &config);
	cr_assert(error == 0, "%s", m.kept ? m.line[0] : "");
	free(manual);
}

Test(manuals, the_example_of_kuafu_yaml_is_read_and_holds_together)
{
	static const char *const pops[] = {"sgp1", "fra1", "ams1", "lax1", "syd1", "lhr1", NULL};
	char *manual = slurp("docs/kuafu.yaml.5");
	struct ctl_mistakes m = {0};
	struct ctl_objects batch = {0}, none = {0};
	const char *example = example_of(manual);
	int error = ctl_objects_parse("kuafu.yaml.5", example, strlen(example), 0, &m, &batch);
	cr_assert(error == 0 && batch.n == 3, "%s", m.kept ? m.line[0] : "");
	cr_assert(ctl_objects_check(&none, &batch, pops, &m) == 0, "%s", m.kept ? m.line[0] : "");
	ctl_objects_free(&batch);
	free(manual);
}

/* Every word of the source's *_keys[] arrays is marked up as a field. Returns how many there are. */
static unsigned compare(const char *source_name, const char *manual_name)
{
	char *source = slurp(source_name), *manual = slurp(manual_name);
	unsigned n = 0;
	for (char *at = source; (at = strstr(at, "_keys[] = {"));) {
		char *end = strstr(at, "NULL}");
		cr_assert(end);
		for (char *word = strchr(at, '"'); word && word < end; word = strchr(word, '"')) {
			char *close = strchr(++word, '"'), field[64], more[64], section[64];
			int length = (int)(close - word);
			snprintf(field, sizeof(field), "Ic %.*s", length, word);
			snprintf(more, sizeof(more), " , %.*s\n", length, word);
			snprintf(section, sizeof(section), ".Ss %.*s\n", length, word);
			bool there = strstr(manual, field) || strstr(manual, more) || strstr(manual, section);
			cr_assert(there, "%.*s is missing in %s", length, word, manual_name);
			word = close + 1;
			n++;
		}
		at = end;
	}
	free(source);
	free(manual);
	return n;
}

Test(manuals, every_field_is_described)
{
	cr_assert(compare("control/base/pop_config.c", "docs/pop.yaml.5") > 30);
	cr_assert(compare("control/config/accelerator.c", "docs/kuafu.yaml.5") > 25);
	cr_assert(compare("control/config/policy.c", "docs/kuafu.yaml.5") > 20);
}
