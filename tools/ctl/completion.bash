# SPDX-License-Identifier: BSD-2-Clause
# bash completion for kuafuctl. The two tables are those of tools/ctl/command.c; a test compares.

# command | its options beside the common ones
_kuafuctl_commands="
show status | --watch
show pops | --watch
show links | --watch
show routes | --watch
show accelerators | --watch
show listeners | --watch
show endpoints | --watch
show flows | --watch --limit
show drops | --watch --all
show policies | --watch
show traffic | --watch
show last-mile | --watch
show counters | --watch
route explain | --class
route history | --class
probe accuracy | --seconds --busy --urgent
apply | --file
policy set | --class --name --accelerator --from --to --pin --avoid --avoid-region --avoid-provider --avoid-link --prefer --prefer-region --prefer-provider --prefer-link --prefer-by --max-cost --max-rtt --fallback --expires
policy unset |
delete accelerator |
delete pop |
drain endpoint |
drain pop |
undrain endpoint |
undrain pop |
trace | --count --timeout
capture | --count --timeout --write --snap
"
_kuafuctl_common="--socket --json --help"
_kuafuctl_filter="tcp udp icmp"
_kuafuctl_flow_filter="$_kuafuctl_filter client vip endpoint ingress egress state pop"

# The names that kuafud knows of a noun: _kuafuctl_names pops | endpoints | policies
_kuafuctl_names() {
	kuafuctl show "$1" --json 2>/dev/null | grep -oE '"name":"[^"]*","(id|classes)"' | cut -d'"' -f4 | sort -u
}

# The words of every command that starts with the words before the cursor.
_kuafuctl_next() {
	local typed=$1 line
	while IFS= read -r line; do
		line=${line%% |*}
		[[ -n $line && "$line " == "$typed"* ]] || continue
		line=${line#"$typed"}
		echo "${line%% *}"
	done <<< "$_kuafuctl_commands" | sort -u
}

_kuafuctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local typed="" options="" command="" candidates="" line word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $word == -* ]] || typed+="$word "
	done
	[[ -n $typed ]] || candidates=help # of a command, whose words follow
	typed=${typed#help }
	while IFS= read -r line; do
		[[ -n $line && $typed == "${line%% |*} "* ]] || continue
		command=${line%% |*}
		options=${line#*|}
	done <<< "$_kuafuctl_commands"

	case $previous in
	state)
		mapfile -t COMPREPLY < <(compgen -W "new established closing" -- "$current")
		return
		;;
	-f | --file | --socket | -w | --write)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--fallback)
		mapfile -t COMPREPLY < <(compgen -W direct -- "$current")
		return
		;;
	--from | --to | --pin | --avoid | --prefer)
		mapfile -t COMPREPLY < <(compgen -W "$(_kuafuctl_names pops)" -- "$current")
		return
		;;
	esac
	if [[ $current == -* ]]; then
		candidates="$_kuafuctl_common $options"
	else
		case $command in
		"") candidates+=" $(_kuafuctl_next "$typed")" ;;
		"route explain" | "route history" | "drain pop" | "undrain pop" | "delete pop") candidates=$(_kuafuctl_names pops) ;;
		"drain endpoint" | "undrain endpoint") candidates=$(_kuafuctl_names endpoints) ;;
		"policy unset") candidates=$(_kuafuctl_names policies) ;;
		"delete accelerator") candidates=$(_kuafuctl_names accelerators) ;;
		"policy set")
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
			;;
		"show flows") candidates=$_kuafuctl_flow_filter ;;
		trace | capture) candidates=$_kuafuctl_filter ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}

complete -F _kuafuctl kuafuctl
