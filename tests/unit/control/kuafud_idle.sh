#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kuafud with ten thousand endpoints, when nothing changes: it does not look at them all again and again.
# In a network namespace of its own.
# kuafud_idle.sh KUAFUD KUAFUCTL
set -eu
if [ -z "${KUAFUD_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || exit 77
	KUAFUD_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
kuafud=$1 kuafuctl=$2
seconds=5
most=10 # percent of a core; it takes below 1, and took over 30 when lists were searched for each endpoint
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || :; umount "$dir/run/bpf" 2>/dev/null || :; rm -rf "$dir"' EXIT

fail() { echo "$*" >&2; tail -n 20 "$dir/log" >&2; exit 1; }
ctl() { "$kuafuctl" --socket "$dir/run/api.sock" "$@"; }
# Waits for at most 20 s.
wait_for() { for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; fail "waited in vain for: $*"; }
# Endpoints of accelerator N: ten.
accelerator() {
	echo "---"
	echo "{kind: accelerator, name: a$1, vips: [198.18.$(($1 / 250)).$(($1 % 250))], listeners: [{name: l,"
	echo "  protocol: udp, ports: [53], groups: [{region: ap, pops: [sgp1], health: {type: none}, endpoints: ["
	for e in 1 2 3 4 5 6 7 8 9 10; do echo "{address: 10.$(($1 / 250)).$(($1 % 250)).$e, port: 53},"; done
	echo "]}]}]}"
}
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }

ip link set lo up
head -c 32 /dev/urandom >"$dir/secret"
chmod 600 "$dir/secret"
cat >"$dir/pop.yaml" <<-END
	pop: sgp1
	id: 1
	region: ap
	run-dir: $dir/run
	store: sqlite://$dir/store.db
	secret-file: $dir/secret
	ports: [{name: none, driver: null}]
	links: [{link: 0, address: 10.0.0.1, port: none}]
END
"$kuafud" --config "$dir/pop.yaml" 2>>"$dir/log" &
pid=$!
wait_for ctl show pops
for batch in 0 1 2 3 4 5 6 7 8 9; do
	for i in $(seq $((batch * 100)) $((batch * 100 + 99))); do accelerator "$i"; done >"$dir/objects.yaml"
	ctl apply -f "$dir/objects.yaml" >/dev/null || fail "not applied"
done
all_are_checked() { [ "$(grep -c 'is up: not checked' "$dir/log")" = 10000 ]; }
wait_for all_are_checked
sleep 2 # what followed from that is done
before=$(ticks)
sleep $seconds
used=$((($(ticks) - before) * 100 / (seconds * $(getconf CLK_TCK))))
[ "$used" -le $most ] || fail "idle, it takes $used % of a core"
