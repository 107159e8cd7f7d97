# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the machine must have: packages and hugepages.

HUGEPAGES_WANTED=512 # of 2 MiB: 256 MiB for each of three data planes, and some room

packages() { sed 's/#.*//' "$ROOT/tools/packages"; }

missing_packages() {
	local name
	for name in $(packages); do
		[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null)" = "ii " ] || echo "$name"
	done
}

# Installs what is missing, quietly; says nothing and needs no network when all are there.
install_packages() {
	local missing log
	mapfile -t missing < <(missing_packages)
	[ "${#missing[@]}" -gt 0 ] || return 0
	say "installing ${#missing[@]} Debian packages: ${missing[*]}"
	log=$(mktemp)
	if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
		>"$log" 2>&1 </dev/null; then
		tail -n 15 "$log" >&2
		rm -f "$log"
		fail "apt-get could not install them"
		return
	fi
	rm -f "$log"
}

# Takes hugepages unless there are enough; release_hugepages gives them back. Sets HUGEPAGES to auto or no.
take_hugepages() {
	local before free
	HUGEPAGES=no
	{ read -r before </proc/sys/vm/nr_hugepages; } 2>/dev/null || return 0
	free=$(awk '/^HugePages_Free:/ {print $2}' /proc/meminfo)
	if [ "$free" -lt "$HUGEPAGES_WANTED" ]; then
		mkdir -p /run/kuafu-lab
		[ -e "/run/kuafu-lab/$LAB.hugepages" ] || echo "$before" >"/run/kuafu-lab/$LAB.hugepages"
		echo $((before + HUGEPAGES_WANTED - free)) >/proc/sys/vm/nr_hugepages 2>/dev/null
		free=$(awk '/^HugePages_Free:/ {print $2}' /proc/meminfo)
	fi
	if [ "$free" -lt "$HUGEPAGES_WANTED" ]; then
		release_hugepages
		return 0
	fi
	HUGEPAGES=auto
}

# DPDK finds them through a mount, which not every machine has.
mount_hugepages() {
	[ "${HUGEPAGES:-auto}" != no ] && [ "$(awk '/^HugePages_Total:/ {print $2}' /proc/meminfo)" -gt 0 ] || return 0
	! awk '{print $3}' /proc/self/mounts | grep -qx hugetlbfs || return 0
	mkdir -p "$STATE/hugepages"
	mount -t hugetlbfs hugetlbfs "$STATE/hugepages"
}

release_hugepages() {
	local before
	{ read -r before <"/run/kuafu-lab/$LAB.hugepages"; } 2>/dev/null || return 0
	echo "$before" >/proc/sys/vm/nr_hugepages
	rm -f "/run/kuafu-lab/$LAB.hugepages"
	rmdir /run/kuafu-lab 2>/dev/null || :
}
