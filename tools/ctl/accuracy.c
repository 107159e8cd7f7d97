/* SPDX-License-Identifier: BSD-2-Clause */
/* probe accuracy: keeps the machine busy if asked, waits while probes go on, and shows what their stamps were like. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/ctl/run.h"
#include "tools/ctl/show.h"
#include "tools/ctl/value.h"

#define USUAL_SECONDS 20
#define MAX_SECONDS   500l /* of the API */
#define URGENT_NICE   (-20)
#define MAX_BUSY      256l /* threads; enough to saturate any machine that this is tried on */

struct busy {
	long n;
	pid_t process[MAX_BUSY];
};

/* Burns time until it is ended, or we are. */
static void burn(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (volatile unsigned long n = 0;;)
		n = n + 1;
}

static void end_busy(struct busy *busy)
{
	for (long i = 0; i < busy->n; i++) {
		kill(busy->process[i], SIGKILL);
		waitpid(busy->process[i], NULL, 0);
	}
	busy->n = 0;
}

/* Children have our priority; so do we until they are ended. */
static int start_busy(struct busy *busy, long n, bool urgent)
{
	if (urgent && setpriority(PRIO_PROCESS, 0, URGENT_NICE))
		return -errno;
	while (busy->n < n) {
		pid_t child = fork();
		if (child == 0)
			burn();
		if (child < 0) {
			int error = -errno;
			end_busy(busy);
			return error;
		}
		busy->process[busy->n++] = child;
	}
	return 0;
}

enum cli_exit cli_run_accuracy(const struct cli_args *args)
{
	struct busy busy = {0};
	char path[64];
	long seconds = cli_number(args, CLI_OPT_SECONDS, MAX_SECONDS), n = cli_number(args, CLI_OPT_BUSY, MAX_BUSY);
	if (seconds < 0 || n < 0)
		return CLI_USAGE;
	seconds = seconds ? seconds : USUAL_SECONDS;
	int error = start_busy(&busy, n, cli_has(args, CLI_OPT_URGENT));
	if (error) {
		fprintf(stderr, "kuafuctl: %ld busy processes cannot be started: %s\n", n, strerror(-error));
		return CLI_REFUSED;
	}
	sleep((unsigned)seconds);
	end_busy(&busy); /* or kuafud could not answer */
	snprintf(path, sizeof(path), "%s?seconds=%ld", cli_accuracy.path, seconds);
	return cli_ask_and_show(args, path, &cli_accuracy);
}
