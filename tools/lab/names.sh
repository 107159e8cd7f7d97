# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The lab: three POPs, a client, two origins, and the Internet between them.
#
#    client 192.0.2.2                                                      origin1 10.4.0.2   origin2 10.5.0.2
#      |  \                                                                  |                  |
#      |5  \ 145 ms, 1% loss: the client's own way to the origins            |1                 |1
#      |    `----------------------------------------------------------------+------------------+
#      |                                                                     |
#    sgp1 10.1.0.2 ------40 ms------ dxb1 10.2.0.2 ------45 ms------ fra1 10.3.0.2
#      |                               NAT pool 10.2.1.0/28          |  NAT pool 10.3.1.0/28
#      `----------------------140 ms, 1% loss------------------------'
#
# Every line above is kuafu-wanem, alone in the namespace `internet` with one end of a veth pair per node; the other end
# is called `wan` in the node, whose default route is wanem's .1 address. The VIP 203.0.113.10 is routed to sgp1.
#
#    store 10.255.0.1 (etcd) == bridge 10.255.0.0/24 == mgmt of sgp1 .11, dxb1 .12, fra1 .13
#
# Namespaces are kuafu-LAB-NODE, everything else lies in /run/kuafu-lab/LAB; two labs of different names do not meet.

# The lab that is up, if there is one only.
only_lab() {
	local folders=(/run/kuafu-lab/*/)
	[ "${#folders[@]}" = 1 ] && [ -d "${folders[0]}" ] || { echo lab; return; }
	basename "${folders[0]}"
}

LAB=${LAB:-$(only_lab)}
STATE=/run/kuafu-lab/$LAB
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# A lab remembers by which build it was made.
BUILD=${BUILD:-$(cat "$STATE/build" 2>/dev/null || echo "$ROOT/build")}
PYTHON=/usr/bin/python3
INTERFACE_LOCKS=/run/kuafu/lock # control/base/interface_lock.h
MTU=1500              # of every wire
declare -A NODE_MTU=() # but of these
declare -A NODE_TAKES=() # what the way to it takes, without a word, if that is less
declare -A CLOCK_OFFSET=() # of a POP's clock, such as -3h

POPS=(sgp1 dxb1 fra1)
ORIGINS=(origin1 origin2)
NODES=(client "${POPS[@]}" "${ORIGINS[@]}")

VIP=203.0.113.10
HTTP_PORT=80
ECHO_PORT=7
STREAM_PORT=9000
ORIGIN_HTTP_PORT=8080
STORE_ADDRESS=10.255.0.1

declare -A GATEWAY=(
	[client]=192.0.2.1 [sgp1]=10.1.0.1 [dxb1]=10.2.0.1 [fra1]=10.3.0.1 [origin1]=10.4.0.1 [origin2]=10.5.0.1)
declare -A ADDRESS=(
	[client]=192.0.2.2 [sgp1]=10.1.0.2 [dxb1]=10.2.0.2 [fra1]=10.3.0.2 [origin1]=10.4.0.2 [origin2]=10.5.0.2)
declare -A MANAGEMENT=([sgp1]=10.255.0.11 [dxb1]=10.255.0.12 [fra1]=10.255.0.13)
declare -A NAT_POOL=([dxb1]=10.2.1.0/28 [fra1]=10.3.1.0/28)
declare -A NAT_ADDRESS=([dxb1]=10.2.1.1 [fra1]=10.3.1.1)
declare -A POP_ID=([sgp1]=1 [dxb1]=2 [fra1]=3)
declare -A REGION=([sgp1]=ap-southeast [dxb1]=me-central [fra1]=eu-central)

mtu_of() { echo "${NODE_MTU[$1]:-$MTU}"; }
namespace() { echo "kuafu-$LAB-$1"; }

# in_node NODE COMMAND...: runs it in the node's network, in this mount namespace.
in_node() {
	local node=$1
	shift
	nsenter --net="/run/netns/$(namespace "$node")" -- "$@"
}

kuafuctl() { "$BUILD/tools/ctl/kuafuctl" --socket "$STATE/$1/api.sock" "${@:2}"; }
wanem() { "$BUILD/tools/wanem/kuafu-wanem" --socket "$STATE/wanem.sock" "$@"; }

say() { printf '%s\n' "$*" >&2; }
fail() {
	say "$*"
	return 1
}
