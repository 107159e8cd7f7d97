#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kuafud as a whole, on a POP without ports to speak of, in a network namespace of its own:
# refuses bad files, refuses a second daemon, takes an apply, keeps it over a SIGKILL, ends in order; and a full disk.
# kuafud.sh KUAFUD KUAFUCTL
set -eu
if [ -z "${KUAFUD_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || exit 77
	KUAFUD_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
kuafud=$1 kuafuctl=$2
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || :; umount "$dir/run/bpf" "$dir/disk" 2>/dev/null || :; rm -rf "$dir"' EXIT

fail() { echo "$*" >&2; cat "$dir/log" >&2 2>/dev/null || :; exit 1; }
ctl() { "$kuafuctl" --socket "$dir/run/api.sock" "$@"; }
# Waits for at most 10 s.
wait_for() { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; fail "waited in vain for: $*"; }
store_is() { ctl show status 2>/dev/null | grep -q "^store *$1"; }
api_answers() { ctl show pops >/dev/null 2>&1; }
start() {
	rm -f "$dir/run/kuafud.ready"
	"$kuafud" --config "$dir/pop.yaml" 2>>"$dir/log" &
	pid=$!
	wait_for test -e "$dir/run/kuafud.ready"
	wait_for api_answers
}

ip link set lo up
mkdir "$dir/disk"
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
cat >"$dir/object.yaml" <<-END
	{kind: accelerator, name: web, vips: [192.0.2.1], listeners: [{name: l, protocol: udp, ports: [53],
	  groups: [{region: ap, pops: [sgp1], endpoints: [{address: 10.9.0.2, port: 53}]}]}]}
END

"$kuafud" --config "$dir/pop.yaml" --check || fail "a good file is refused"
sed 's/id: 1/id: 70000/; s/driver: null/driver: nul/' "$dir/pop.yaml" >"$dir/bad.yaml"
status=0
"$kuafud" --config "$dir/bad.yaml" 2>"$dir/mistakes" || status=$?
[ "$status" = 2 ] || fail "a bad file gives $status, not 2"
[ "$(wc -l <"$dir/mistakes")" = 2 ] || fail "two mistakes are not two lines: $(cat "$dir/mistakes")"
[ ! -e "$dir/run" ] || fail "a bad file has made the run directory"

start
status=0
"$kuafud" --config "$dir/pop.yaml" 2>"$dir/second" || status=$?
[ "$status" = 1 ] || fail "a second daemon ends with $status"
grep -q "process $pid\$" "$dir/second" || fail "it does not name the first: $(cat "$dir/second")"
wait_for ctl apply -f "$dir/object.yaml" >/dev/null 2>&1
sed 's/192.0.2.1/x/' "$dir/object.yaml" | ctl apply -f - >/dev/null 2>"$dir/refused" && fail "a bad object was taken"
grep -q 'stdin:1: vips' "$dir/refused" || fail "no line for it: $(cat "$dir/refused")"
kill -9 "$pid"
wait "$pid" || :
start
is_back() { ctl show accelerators | grep -q '192.0.2.1'; }
wait_for is_back
kill "$pid"
status=0
wait "$pid" || status=$?
pid=
[ "$status" = 0 ] || fail "SIGTERM gives $status, not 0"
[ ! -e "$dir/run/kuafud.pid" ] || fail "the pid file is left behind"
[ ! -e "$dir/run/kuafud.ready" ] || fail "kuafud.ready is left behind"
"$kuafud" --config "$dir/pop.yaml" --remove 2>>"$dir/log" || fail "--remove fails"

# An address that the POP comes to need itself is a VIP no longer, and shown as such.
cp "$dir/pop.yaml" "$dir/pop.yaml.kept"
echo 'dataplane: {nat-pool: [{address: 192.0.2.1}]}' >>"$dir/pop.yaml"
start
is_left_out() { ctl show accelerators | grep -q 'left-out'; }
wait_for is_left_out
grep -q "left out: VIP 192.0.2.1 of accelerator web: it is in this POP's nat-pool" "$dir/log" || fail "the log does not say so"
ctl apply -f "$dir/object.yaml" >/dev/null 2>"$dir/refused" && fail "it is taken again"
grep -q "vips: '192.0.2.1': is in this POP's nat-pool" "$dir/refused" || fail "no line for it: $(cat "$dir/refused")"
kill "$pid"
wait "$pid" || :
pid=
"$kuafud" --config "$dir/pop.yaml" --remove 2>>"$dir/log" || fail "--remove fails with a nat-pool"
mv "$dir/pop.yaml.kept" "$dir/pop.yaml"

# One of the machine's, too: the kernel keeps it.
if ip link add name own0 type veth peer name own1 2>/dev/null; then
	ip address add 192.0.2.1/24 dev own0
	start
	wait_for is_left_out
	grep -q "left out: VIP 192.0.2.1 of accelerator web: it is an address of this POP's machine" "$dir/log" ||
		fail "the log does not say so"
	ip route show table all | grep -q 'blackhole 192.0.2.1' && fail "the machine's own address leads nowhere"
	ip link del dev own0
	kill "$pid"
	wait "$pid" || :
	pid=
fi

# A disk that is full: the store can be read but takes nothing, and status says so until there is room again.
if mount -t tmpfs -o size=1m none "$dir/disk" 2>/dev/null; then
	sed "s|sqlite://$dir|sqlite://$dir/disk|" "$dir/pop.yaml" >"$dir/full.yaml"
	mv "$dir/pop.yaml" "$dir/pop.yaml.kept"
	mv "$dir/full.yaml" "$dir/pop.yaml"
	start
	wait_for store_is ok
	head -c 2000000 /dev/zero >"$dir/disk/filler" 2>/dev/null || :
	wait_for store_is read-only
	ctl show pops 2>&1 >/dev/null | grep -q 'stale: store .* has taken no change for' || fail "nothing is stale"
	wait_for grep -q 'takes no change: .*disk' "$dir/log"
	rm "$dir/disk/filler"
	wait_for store_is ok
	kill "$pid"
	wait "$pid" || :
	pid=
	umount "$dir/disk"
	mv "$dir/pop.yaml.kept" "$dir/pop.yaml"
fi

# Two POPs on one interface: the second is refused, by the first one's process.
sed "s|$dir/run|$dir/one|; s/driver: null/driver: af_xdp, interface: lo/" "$dir/pop.yaml" >"$dir/first.yaml"
sed "s|$dir/one|$dir/two|" "$dir/first.yaml" >"$dir/second.yaml"
"$kuafud" --config "$dir/first.yaml" 2>>"$dir/log" &
pid=$!
wait_for test -e "$dir/one/kuafud.ready"
status=0
timeout 20 "$kuafud" --config "$dir/second.yaml" 2>"$dir/refused" || status=$?
[ "$status" = 1 ] || fail "a second kuafud on an interface ends with $status"
grep -q "interface lo already, process $pid\$" "$dir/refused" || fail "it names nobody: $(cat "$dir/refused")"
kill "$pid"
wait "$pid" || fail "SIGTERM is not obeyed"
pid=
"$kuafud" --config "$dir/first.yaml" --remove 2>>"$dir/log" || fail "--remove of the first fails"

# An interface that is made anew gets its programs again. Only where eBPF may be used.
ip link add name port0 type veth peer name far0 2>/dev/null || exit 0
ip link set dev port0 up
sed -i 's/{name: none, driver: null}/{name: wan, driver: af_xdp, interface: port0}/; s/port: none/port: wan/' "$dir/pop.yaml"
: >"$dir/log"
start
loads() { [ "$(grep -c 'XDP program loaded on port0' "$dir/log")" = "$1" ]; }
if loads 1; then
	ip link del dev port0
	ip link add name port0 type veth peer name far0
	wait_for loads 2
fi
kill "$pid"
wait "$pid" || :
pid=
"$kuafud" --config "$dir/pop.yaml" --remove 2>>"$dir/log" || fail "--remove fails with a port"
