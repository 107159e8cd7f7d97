/* SPDX-License-Identifier: BSD-2-Clause */
/* What people and other POPs write: pop.yaml, objects, registrations, states, and etcd's answers. The first byte
 * chooses the reader. Objects that are accepted must survive being written and read again. */
#include <stdlib.h>
#include <string.h>

#include "control/base/pop_config.h"
#include "control/cluster/cluster.h"
#include "control/config/objects.h"
#include "control/store/etcd_message.h"
#include "tests/fuzz/expect.h"

#define NOW 1700000000000000000ull

static void as_pop_config(const char *text, size_t size)
{
	struct ctl_mistakes m = {0};
	struct ctl_pop_config config = {.id = 0};
	int error = ctl_pop_config_parse("f", text, size, &m, &config);
	EXPECT(error ? m.found > 0 && config.id == 0 : m.found == 0 && config.id != 0);
	for (unsigned i = 0; !error && i < config.n_links; i++)
		EXPECT(config.links[i].port < config.n_ports);
	ctl_mistakes_free(&m);
}

static char *written(const struct ctl_object *object)
{
	json_t *json = ctl_object_json(object);
	char *text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	EXPECT(text);
	return text;
}

static void write_and_read(const struct ctl_object *object)
{
	struct ctl_mistakes m = {0};
	struct ctl_objects again = {0};
	char *first = written(object);
	EXPECT(ctl_objects_parse("again", first, strlen(first), NOW, &m, &again) == 0 && again.n == 1);
	char *second = written(again.object[0]);
	EXPECT(strcmp(first, second) == 0);
	free(first);
	free(second);
	ctl_objects_free(&again);
}

static void as_objects(const char *text, size_t size)
{
	static const char *const pops[] = {"sgp1", "fra1", "dxb1", NULL};
	struct ctl_mistakes m = {0};
	struct ctl_objects batch = {0}, none = {0};
	int error = ctl_objects_parse("f", text, size, NOW, &m, &batch);
	EXPECT(error ? m.found > 0 && batch.n == 0 : m.found == 0);
	if (!error && ctl_objects_check(&none, &batch, pops, &m) == 0)
		for (unsigned i = 0; i < batch.n; i++)
			write_and_read(batch.object[i]);
	ctl_objects_free(&batch);
	ctl_mistakes_free(&m);
}

static void as_cluster(const char *text, size_t size)
{
	static const char self[] = "{\"id\":1,\"region\":\"r\"}";
	struct ctl_mistakes m = {0};
	struct ctl_cluster cluster = {0};
	bool changed;
	EXPECT(ctl_cluster_register(&cluster, "self", self, sizeof(self) - 1, &m, &changed) == 0);
	ctl_cluster_register(&cluster, "other", text, size, &m, &changed);
	ctl_cluster_state(&cluster, "self", text, size, 1, &m);
	ctl_cluster_free(&cluster);
	ctl_mistakes_free(&m);
}

static void as_etcd(const char *text, size_t size)
{
	struct ctl_etcd_answer answer = {0};
	if (ctl_etcd_parse(text, size, &answer) == 0)
		for (unsigned i = 0; i < answer.n; i++)
			EXPECT(answer.change[i].key && answer.change[i].key[0]);
	ctl_etcd_answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text, size_t size) = {
	    as_pop_config, as_objects, as_cluster, as_etcd};
	if (size > 0)
		readers[data[0] % 4]((const char *)data + 1, size - 1);
	return 0;
}
