# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What a client sees: fetches, echoes, streams. Results go to stdout; files to $STATE/measure.

THROUGHPUT_SECONDS=10 # each side; the issue allows 20
UDP_PACKETS=500
UDP_RATE=100

client() { in_node client "$@"; }
e2e() { client "$PYTHON" "$ROOT/tests/e2e/$1" "${@:2}"; }

# median: of the numbers on stdin.
median() { sort -n | awk '{v[NR] = $1} END {if (NR) print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

# fetch_times URL VARIABLE: curl's timing of five fetches, in ms, the median.
fetch_times() {
	local i
	for i in 1 2 3 4 5; do
		client curl -sf -m 20 -o /dev/null -w "%{$2}\\n" "$1" || say "fetch $i of $1 failed"
	done | awk '{print $1 * 1000}' | median
}

# throughput URL: Mbit/s of an endless file, cut off after THROUGHPUT_SECONDS.
throughput() {
	client curl -s -m "$THROUGHPUT_SECONDS" -o /dev/null -w '%{speed_download}\n' "$1" | awk '{printf "%.1f\n", $1 * 8 / 1e6}'
}

verified_one() {
	local sum
	sum=$(client curl -sf -m 60 "$1/$2" | sha256sum | cut -d' ' -f1)
	[ "$sum" = "$(checksum "$2")" ] || fail "$1/$2: wrong checksum"
}

# verified URL_PREFIX: whether files of every size, at once, arrive with their checksums.
verified() {
	local size pid pids=() wrong=0
	for size in "${BLOB_SIZES[@]}"; do
		verified_one "$1" "$size" &
		pids+=("$!")
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || wrong=1
	done
	return "$wrong"
}

# measure NAME ADDRESS HTTP_PORT: one side of the table as JSON in $STATE/measure/NAME.json.
measure() {
	local name=$1 address=$2 url=http://$2:$3 udp bytes_ok=true
	mkdir -p "$STATE/measure"
	say "measuring $name: UDP"
	udp=$(e2e udp_echo.py "$address" "$ECHO_PORT" "$UDP_PACKETS" "$UDP_RATE") || say "no UDP echo from $address"
	say "measuring $name: connect, first byte"
	local connect ttfb rate
	connect=$(fetch_times "$url/1k" time_connect)
	ttfb=$(fetch_times "$url/1k" time_starttransfer)
	say "measuring $name: downloads of ${BLOB_SIZES[*]} with checksums"
	verified "$url" || bytes_ok=false
	say "measuring $name: throughput, $THROUGHPUT_SECONDS s"
	rate=$(throughput "$url/fast/endless")
	jq -cn --argjson udp "${udp:-null}" --argjson bytes_ok "$bytes_ok" --arg connect "$connect" --arg ttfb "$ttfb" \
		--arg rate "$rate" '{connect_ms: ($connect | tonumber? // null), ttfb_ms: ($ttfb | tonumber? // null),
		throughput_mbps: ($rate | tonumber? // null), udp_ms: $udp.median_ms, udp_p99_ms: $udp.p99_ms, udp_loss: $udp.loss,
		bytes_ok: $bytes_ok}' >"$STATE/measure/$name.json"
}

measured() { jq -r "if $2 == null then \"-\" else $2 end" "$STATE/measure/$1.json"; }

# row TEXT JSON_PATH FORMAT
row() {
	local text=$1 path=$2 format=$3 side cells=()
	for side in direct accelerated; do
		cells+=("$(measured "$side" "$path" | awk -v f="$format" '$1 == "-" {print "-"; next} {printf f "\n", $1}')")
	done
	printf '  %-24s %14s %14s\n' "$text" "${cells[@]}"
}

print_table() {
	printf '\n  %-24s %14s %14s\n' '' direct accelerated
	row 'TCP connect, ms' .connect_ms %.1f
	row 'time to first byte, ms' .ttfb_ms %.1f
	row 'throughput, Mbit/s' .throughput_mbps %.1f
	row 'UDP round trip, ms' .udp_ms %.1f
	row 'UDP p99, ms' .udp_p99_ms %.1f
	row 'UDP loss, %' '(.udp_loss | if . == null then null else . * 100 end)' %.2f
	row 'checksums right' .bytes_ok %s
	echo
}

# ---- traffic that runs beside the failovers ----

start_traffic() {
	mkdir -p "$STATE/measure"
	rm -f "$STATE"/measure/{stream,fetch,fetch.status}
	spawn stream client "$PYTHON" "$ROOT/tests/e2e/udp_stream.py" "$VIP" "$STREAM_PORT" "$1" "$STATE/measure/stream" || return
	# shellcheck disable=SC2016
	spawn fetch client bash -c '"$1" "$2/tests/e2e/tcp_fetch.py" "$3" "$4" /paced "$5" "$6/fetch"; echo $? >"$6/fetch.status"' \
		fetch "$PYTHON" "$ROOT" "$VIP" "$HTTP_PORT" "$(checksum paced)" "$STATE/measure" || return
	wait_for 10 "the UDP stream" test -s "$STATE/measure/stream" || return
	wait_for 10 "the paced download" test -s "$STATE/measure/fetch"
}

# gap stream|fetch FROM_MS TO_MS: the longest silence in between, ms.
gap() { "$PYTHON" "$ROOT/tests/e2e/longest_gap.py" "$STATE/measure/$1" "$2" "$3" | cut -d' ' -f1; }
gap_at() { "$PYTHON" "$ROOT/tests/e2e/longest_gap.py" "$STATE/measure/$1" "$2" "$3" | cut -d' ' -f2; }

fetch_ended() { [ -s "$STATE/measure/fetch.status" ]; }
fetch_was_right() { [ "$(cat "$STATE/measure/fetch.status" 2>/dev/null)" = 0 ]; }
