# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Namespaces and wires of the lab. No address is ever set in the namespace `internet`: wanem is the only router there.

# A veth hands over unfinished checksums and oversized segments unless these are off at both ends.
offloads_off() {
	in_node "$1" ethtool -K "$2" rx off tx off tso off gso off gro off >/dev/null
}

make_namespace() {
	ip netns add "$(namespace "$1")"
	in_node "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	ip -n "$(namespace "$1")" link set dev lo up
}

# connect NODE: its interface `wan`, the other end in `internet` under the node's name.
connect() {
	local node=$1 here inside mtu
	here=$(namespace "$node") inside=$(namespace internet) mtu=$(mtu_of "$1")
	ip link add name "$node" mtu "${NODE_TAKES[$node]:-$mtu}" netns "$inside" type veth peer name wan mtu "$mtu" netns "$here"
	offloads_off "$node" wan
	offloads_off internet "$node"
	ip -n "$here" addr add "${ADDRESS[$node]}/24" dev wan
	ip -n "$here" link set dev wan up
	ip -n "$inside" link set dev "$node" up
	ip -n "$here" route add default via "${GATEWAY[$node]}"
}

# The bridge lives with the store; each POP's end of the wire is called `mgmt`.
connect_management() {
	local store pop
	store=$(namespace store)
	ip -n "$store" link add name bridge type bridge
	ip -n "$store" addr add "$STORE_ADDRESS/24" dev bridge
	ip -n "$store" link set dev bridge up
	for pop in "${POPS[@]}"; do
		ip link add name "$pop" netns "$store" type veth peer name mgmt netns "$(namespace "$pop")"
		ip -n "$store" link set dev "$pop" master bridge up
		ip -n "$(namespace "$pop")" addr add "${MANAGEMENT[$pop]}/24" dev mgmt
		ip -n "$(namespace "$pop")" link set dev mgmt up
	done
}

network_up() {
	local node
	for node in internet store "${NODES[@]}"; do
		make_namespace "$node" || return
	done
	for node in "${NODES[@]}"; do
		connect "$node" || return
	done
	connect_management
}

network_down() {
	local name
	for name in $(ip netns list 2>/dev/null | awk '{print $1}'); do
		case $name in
		"kuafu-$LAB-"*) is_ours "${name#"kuafu-$LAB-"}" && ip netns del "$name" ;;
		esac
	done
}

# Whether a node belongs to this lab (another lab's name may start with ours and a hyphen).
is_ours() {
	local node
	for node in internet store "${NODES[@]}"; do
		[ "$node" != "$1" ] || return 0
	done
	return 1
}
