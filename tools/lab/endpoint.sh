# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# An endpoint dies under running flows: those of the other one go on, new ones find the other one.

NOTICE_SECONDS=8         # three checks in vain, one a second, half a second each, on a busy machine
NEW_CONNECTIONS=40       # at once, after the death was noticed
LIVE_DOWNLOADS=8         # at once; each of them takes either origin
LIVE_BYTES=$((3 << 20))  # 12 s at PACED_RATE: still running when the death is noticed
NOTICE_MS=               # from the death until sgp1 shows it

origin_with_address() {
	local origin
	for origin in "${ORIGINS[@]}"; do
		[ "${ADDRESS[$origin]}" != "$1" ] || echo "$origin"
	done
}

# The origin that sends the UDP stream.
stream_origin() {
	local endpoint
	endpoint=$(kuafuctl sgp1 --json show flows udp ":$STREAM_PORT" |
		jq -er '[.flows[] | select(.role == "ingress") | .endpoint][0]') || return
	origin_with_address "${endpoint%:*}"
}

# endpoint_is ORIGIN STATE: what sgp1 says of every endpoint there.
endpoint_is() {
	kuafuctl sgp1 --json show endpoints | jq -e --arg address "${ADDRESS[$1]}" --arg state "$2" \
		'[.endpoints[] | select(.name | startswith($address + ":"))] | length > 0 and all(.state == $state)'
}

# new_connections N: for each of so many at once a line with its HTTP status and its origin.
new_connections() {
	# shellcheck disable=SC2016
	client bash -c 'for ((i = 0; i < $1; i++)); do
		curl -s -m 10 -o /dev/null -w "%{http_code} %header{x-origin}\n" "$2" &
	done; wait' new_connections "$1" "http://$VIP:$HTTP_PORT/healthz"
}

all_reach() { [ "$(new_connections "$NEW_CONNECTIONS" | sort | uniq -c | awk '{print $1, $2, $3}')" = "$NEW_CONNECTIONS 200 $1" ]; }
some_reach() { new_connections 10 | grep -qx "200 $1"; }

start_live_downloads() {
	local i
	mkdir -p "$STATE/measure"
	rm -f "$STATE"/measure/live.*
	for ((i = 0; i < LIVE_DOWNLOADS; i++)); do
		# shellcheck disable=SC2016
		spawn "live-$i" client bash -c 'curl -sf -m 60 -D "$2.headers" -r "0-$(($3 - 1))" "$1" | sha256sum >"$2.sum"' \
			live "http://$VIP:$HTTP_PORT/paced" "$STATE/measure/live.$i" "$LIVE_BYTES" || return
	done
	for ((i = 0; i < LIVE_DOWNLOADS; i++)); do
		wait_for 10 "download $i" live_has_begun "$i" || return
	done
}

live_origin() { tr -d '\r' <"$STATE/measure/live.$1.headers" 2>/dev/null | awk 'tolower($1) == "x-origin:" {print $2}'; }
live_has_begun() { [ -n "$(live_origin "$1")" ]; }
live_ended() { [ -s "$STATE/measure/live.$1.sum" ]; }
live_on() {
	local i
	for ((i = 0; i < LIVE_DOWNLOADS; i++)); do
		[ "$(live_origin "$i")" != "$1" ] || echo "$i"
	done
}

# Whether all the downloads from that origin end, and with the right bytes.
live_are_right() {
	local i sum
	sum=$(head -c "$LIVE_BYTES" "$STATE/www/paced" | sha256sum)
	for i in $(live_on "$1"); do
		wait_for 30 "download $i" live_ended "$i" || return
		[ "$(cat "$STATE/measure/live.$i.sum")" = "$sum" ] || { fail "download $i of $1 is wrong"; return; }
	done
}

end_live_downloads() {
	local i
	for ((i = 0; i < LIVE_DOWNLOADS; i++)); do
		stop "live-$i"
	done
}

endpoint_dies() {
	local lives dies from gap
	lives=$(stream_origin) || give_up "no flow of the UDP stream at sgp1"
	dies=${ORIGINS[0]}
	[ "$dies" != "$lives" ] || dies=${ORIGINS[1]}
	check "endpoint: $LIVE_DOWNLOADS downloads run" start_live_downloads
	say "endpoint: nginx of $dies killed; the UDP stream and $(live_on "$lives" | wc -l) downloads are $lives's"
	from=$(now_ms)
	kill_hard "nginx-$dies"
	check "endpoint: its death is noticed" wait_for "$NOTICE_SECONDS" "the endpoint's death" endpoint_is "$dies" down
	NOTICE_MS=$(($(now_ms) - from))
	say "endpoint: noticed after $NOTICE_MS ms"
	check "endpoint: $NEW_CONNECTIONS new connections all reach $lives" all_reach "$lives"
	check "endpoint: the downloads from $lives are right" live_are_right "$lives"
	end_live_downloads
	gap=$(gap stream "$from" "$(now_ms)")
	check "endpoint: the UDP stream from $lives did not notice (silent for $gap ms)" [ "$gap" -le "$MAX_UDP_GAP" ]
	check "endpoint: $dies starts again" start_nginx "$dies"
	check "endpoint: it takes new connections again" wait_for 20 "connections to $dies" some_reach "$dies"
}
