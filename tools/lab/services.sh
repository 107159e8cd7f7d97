# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What runs in the lab, and how one knows that it is ready.

answers_http() { in_node "$1" curl -fsS -m 1 -o /dev/null "$2"; }

start_wanem() {
	spawn wanem internet "$BUILD/tools/wanem/kuafu-wanem" --config "$STATE/wanem.yaml" || return
	wait_ready wanem 10 wanem show
}

start_store() {
	spawn etcd store etcd --name lab --data-dir "$STATE/etcd" --log-level warn \
		--listen-client-urls "http://$STORE_ADDRESS:2379" --advertise-client-urls "http://$STORE_ADDRESS:2379" \
		--listen-peer-urls "http://127.0.0.1:2380" --initial-advertise-peer-urls "http://127.0.0.1:2380" \
		--initial-cluster "lab=http://127.0.0.1:2380" || return
	wait_ready etcd 30 answers_http store "http://$STORE_ADDRESS:2379/health"
}

start_nginx() {
	spawn "nginx-$1" "$1" nginx -c "$STATE/$1.nginx.conf" -p "$STATE/$1" -e "$STATE/$1/error.log" || return
	wait_ready "nginx-$1" 10 answers_http "$1" "http://${ADDRESS[$1]}:$ORIGIN_HTTP_PORT/healthz"
}

start_origin() {
	local origin=$1
	start_nginx "$origin" || return
	spawn "udp-$origin" "$origin" "$PYTHON" "$ROOT/tests/e2e/udp_server.py" "$ECHO_PORT" "$STREAM_PORT" || return
	wait_ready "udp-$origin" 10 grep -q ready "$STATE/log/udp-$origin"
}

# Pins must outlive the daemons, so the file system for them is the lab's.
mount_bpf() {
	mkdir -p "$STATE/$1/bpf"
	mountpoint -q "$STATE/$1/bpf" || mount -t bpf bpf "$STATE/$1/bpf"
}

start_kuafud() {
	mount_bpf "$1" || return
	spawn "kuafud-$1" "$1" "$BUILD/control/kuafud" --config "$STATE/$1.yaml" || return
	wait_ready "kuafud-$1" 20 kuafuctl "$1" --json show pops
}

# RUNTIME_DIRECTORY: DPDK's files go with the lab.
start_dataplane() {
	spawn "dataplane-$1" "$1" env RUNTIME_DIRECTORY="$STATE/$1" "$BUILD/dataplane/kuafu-dataplane" --config "$STATE/$1.yaml" || return
	wait_ready "dataplane-$1" 60 test -S "$STATE/$1/dataplane.sock"
}

# kuafud loads the XDP program that the data plane waits for, so they start side by side.
start_pop() {
	start_kuafud "$1" && start_dataplane "$1"
}

have_daemons() { [ -x "$BUILD/control/kuafud" ] && [ -x "$BUILD/dataplane/kuafu-dataplane" ]; }

unmount_all() {
	local mount
	awk -v prefix="$STATE/" 'index($2, prefix) == 1 {print $2}' /proc/self/mounts | sort -r | while read -r mount; do
		umount "$mount" 2>/dev/null || umount -l "$mount"
	done
}

lab_up() {
	local node
	[ ! -e "$STATE" ] || { fail "$STATE exists: take that lab down first, or name another one with LAB=NAME"; return; }
	mkdir -p "$STATE/pid" "$STATE/log"
	echo "$BUILD" >"$STATE/build"
	mount_hugepages || return
	say "lab: network"
	network_up || return
	write_files || return
	say "lab: wanem, store, origins"
	start_wanem || return
	start_store || return
	for node in "${ORIGINS[@]}"; do
		start_origin "$node" || return
	done
	have_daemons || { say "lab: no kuafud or kuafu-dataplane in $BUILD: the POPs stay plain hosts"; return 0; }
	for node in "${POPS[@]}"; do
		say "lab: POP $node"
		start_pop "$node" || return
	done
	kuafuctl sgp1 apply -f "$STATE/accelerator.yaml" >&2
}

# Daemons that were killed leave the locks of their interfaces, named after the network namespace by its number.
forget_locks() {
	local node number
	for node in "${POPS[@]}"; do
		number=$(stat -Lc %i "/run/netns/$(namespace "$node")" 2>/dev/null) || continue
		rm -f "$INTERFACE_LOCKS"/*."$number"
	done
}

lab_down() {
	stop_all
	forget_locks
	network_down
	unmount_all
	case $STATE in
	/run/kuafu-lab/?*) rm -rf --one-file-system "$STATE" ;;
	esac
	rmdir /run/kuafu-lab 2>/dev/null || :
}
