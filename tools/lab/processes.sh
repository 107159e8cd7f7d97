# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Processes of the lab. Each has a file in $STATE/pid that holds its pid and its start time, so that a pid that was
# given to somebody else in the meantime is never signalled.

# Start time of a process in clock ticks since boot (field 22 of proc(5) stat); nothing if there is no such process.
start_time() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	echo "${20}"
}

# pid_of NAME: the pid if this very process still runs (a zombie does not).
pid_of() {
	local pid started state
	{ read -r pid started <"$STATE/pid/$1"; } 2>/dev/null || return 1
	[ "$(start_time "$pid")" = "$started" ] || return 1
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)
	[ "${state:-Z}" != Z ] || return 1
	echo "$pid"
}

is_running() { pid_of "$1" >/dev/null; }

# spawn NAME NODE COMMAND...: in a session of its own, output appended to $STATE/log/NAME.
spawn() {
	local name=$1 node=$2
	shift 2
	is_running "$name" && { fail "$name runs already: pid $(pid_of "$name")"; return; }
	rm -f "$STATE/pid/$name"
	# shellcheck disable=SC2016
	setsid bash -c '
		read -r stat </proc/$$/stat
		set -- "$@"
		stat=${stat##*) }
		fields=($stat)
		echo "$$ ${fields[19]}" >"$1"
		shift
		exec nsenter --net="$@"' spawn "$STATE/pid/$name" "/run/netns/$(namespace "$node")" -- "$@" \
		</dev/null >>"$STATE/log/$name" 2>&1 9>&- &
	disown
	wait_for 5 "$name to start" test -s "$STATE/pid/$name"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. Looks 20 times a second.
wait_for() {
	local seconds=$1 what=$2 deadline
	shift 2
	deadline=$(($(now_ms) + seconds * 1000))
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$deadline" ] || { fail "waited $seconds s in vain for $what"; return; }
		pause 0.05
	done
}

# wait_ready NAME SECONDS COMMAND...: as wait_for, but gives up, with the end of its log, when the process has ended.
wait_ready() {
	local name=$1 seconds=$2
	shift 2
	if ! wait_for "$seconds" "$name" ready_or_dead "$name" "$@" || ! is_running "$name"; then
		say "$name is not ready; the end of $STATE/log/$name:"
		tail -n 8 "$STATE/log/$name" >&2
		return 1
	fi
}

ready_or_dead() {
	local name=$1
	shift
	! is_running "$name" || "$@"
}

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	echo "${t%???}"
}

pause() { read -rt "$1" <> <(:) || :; }

# signal NAME SIGNAL: to this very process, if it runs.
signal() {
	local pid
	pid=$(pid_of "$1") || return 0
	kill "-$2" "$pid" 2>/dev/null || :
}

gone() { ! is_running "$1"; }

# stop NAME: politely, then by force.
stop() {
	signal "$1" TERM
	if ! wait_for 5 "$1 to end" gone "$1" 2>/dev/null; then
		say "$1 does not end on SIGTERM: killed"
		signal "$1" KILL
		wait_for 5 "$1 to die" gone "$1" || return
	fi
	rm -f "$STATE/pid/$1"
}

# kill_hard NAME: SIGKILL, as a crash would.
kill_hard() {
	is_running "$1" || { fail "$1 does not run"; return; }
	signal "$1" KILL
	wait_for 5 "$1 to die" gone "$1"
}

stop_all() {
	local file
	for file in "$STATE"/pid/*; do
		signal "${file##*/}" TERM
	done
	for file in "$STATE"/pid/*; do
		[ ! -e "$file" ] || stop "${file##*/}"
	done
}
