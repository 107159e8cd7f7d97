# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the Internet itself saw: wanem counts every packet of every line, whatever the POPs say of themselves.

declare -A MARK_PACKETS=() MARK_MS=()

# carried FROM TO: packets that came out of that line so far.
carried() {
	wanem show --json |
		jq -e --arg from "$1" --arg to "$2" '.lines[] | select(.from == $from and .to == $to) | .packets.sent'
}

# mark FROM TO...: rate() counts from now on. Pairs of names.
mark() {
	while [ $# -gt 0 ]; do
		MARK_PACKETS[$1,$2]=$(carried "$1" "$2")
		MARK_MS[$1,$2]=$(now_ms)
		shift 2
	done
}

# rate FROM TO: packets/s since the mark.
rate() {
	local packets ms
	packets=$(($(carried "$1" "$2") - MARK_PACKETS[$1,$2]))
	ms=$(($(now_ms) - MARK_MS[$1,$2]))
	echo $((packets * 1000 / (ms > 0 ? ms : 1)))
}
