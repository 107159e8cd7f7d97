/* SPDX-License-Identifier: BSD-2-Clause */
/* kuafuctl: the operator's hand on kuafud. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/run.h"

int main(int argc, char **argv)
{
	struct cli_args args;
	char error[CLI_ERROR_SIZE];
	if (cli_args_parse(argc, argv, &args, error) != 0) {
		fprintf(stderr, "kuafuctl: %s\n", error);
		return CLI_USAGE;
	}
	if (cli_has(&args, CLI_OPT_HELP) || cli_has(&args, CLI_OPT_VERSION)) {
		if (cli_has(&args, CLI_OPT_HELP))
			cli_help(&args);
		else
			puts("kuafuctl " KUAFU_VERSION);
		return CLI_OK;
	}
	signal(SIGPIPE, SIG_DFL);
	curl_global_init(CURL_GLOBAL_NOTHING);
	enum cli_exit result = args.command->run(&args);
	curl_global_cleanup();
	if (fflush(stdout) == 0 && !ferror(stdout))
		return result;
	fprintf(stderr, "kuafuctl: not all could be written to standard output: %s\n", strerror(errno));
	return CLI_USAGE;
}
