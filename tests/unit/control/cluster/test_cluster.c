/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cluster/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/address.h"

static struct ctl_cluster cluster;
static struct ctl_mistakes mistakes;
static bool changed;

static int enter(const char *name, const char *json)
{
	ctl_mistakes_free(&mistakes);
	return ctl_cluster_register(&cluster, name, json, strlen(json), &mistakes, &changed);
}

static int state(const char *name, const char *json, uint64_t now_ns)
{
	ctl_mistakes_free(&mistakes);
	return ctl_cluster_state(&cluster, name, json, strlen(json), now_ns, &mistakes);
}

static int said(const char *name, const char *json)
{
	ctl_mistakes_free(&mistakes);
	return ctl_cluster_verdicts(&cluster, name, json, strlen(json), &mistakes);
}

static void forget(void)
{
	ctl_cluster_free(&cluster);
	ctl_mistakes_free(&mistakes);
}

TestSuite(cluster, .fini = forget);

static const char sgp1[] = "{\"id\":7,\"region\":\"ap\",\"links\":[{\"link\":0,\"address\":\"10.1.0.2\",\"mtu\":1500},"
                           "{\"link\":3,\"address\":\"10.2.0.2\",\"mtu\":1400,\"provider\":\"isp-a\",\"cost\":2.5}]}";
static const char fra1[] =
    "{\"id\":2,\"region\":\"eu\",\"links\":[{\"link\":0,\"address\":\"10.9.0.2\",\"mtu\":1500}]}";

Test(cluster, a_registration_is_taken_in_and_the_same_again_is_no_change)
{
	cr_assert(enter("sgp1", sgp1) == 0 && changed);
	const struct ctl_pop *pop = ctl_cluster_find(&cluster, "sgp1");
	cr_assert(pop && pop->id == 7 && pop->n_addresses == 2);
	const struct ctl_pop_address *second = ctl_pop_address(pop, 3);
	cr_assert(second && second->mtu == 1400 && second->cost == 2.5 && strcmp(second->provider, "isp-a") == 0);
	cr_assert(ctl_pop_address(pop, 1) == NULL);
	cr_assert(enter("sgp1", sgp1) == 0 && !changed);
	cr_assert(ctl_cluster_find(&cluster, "sgp1") == pop);
}

Test(cluster, pops_stand_in_order_of_their_ids_also_after_a_change)
{
	cr_assert(enter("sgp1", sgp1) == 0 && enter("fra1", fra1) == 0);
	cr_assert(cluster.pop[0]->id == 2 && cluster.pop[1]->id == 7);
	cr_assert(enter("fra1", "{\"id\":9,\"region\":\"eu\",\"links\":[]}") == 0 && changed);
	cr_assert(cluster.n_pops == 2 && cluster.pop[0]->id == 7 && cluster.pop[1]->id == 9);
	cr_assert(ctl_cluster_find_id(&cluster, 2) == NULL);
	cr_assert(ctl_cluster_remove(&cluster, "sgp1") && !ctl_cluster_remove(&cluster, "sgp1"));
	cr_assert(cluster.n_pops == 1);
}

Test(cluster, two_pops_share_neither_id_nor_address)
{
	cr_assert(enter("sgp1", sgp1) == 0);
	cr_assert(enter("fra1", "{\"id\":7,\"region\":\"eu\",\"links\":[]}") == -EINVAL);
	cr_assert_str_eq(mistakes.line[0],
	    "POP fra1 registers id 7, which POP sgp1 has; give one of them another 'id' in its pop.yaml");
	cr_assert(enter("fra1",
	              "{\"id\":8,\"region\":\"eu\",\"links\":[{\"link\":0,\"address\":\"10.2.0.2\",\"mtu\":1500}]}") ==
	          -EINVAL);
	cr_assert_str_eq(
	    mistakes.line[0], "POP fra1 registers an address of POP sgp1; correct 'links' in one pop.yaml");
	cr_assert(cluster.n_pops == 1, "nothing changes");
}

Test(cluster, what_is_no_registration_is_refused)
{
	static const char two_links_of_one_number[] =
	    "{\"id\":1,\"region\":\"eu\",\"links\":[{\"link\":0,\"address\":\"10.0.0.1\","
	    "\"mtu\":1500},{\"link\":0,\"address\":\"10.0.0.2\",\"mtu\":1500}]}";
	static const char *const bad[] = {"", "[]", "{}", "{\"id\":0,\"region\":\"eu\"}", "{\"id\":1}", "x: [",
	    "{\"id\":1,\"region\":\"eu\",\"links\":[{}]}", two_links_of_one_number};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(enter("a", bad[i]) == -EINVAL && mistakes.found, "%s", bad[i]);
	cr_assert(enter("Not A Name", fra1) == -EINVAL);
	cr_assert(cluster.n_pops == 0);
}

Test(cluster, what_a_pop_registers_is_what_others_read)
{
	struct ctl_pop_config config = {.name = "dxb1", .id = 12, .region = "me", .n_links = 2};
	config.links[0] = (struct ctl_pop_link){.link = 1, .mtu = 1380, .provider = "isp-b", .cost = 0.5};
	config.links[1] = (struct ctl_pop_link){.link = 2, .mtu = 1500, .authenticated = true};
	ctl_address_parse("192.0.2.2", &config.links[0].address);
	ctl_address_parse("192.0.2.1", &config.links[1].address);
	char *text = ctl_registration_text(&config);
	cr_assert(text && enter("dxb1", text) == 0, "%s: %s", text, mistakes.kept ? mistakes.line[0] : "");
	free(text);
	const struct ctl_pop *pop = ctl_cluster_find(&cluster, "dxb1");
	cr_assert(pop->id == 12 && strcmp(pop->region, "me") == 0 && pop->n_addresses == 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct ctl_pop_link *link = &config.links[i];
		const struct ctl_pop_address *address = ctl_pop_address(pop, link->link);
		cr_assert(address && address->mtu == link->mtu && address->cost == link->cost);
		cr_assert(wire_addr_equal(&address->address, &link->address));
		cr_assert_str_eq(address->provider, link->provider);
		cr_assert(address->authenticated == link->authenticated);
	}
	config.links[0].authenticated = true;
	text = ctl_registration_text(&config);
	cr_assert(text && enter("dxb1", text) == 0 && changed);
	free(text);
}

/* One such link in the data plane's transaction would have all of it refused. */
Test(cluster, an_address_that_the_data_plane_cannot_keep_is_left_out)
{
	cr_assert(enter("sgp1", "{\"id\":7,\"region\":\"ap\",\"links\":["
	                        "{\"link\":0,\"address\":\"2001:db8::1\",\"mtu\":1279},"
	                        "{\"link\":2,\"address\":\"2001:db8::2\",\"mtu\":1280},"
	                        "{\"link\":1,\"address\":\"10.0.0.1\",\"mtu\":1500}]}") == 0);
	const struct ctl_pop *pop = ctl_cluster_find(&cluster, "sgp1");
	cr_assert(pop->n_addresses == 2 && pop->address[0].link == 2 && pop->address[1].link == 1);
	cr_assert_str_eq(pop->left_out, "its address 2001:db8::1: an MTU of 1279 is less than 1280");
	cr_assert(enter("sgp1", "{\"id\":7,\"region\":\"ap\",\"links\":["
	                        "{\"link\":0,\"address\":\"10.0.0.2\",\"mtu\":575},"
	                        "{\"link\":1,\"address\":\"10.0.0.1\",\"mtu\":576}]}") == 0);
	cr_assert(pop->n_addresses == 1 && pop->address[0].mtu == 576);
	cr_assert_str_eq(pop->left_out, "its address 10.0.0.2: an MTU of 575 is less than 576");
}

Test(cluster, what_a_pop_publishes_is_what_others_read)
{
	cr_assert(enter("sgp1", sgp1) == 0 && enter("fra1", fra1) == 0);
	struct ctl_link_report reports[] = {
	    {{7, 2, 0, 0}, true, {-40000001, 80000002, 100003, 0.0125f, 0, 99}, {5000, 3, 600, -40000000}, 1476},
	    {{7, 2, 3, 0}, false, {0}, {0}, 0},
	    {{7, 99, 0, 0}, true, {0}, {0}, 0}, /* to a POP that the reader does not know */
	};
	struct ctl_endpoint_verdict verdicts[] = {{4000000000u, true}, {5, false}};
	struct ctl_pop_load load = {.busy = 0.25f, .tx = {[3] = 1.5f}, .rx = {[255] = 0.125f}};
	char *text = ctl_state_text(1763765000123000000u, &load, reports, 3);
	cr_assert(text && state("sgp1", text, 555) == 0, "%s: %s", text, mistakes.kept ? mistakes.line[0] : "");
	free(text);
	text = ctl_verdicts_text(verdicts, 2);
	cr_assert(text && said("sgp1", text) == 0, "%s: %s", text, mistakes.kept ? mistakes.line[0] : "");
	free(text);
	const struct ctl_pop *pop = ctl_cluster_find(&cluster, "sgp1");
	cr_assert(pop->state_at_wall_ns == 1763765000123000000u && pop->state_seen_ns == 555);
	cr_assert(pop->n_reports == 2 && pop->n_verdicts == 2);
	cr_assert(memcmp(&pop->load, &load, sizeof(load)) == 0);
	const struct ctl_link_report *r = &pop->report[0];
	cr_assert(r->up && r->key.from == 7 && r->key.to == 2 && r->estimate.at_ns != 0);
	cr_assert(
	    r->estimate.delay_ns == -40000001 && r->estimate.rtt_ns == 80000002 && r->estimate.jitter_ns == 100003);
	cr_assert_float_eq(r->estimate.loss, 0.0125f, 1e-6f);
	cr_assert(r->heard.packets == 5000 && r->heard.lost == 3 && r->heard.delay_packets == 600 &&
	          r->heard.delay_ns == -40000000 && pop->report[1].heard.packets == 0);
	cr_assert(r->mtu == 1476 && pop->report[1].mtu == 0);
	cr_assert(!pop->report[1].up && pop->report[1].key.local == 3 && pop->report[1].estimate.at_ns == 0);
	cr_assert(ctl_pop_said(pop, 4000000000u)->up && !ctl_pop_said(pop, 5)->up && !ctl_pop_said(pop, 6));
}

Test(cluster, a_bad_state_leaves_the_last_one)
{
	cr_assert(enter("sgp1", sgp1) == 0);
	cr_assert(state("sgp1", "{\"at\":1}", 1) == 0);
	cr_assert(state("sgp1", "{\"at\":2,\"links\":[{\"to\":0}]}", 2) == -EINVAL);
	const struct ctl_pop *pop = ctl_cluster_find(&cluster, "sgp1");
	cr_assert(pop->state_seen_ns == 1);
	cr_assert(state("who", "{\"at\":2}", 2) == -ENOENT);
}

Test(cluster, bad_verdicts_leave_the_last_ones)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"up\":[0],\"down\":[]}", "{\"up\":[1]}",
	    "{\"up\":[4294967296],\"down\":[]}", "{\"up\":[\"x\"],\"down\":[]}", "{\"up\":7,\"down\":[]}"};
	cr_assert(enter("sgp1", sgp1) == 0);
	cr_assert(said("sgp1", "{\"up\":[9,3],\"down\":[]}") == 0);
	const struct ctl_pop *pop = ctl_cluster_find(&cluster, "sgp1");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(said("sgp1", bad[i]) == -EINVAL && mistakes.found, "%s", bad[i]);
	cr_assert(pop->n_verdicts == 2 && ctl_pop_said(pop, 3)->up && ctl_pop_said(pop, 9)->up);
	cr_assert(said("sgp1", "{\"up\":[],\"down\":[]}") == 0 && !ctl_pop_said(pop, 3));
	cr_assert(said("who", "{\"up\":[],\"down\":[]}") == -ENOENT);
}
