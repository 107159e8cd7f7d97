# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the POPs say of themselves, through kuafuctl; each function is a condition for wait_for.

# route POP FROM TO FILTER: jq's answer about that route of class latency.
route() {
	kuafuctl "$1" --json show routes |
		jq -er --arg from "$2" --arg to "$3" \
			".routes[] | select(.from == \$from and .to == \$to and .class == \"latency\") | $4"
}

PRIMARY=sgp1,dxb1,fra1
BACKUP=sgp1,fra1

primary_path() { route sgp1 sgp1 fra1 '.primary.path | join(",")'; }
backup_path() { route sgp1 sgp1 fra1 '.backup.path | join(",")'; }

# The path that packets take now: the data plane may be on the backup before the route engine has spoken.
path_in_use() {
	route sgp1 sgp1 fra1 'if .active == "backup" then .backup.path elif .active == "primary" then .primary.path else [] end | join(",")'
}

uses_primary() { [ "$(path_in_use)" = "$PRIMARY" ]; }
left_primary() { [ "$(path_in_use)" = "$BACKUP" ]; }

# The way back is chosen by fra1 itself.
returns_by_primary() {
	[ "$(route fra1 fra1 sgp1 'select(.active == "primary") | .primary.path | join(",")')" = fra1,dxb1,sgp1 ]
}

uses_primary_with_backup() { uses_primary && [ "$(backup_path)" = "$BACKUP" ]; }

endpoints_are_up() {
	kuafuctl sgp1 --json show endpoints | jq -e '.endpoints | length > 0 and all(.state == "up")'
}

is_connected() { [ "$(kuafuctl "$1" --json show status | jq -r .dataplane.state)" = connected ]; }

# Every flow of the client at sgp1 goes out at fra1, and there are some.
flows_leave_at_fra1() {
	kuafuctl sgp1 --json show flows |
		jq -e '[.flows[] | select(.role == "ingress")] | length > 0 and all(.egress == "fra1")'
}

vip_answers() { client curl -fsS -m 2 -o /dev/null "http://$VIP:$HTTP_PORT/healthz"; }

# What the other POPs route by, without times and costs that change by themselves.
routes_of_others() {
	local pop
	for pop in dxb1 fra1; do
		kuafuctl "$pop" --json show routes | jq -c --arg pop "$pop" \
			'[.routes[] | select(.from == $pop) | {to, class, active, primary: .primary.path}] | sort'
	done
}
