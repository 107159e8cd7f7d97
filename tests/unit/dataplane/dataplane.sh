#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kuafu-dataplane as a whole, in a network namespace of its own: a second one on the same interface, with another run
# directory, is refused by the first one's pid; one that follows a killed one is not. Where eBPF may be used: an interface
# that goes and comes back costs no descriptor.
# dataplane.sh KUAFU-DATAPLANE KUAFUD
set -eu
if [ -z "${DATAPLANE_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || exit 77
	DATAPLANE_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
dataplane=$1 kuafud=$2
dir=$(mktemp -d)
pid='' kuafud_pid=''
clean_up() {
	for p in $pid $kuafud_pid; do kill -9 "$p" 2>/dev/null || :; done
	umount "$dir/three/bpf" 2>/dev/null || :
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
export RUNTIME_DIRECTORY="$dir" # DPDK's files go with the test

fail() { echo "$*" >&2; cat "$dir"/log* >&2 2>/dev/null || :; exit 1; }
# Waits for at most 20 s.
wait_for() { for _ in $(seq 200); do "$@" && return; sleep 0.1; done; fail "waited in vain for: $*"; }

head -c 32 /dev/urandom >"$dir/secret"
chmod 600 "$dir/secret"
for name in one two three; do
	mkdir "$dir/$name"
	cat >"$dir/$name.yaml" <<-END
		pop: t-$name-$$
		id: 1
		region: ap
		run-dir: $dir/$name
		store: sqlite://$dir/store.db
		secret-file: $dir/secret
		dataplane: {workers: 1, hugepages: no, memory: 64MiB, flows: 1024, nat-flows: 1024}
		ports: [{name: wan, driver: af_xdp, interface: $([ $name = three ] && echo port0 || echo lo)}]
	END
done

"$dataplane" --config "$dir/one.yaml" 2>"$dir/log.one" &
pid=$!
wait_for test -S "$dir/one/dataplane.sock"
status=0
timeout 20 "$dataplane" --config "$dir/two.yaml" 2>"$dir/log.two" || status=$?
[ "$status" = 1 ] || fail "a second one on the interface ends with $status"
[ "$(wc -l <"$dir/log.two")" = 1 ] || fail "it says more than one line"
grep -q "port wan: .*interface lo already, process $pid\$" "$dir/log.two" || fail "it does not name $pid"

kill -9 "$pid"
"$dataplane" --config "$dir/two.yaml" 2>"$dir/log.next" &
pid=$!
wait_for test -S "$dir/two/dataplane.sock"
kill "$pid"
wait "$pid" || fail "SIGTERM is not obeyed"
pid=

make_interface() {
	ip link add name port0 type veth peer name far0 2>/dev/null || exit 0
	ip link set dev port0 up
	ip link set dev far0 up
}
make_interface
ip link set lo up
"$kuafud" --config "$dir/three.yaml" 2>"$dir/log.kuafud" &
kuafud_pid=$!
wait_for test -e "$dir/three/kuafud.ready"
grep -q 'XDP program loaded on port0' "$dir/log.kuafud" || exit 0
"$dataplane" --config "$dir/three.yaml" 2>"$dir/log.three" &
pid=$!
opened() { [ "$(grep -c 'port wan: open' "$dir/log.three")" = "$1" ]; }
wait_for opened 1
wait_for grep -q "is connected" "$dir/log.three"
descriptors() { find "/proc/$pid/fd" -type l | wc -l; }
before=$(descriptors)
for times in 2 3 4; do
	ip link del dev port0
	make_interface
	wait_for opened "$times"
	[ "$(descriptors)" -le "$before" ] || fail "$(descriptors) descriptors are open, not $before as before"
done
kill "$pid"
wait "$pid" || fail "SIGTERM is not obeyed"
kill "$kuafud_pid"
wait "$kuafud_pid" || fail "kuafud does not obey SIGTERM"
pid='' kuafud_pid=''
"$kuafud" --config "$dir/three.yaml" --remove 2>>"$dir/log.kuafud" || fail "--remove fails"
