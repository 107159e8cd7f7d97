#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kuafud on an etcd whose data is wiped while it runs: it keeps POPs, links and accelerators, says so, registers again,
# and is content when the objects have been applied again or deleted. In a network namespace of its own.
# kuafud_store.sh KUAFUD KUAFUCTL
set -eu
if [ -z "${KUAFUD_TEST_INSIDE:-}" ]; then
	command -v etcd >/dev/null && command -v etcdctl >/dev/null && unshare -n true 2>/dev/null || exit 77
	KUAFUD_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
kuafud=$1 kuafuctl=$2
dir=$(mktemp -d)
pid='' etcd='' mute='' watch=''
trap 'kill -9 $pid $etcd $mute $watch 2>/dev/null || :; rm -rf "$dir"' EXIT

fail() { echo "$*" >&2; cat "$dir/log" >&2 2>/dev/null || :; exit 1; }
ctl() { "$kuafuctl" --socket "$dir/run/api.sock" "$@"; }
etcdctl() { ETCDCTL_API=3 command etcdctl --endpoints=127.0.0.1:2379 "$@"; }
# Waits for at most 40 s: verdicts are written again after 30 s.
wait_for() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; fail "waited in vain for: $*"; }
start_etcd() {
	etcd --data-dir "$dir/etcd" --unsafe-no-fsync >/dev/null 2>&1 &
	etcd=$!
	wait_for etcdctl get /
}
is_registered() { [ -n "$(etcdctl get /kuafu/v1/pop/sgp1)" ]; }
store_is() { ctl show status | grep -q "^store *$1"; }
shows() { ctl show "$1" | grep -q "$2"; }
does_not_show() { ! ctl show "$1" | grep -q "$2"; }

ip link set lo up
start_etcd
head -c 32 /dev/urandom >"$dir/secret"
chmod 600 "$dir/secret"
cat >"$dir/pop.yaml" <<-END
	pop: sgp1
	id: 1
	region: ap
	run-dir: $dir/run
	store: etcd://127.0.0.1:2379
	secret-file: $dir/secret
	ports: [{name: none, driver: null}]
	links: [{link: 0, address: 10.0.0.1, port: none}]
END
cat >"$dir/accelerator.yaml" <<-END
	{kind: accelerator, name: web, vips: [192.0.2.1], listeners: [{name: l, protocol: udp, ports: [53],
	  groups: [{region: ap, pops: [sgp1], endpoints: [{address: 10.9.0.2, port: 53}]}]}]}
END
echo '{kind: policy, name: extra, rules: [{match: {from: sgp1, to: fra1}, pin: [sgp1, fra1]}]}' >"$dir/policy.yaml"
sed 's/extra/overdue/' "$dir/policy.yaml" >"$dir/overdue.yaml"
etcdctl put /kuafu/v1/pop/fra1 \
	'{"id": 2, "region": "eu", "links": [{"link": 0, "address": "127.0.0.2", "mtu": 1500}]}' >/dev/null

"$kuafud" --config "$dir/pop.yaml" 2>>"$dir/log" &
pid=$!
wait_for ctl apply -f "$dir/accelerator.yaml"
wait_for ctl apply -f "$dir/policy.yaml"
wait_for is_registered
wait_for shows pops fra1
store_is ok || fail "the store is not ok: $(ctl show status)"

# What changes all the time is published all the time, verdicts on endpoints are not.
revision_of() { etcdctl get "$1" -w fields | sed -n 's/^"ModRevision" : //p'; }
is_published() { [ -n "$(revision_of /kuafu/v1/health/sgp1)" ]; }
wait_for is_published
state=$(revision_of /kuafu/v1/state/sgp1)
is_newer() { [ "$(revision_of /kuafu/v1/state/sgp1)" -gt "$state" ]; }
wait_for is_newer
health=$(revision_of /kuafu/v1/health/sgp1) state=$(revision_of /kuafu/v1/state/sgp1)
wait_for is_newer
[ "$(revision_of /kuafu/v1/health/sgp1)" = "$health" ] || fail "verdicts that have not changed are published again"

# Verdicts in the store that are not ours, as from a backup, or none: ours are written again.
up() { etcdctl get --print-value-only /kuafu/v1/health/sgp1 | sed -n 's/.*"up":\[\([0-9]*\)\].*/\1/p'; }
is_up() { [ -n "$(up)" ]; }
wait_for is_up
etcdctl put /kuafu/v1/health/sgp1 "{\"up\": [], \"down\": [$(up)]}" >/dev/null
wait_for is_up
etcdctl del /kuafu/v1/health/sgp1 >/dev/null
wait_for is_up

etcdctl del /kuafu/v1/pop/sgp1 >/dev/null
wait_for is_registered # a POP that runs registers again

# Who has not heard the verdicts hears them again.
health=$(revision_of /kuafu/v1/health/sgp1)
is_written_again() { [ "$(revision_of /kuafu/v1/health/sgp1)" -gt "$health" ]; }
wait_for is_written_again

# A kuafud that starts knows no endpoint yet: until its first check it goes on saying what it said in its last life.
ip address add 10.9.0.3/32 dev lo
python3 -c 'import socket, time; s = socket.create_server(("10.9.0.3", 81)); time.sleep(600)' &
mute=$!
sed 's/name: web/name: mute/; s/192.0.2.1/192.0.2.9/; s/10.9.0.2, port: 53/10.9.0.3, port: 81/
	s/pops: .sgp1.,/& health: {type: http, path: "\/", interval: 2s, timeout: 1s},/' "$dir/accelerator.yaml" >"$dir/mute.yaml"
wait_for ctl apply -f "$dir/mute.yaml"
health() { etcdctl get --print-value-only /kuafu/v1/health/sgp1; }
mute_is_down() { health | grep -q '"down":\[[0-9]'; }
wait_for mute_is_down
kill -9 "$pid"
wait "$pid" || :
ETCDCTL_API=3 command etcdctl --endpoints=127.0.0.1:2379 watch /kuafu/v1/health/sgp1 >"$dir/said" 2>&1 &
watch=$!
"$kuafud" --config "$dir/pop.yaml" 2>>"$dir/log" &
pid=$!
is_said() { grep -q '"up"' "$dir/said"; }
wait_for is_said
kill "$watch"
grep '"up"' "$dir/said" | grep -v '"down":\[[0-9]' && fail "a restart takes verdicts back: $(cat "$dir/said")"
ctl delete accelerator mute >/dev/null || fail "an accelerator cannot be deleted"

# A store that is asked and does not answer may have made the change: that is no refusal. One that is not there has not.
stands_still() { ! grep -h '^State:' /proc/"$etcd"/task/*/status | grep -qv stopped; }
kill -STOP "$etcd"
wait_for stands_still
code=0
ctl apply -f "$dir/overdue.yaml" 2>"$dir/complaint" || code=$?
kill -CONT "$etcd"
[ "$code" = 3 ] || fail "unanswered, but not so told: $code $(cat "$dir/complaint")"
grep -q 'may or may not' "$dir/complaint" || fail "unanswered: $(cat "$dir/complaint")"
wait_for ctl apply -f "$dir/overdue.yaml"
wait_for shows policies overdue

kill -9 "$etcd"
wait "$etcd" || :
code=0
ctl policy unset overdue 2>"$dir/complaint" || code=$?
[ "$code" = 1 ] || fail "a store that is not there: $code $(cat "$dir/complaint")"
rm -rf "$dir/etcd"
start_etcd
wait_for is_registered
wait_for store_is silent
ctl show status | grep -q 'lost' || fail "status does not say what is wrong: $(ctl show status)"
for what in 'accelerators 192.0.2.1' 'policies extra' 'pops fra1' 'links 127.0.0.2'; do
	# shellcheck disable=SC2086
	shows $what || fail "lost with the store: $what"
done

ctl delete pop sgp1 >/dev/null 2>&1 && fail "a POP that runs is deleted"
ctl delete pop fra1 >/dev/null || fail "a lost POP cannot be deleted"
wait_for does_not_show pops fra1
wait_for does_not_show links 127.0.0.2
ctl apply -f "$dir/accelerator.yaml" >/dev/null
ctl policy unset overdue >/dev/null || fail "a lost policy cannot be deleted"
ctl policy unset extra >/dev/null || fail "a lost policy cannot be deleted"
wait_for does_not_show policies extra
wait_for store_is ok
etcdctl get /kuafu/v1/object/accelerator/web | grep -q 192.0.2.1 || fail "what is applied again is not written"
ctl delete accelerator wbe >/dev/null 2>&1 && fail "an accelerator that is not there is deleted"
ctl delete accelerator web >/dev/null || fail "an accelerator cannot be deleted"
wait_for does_not_show accelerators 192.0.2.1
