# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The failovers: each lasts OUTAGE seconds, must move the flows to the backup and back, and is judged by what the client
# saw of it. Results are kept in GAP_UDP and GAP_TCP by name.

OUTAGE=5           # seconds
MAX_UDP_GAP=500    # ms
MAX_TCP_GAP=1000   # ms
RETURN_SECONDS=30  # the better path must have been better for a while before it is taken again
WATCH_AFTER=5      # seconds after the return, for what the return itself does to the flows
QUIET_BEFORE=1     # seconds of undisturbed traffic before each failover
STREAM_RATE=70     # packets/s that a line must carry beyond its probes if the UDP stream takes it, which sends 100
declare -A GAP_UDP=() GAP_TCP=()

go_dark() { wanem set --both "$1" "$2" dark=on; }
light_up() { wanem set --both "$1" "$2" dark=off; }

# failover NAME TEXT BREAK HEAL: the last two are commands, as one string each.
failover() {
	local name=$1 text=$2 break=$3 heal=$4 from to probes moved
	wait_for "$RETURN_SECONDS" "the best path before $name" uses_primary
	mark fra1 sgp1
	pause "$QUIET_BEFORE"
	probes=$(rate fra1 sgp1)
	say "failover: $text for $OUTAGE s"
	from=$(now_ms)
	$break
	check "$name: flows moved to $BACKUP" wait_for "$OUTAGE" "the backup path" left_primary
	mark fra1 sgp1
	until_ms $((from + OUTAGE * 1000))
	moved=$(rate fra1 sgp1)
	$heal
	check "$name: fra1 sent $moved packets/s directly, $probes before" [ "$moved" -ge $((probes + STREAM_RATE)) ]
	check "$name: flows returned to $PRIMARY" wait_for "$RETURN_SECONDS" "the return to the best path" uses_primary
	pause "$WATCH_AFTER"
	to=$(now_ms)
	GAP_UDP[$name]=$(gap stream "$from" "$to")
	GAP_TCP[$name]=$(gap fetch "$from" "$to")
	say "failover: longest silence ${GAP_UDP[$name]} ms of UDP, ${GAP_TCP[$name]} ms of TCP ($(gap_at stream "$from" "$to") ms, $(gap_at fetch "$from" "$to") ms after the break)"
	check "$name: UDP was silent for at most $MAX_UDP_GAP ms" [ "${GAP_UDP[$name]}" -le "$MAX_UDP_GAP" ]
	check "$name: TCP was silent for at most $MAX_TCP_GAP ms" [ "${GAP_TCP[$name]}" -le "$MAX_TCP_GAP" ]
	! fetch_ended || check "$name: the download ran during all of it" false
}

until_ms() {
	local left=$(($1 - $(now_ms)))
	[ "$left" -le 0 ] || pause "$((left / 1000)).$(printf %03d $((left % 1000)))"
}

failovers() {
	failover local_link "sgp1-dxb1 dark" "go_dark sgp1 dxb1" "light_up sgp1 dxb1"
	failover remote_link "dxb1-fra1 dark" "go_dark dxb1 fra1" "light_up dxb1 fra1"
	failover relay_dead "data plane of dxb1 killed" "kill_hard dataplane-dxb1" "start_dataplane dxb1"
}

# kuafud at sgp1 dies and comes back; neither traffic nor the other POPs' routes notice.
restart_kuafud() {
	local before from to gap
	before=$(routes_of_others)
	from=$(now_ms)
	say "kuafud of sgp1: killed"
	kill_hard kuafud-sgp1
	pause "$OUTAGE"
	check "kuafud: the VIP answers without it" wait_for 3 "the VIP" vip_answers
	check "kuafud: the other POPs' routes stay" [ "$(routes_of_others)" = "$before" ]
	say "kuafud of sgp1: started"
	check "kuafud: starts again" start_kuafud sgp1
	check "kuafud: has resynchronised" wait_for 20 "kuafud to resynchronise" is_connected sgp1
	check "kuafud: routes are the same" wait_for "$RETURN_SECONDS" "the best path" uses_primary
	to=$(now_ms)
	gap=$(gap stream "$from" "$to")
	say "kuafud of sgp1: back; longest silence of UDP meanwhile $gap ms"
	check "kuafud: traffic did not notice (UDP silent for $gap ms)" [ "$gap" -le "$MAX_UDP_GAP" ]
}

# The data plane at sgp1 dies; kuafud gives its successor the whole state. Sets RESYNC_MS: from its control socket being
# there until every worker has the state.
restart_dataplane() {
	local from
	say "data plane of sgp1: killed and started"
	kill_hard dataplane-sgp1
	check "data plane: kuafud notices" wait_for 5 "kuafud to notice" is_disconnected sgp1
	check "data plane: starts again" start_dataplane sgp1
	from=$(now_ms)
	check "data plane: has its state again" wait_for 20 "the resynchronisation" is_connected sgp1
	RESYNC_MS=$(($(now_ms) - from))
	check "data plane: the VIP answers again" wait_for 10 "the VIP" vip_answers
	check "data plane: downloads are right again" verified "http://$VIP:$HTTP_PORT"
	say "data plane of sgp1: state given back $RESYNC_MS ms after its control socket was there"
}

is_disconnected() { ! is_connected "$1"; }
