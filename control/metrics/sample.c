/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/sample.h"

#include <math.h>

static void put_escaped(FILE *out, const char *text)
{
	for (; text && *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void put_name(FILE *out, const char *name, const struct ctl_label *label, size_t n)
{
	fputs(name, out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s%s=\"", i ? "," : "{", label[i].name);
		put_escaped(out, label[i].value);
		fputc('"', out);
	}
	fputs(n ? "} " : " ", out);
}

void ctl_metric_count(const struct ctl_metric *m, const struct ctl_metrics_source *s, const struct ctl_label *label,
    size_t n, uint64_t value)
{
	put_name(s->out, m->name, label, n);
	fprintf(s->out, "%llu\n", (unsigned long long)value);
}

void ctl_metric_real(const struct ctl_metric *m, const struct ctl_metrics_source *s, const struct ctl_label *label,
    size_t n, double value)
{
	if (!isfinite(value))
		return;
	put_name(s->out, m->name, label, n);
	fprintf(s->out, "%.15g\n", value);
}
