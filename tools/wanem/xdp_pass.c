/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/wanem/xdp_pass.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <unistd.h>

int wanem_xdp_pass_attach(int ifindex, int *ret_link)
{
	/* r0 = XDP_PASS; exit. Two instructions need no compiler. */
	static const struct bpf_insn program[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int fd =
	    bpf_prog_load(BPF_PROG_TYPE_XDP, "wanem_pass", "BSD", program, sizeof(program) / sizeof(program[0]), NULL);
	if (fd < 0)
		return fd;
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	int link = bpf_link_create(fd, ifindex, BPF_XDP, &options);
	close(fd);
	if (link < 0)
		return link;
	*ret_link = link;
	return 0;
}
