#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Many drains of endpoints of one accelerator at a time, at two POPs with one store: all that were answered hold.
# In network namespaces of their own:  (sgp1, store) 10.0.0.1 ---- veth ---- 10.0.0.2 (fra1)
# kuafud_drain.sh KUAFUD KUAFUCTL sqlite|etcd
set -eu
if [ -z "${KUAFUD_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || exit 77
	KUAFUD_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
kuafud=$1 kuafuctl=$2 kind=$3
endpoints=30
dir=$(mktemp -d)
pids=''
# shellcheck disable=SC2086
trap 'kill -9 $pids 2>/dev/null || :; umount "$dir"/*/bpf 2>/dev/null || :; rm -rf "$dir"' EXIT

fail() { echo "$*" >&2; cat "$dir"/*.log >&2 2>/dev/null || :; exit 1; }
ctl() { pop=$1; shift; "$kuafuctl" --socket "$dir/$pop/api.sock" "$@"; }
# Waits for at most 20 s.
wait_for() { for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; fail "waited in vain for: $*"; }
start_pop() { # NAME ID [COMMAND that enters its namespace]
	cat >"$dir/$1.yaml" <<-END
		pop: $1
		id: $2
		region: ap
		run-dir: $dir/$1
		store: $store
		secret-file: $dir/secret
		ports: [{name: none, driver: null}]
		links: [{link: 0, address: 10.0.0.$2, port: none}]
	END
	${3:+$3} "$kuafud" --config "$dir/$1.yaml" 2>"$dir/$1.log" &
	pids="$pids $!"
}
shows() { ctl "$1" show "$2" | grep -q "$3"; }
drained() { [ "$(ctl "$1" show endpoints | grep -c '  drained')" = "$2" ]; }
# Drains every endpoint at once, every other one at the other POP, and waits for the answers.
all_at_once() { # drain|undrain
	jobs=''
	for i in $(seq $endpoints); do
		ctl "$([ $((i % 2)) = 0 ] && echo sgp1 || echo fra1)" "$1" endpoint "192.0.2.$i:53" >"$dir/$1.$i" 2>&1 &
		jobs="$jobs $!"
	done
	for job in $jobs; do
		wait "$job" || fail "$1 is refused: $(cat "$dir/$1".*)"
	done
}

unshare -n sleep 600 &
far=$! pids=$far
enter="nsenter -t $far -n"
is_apart() { [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$far/ns/net")" ]; }
wait_for is_apart
ip link set lo up
ip link add near type veth peer name far netns "$far"
ip addr add 10.0.0.1/24 dev near
ip link set near up
$enter ip link set lo up
$enter ip addr add 10.0.0.2/24 dev far
$enter ip link set far up
store=sqlite://$dir/store.db
if [ "$kind" = etcd ]; then
	command -v etcd >/dev/null || exit 77
	etcd --data-dir "$dir/etcd" --unsafe-no-fsync --listen-client-urls http://10.0.0.1:2379 \
		--advertise-client-urls http://10.0.0.1:2379 >"$dir/etcd.log" 2>&1 &
	pids="$pids $!"
	store=etcd://10.0.0.1:2379
fi
head -c 32 /dev/urandom >"$dir/secret"
chmod 600 "$dir/secret"
start_pop sgp1 1
start_pop fra1 2 "$enter"
wait_for shows sgp1 pops fra1
wait_for shows fra1 pops sgp1
{
	echo "{kind: accelerator, name: web, vips: [198.51.100.1], listeners: [{name: l, protocol: udp, ports: [53],"
	echo "  groups: [{region: ap, pops: [sgp1], health: {type: none}, endpoints: ["
	for i in $(seq $endpoints); do echo "{address: 192.0.2.$i, port: 53},"; done
	echo "]}]}]}"
} >"$dir/web.yaml"
ctl sgp1 apply -f "$dir/web.yaml" >/dev/null
wait_for shows fra1 endpoints 192.0.2.1:53

all_at_once drain
grep -q 'drained$' "$dir/drain.1" || fail "the answer does not say drained: $(cat "$dir/drain.1")"
wait_for drained sgp1 $endpoints
wait_for drained fra1 $endpoints
ctl fra1 drain endpoint 192.0.2.1:53 | grep -q 'unchanged$' || fail "what is drained is drained again"
all_at_once undrain
wait_for drained sgp1 0
wait_for drained fra1 0

ctl sgp1 drain pop fra1 | grep -q ' drained$' || fail "a drained POP is not called drained"
wait_for shows fra1 pops 'fra1 .* yes'
ctl fra1 undrain pop fra1 | grep -q ' undrained$' || fail "an undrained POP is not called undrained"
