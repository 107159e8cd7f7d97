#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kuafu-dataplane as a whole, in a network namespace of its own: a second one on the same interface, with another run
# directory, is refused by the first one's pid; one that follows a killed one is not.
# dataplane.sh KUAFU-DATAPLANE
set -eu
if [ -z "${DATAPLANE_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || exit 77
	DATAPLANE_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
dataplane=$1
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || :; rm -rf "$dir"' EXIT

fail() { echo "$*" >&2; cat "$dir"/log* >&2 2>/dev/null || :; exit 1; }
# Waits for at most 20 s.
wait_for() { for _ in $(seq 200); do "$@" && return; sleep 0.1; done; fail "waited in vain for: $*"; }

head -c 32 /dev/urandom >"$dir/secret"
chmod 600 "$dir/secret"
for name in one two; do
	mkdir "$dir/$name"
	cat >"$dir/$name.yaml" <<-END
		pop: t-$name-$$
		id: 1
		region: ap
		run-dir: $dir/$name
		store: sqlite://$dir/store.db
		secret-file: $dir/secret
		dataplane: {workers: 1, hugepages: no, memory: 64MiB, flows: 1024, nat-flows: 1024}
		ports: [{name: wan, driver: af_xdp, interface: lo}]
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
