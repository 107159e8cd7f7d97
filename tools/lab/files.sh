# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The files of the lab: configurations, and what the origins serve.

BLOB_SIZES=(1k 64k 1m 8m)
PACED_BYTES=$((16 << 20)) # 64 s at PACED_RATE, longer than all failovers take
PACED_RATE=256k           # bytes/s

wanem_config() {
	local node
	printf 'socket: %s/wanem.sock\ninterfaces:\n' "$STATE"
	for node in "${NODES[@]}"; do
		printf '  - name: %s\n    address: %s/24\n' "$node" "${GATEWAY[$node]}"
		case $node in
		sgp1) printf '    routes: [{prefix: %s/32, via: %s}]\n' "$VIP" "${ADDRESS[sgp1]}" ;;
		dxb1 | fra1) printf '    routes: [{prefix: %s, via: %s}]\n' "${NAT_POOL[$node]}" "${ADDRESS[$node]}" ;;
		esac
	done
	cat <<-'END'
		lines:
		  - {between: [client, sgp1], delay: 5ms}
		  - {between: [sgp1, dxb1], delay: 40ms}
		  - {between: [dxb1, fra1], delay: 45ms}
		  - {between: [sgp1, fra1], delay: 140ms, loss: 1%}
		  - {between: [client, origin1], delay: 145ms, loss: 1%}
		  - {between: [client, origin2], delay: 145ms, loss: 1%}
		  - {between: [fra1, origin1], delay: 1ms}
		  - {between: [fra1, origin2], delay: 1ms}
	END
}

pop_config() {
	local pop=$1 nat='[]'
	[ -z "${NAT_ADDRESS[$pop]:-}" ] || nat="[{address: ${NAT_ADDRESS[$pop]}, ports: 1024-65535}]"
	cat <<-END
		pop: $pop
		id: ${POP_ID[$pop]}
		region: ${REGION[$pop]}
		run-dir: $STATE/$pop
		store: etcd://$STORE_ADDRESS:2379
		secret-file: $STATE/secret
		log: info
		test-clock-offset: ${CLOCK_OFFSET[$pop]:-0s}
		dataplane:
		  workers: 1
		  idle: adaptive
		  hugepages: ${HUGEPAGES:-auto}
		  memory: 256MiB
		  flows: 65536
		  nat-flows: 65536
		  nat-pool: $nat
		ports:
		  - {name: wan, driver: af_xdp, interface: wan, queues: 1}
		links:
		  - {link: 0, address: ${ADDRESS[$pop]}, port: wan, mtu: $(mtu_of "$pop"), provider: isp-a, cost: 0}
		probes: {rate: 20, timestamps: auto}
	END
}

listener() {
	local name=$1 protocol=$2 port=$3 endpoint_port=$4 origin
	cat <<-END
		  - name: $name
		    protocol: $protocol
		    ports: [$port]
		    class: latency
		    groups:
		      - region: eu-central
		        pops: [fra1]
		        health: {type: http, path: /healthz, port: $ORIGIN_HTTP_PORT, interval: 1s, timeout: 500ms, rise: 2, fall: 3}
		        endpoints:
	END
	for origin in "${ORIGINS[@]}"; do
		printf '          - {address: %s, port: %s, weight: 128, mode: nat}\n' "${ADDRESS[$origin]}" "$endpoint_port"
	done
}

accelerator() {
	printf 'kind: accelerator\nname: demo\nvips: [%s]\nlisteners:\n' "$VIP"
	listener web tcp "$HTTP_PORT" "$ORIGIN_HTTP_PORT"
	listener echo udp "$ECHO_PORT" "$ECHO_PORT"
	listener stream udp "$STREAM_PORT" "$STREAM_PORT"
}

# Small chunks keep the pace even: nginx sends one, then sleeps as long as it is worth. It is one process, so that
# killing it leaves nobody who answers.
nginx_config() {
	local origin=$1
	cat <<-END
		daemon off;
		master_process off;
		pid $STATE/$origin/nginx.pid;
		error_log $STATE/$origin/error.log warn;
		events { worker_connections 1024; }
		http {
			access_log off;
			sendfile on;
			sendfile_max_chunk 16k;
			default_type application/octet-stream;
			client_body_temp_path $STATE/$origin/body;
			proxy_temp_path $STATE/$origin/proxy;
			fastcgi_temp_path $STATE/$origin/fastcgi;
			uwsgi_temp_path $STATE/$origin/uwsgi;
			scgi_temp_path $STATE/$origin/scgi;
			server {
				listen $ORIGIN_HTTP_PORT reuseport;
				root $STATE/www;
				add_header X-Origin $origin always;
				location = /healthz { return 200 "ok\\n"; }
				location /fast/ { alias $STATE/www/; sendfile_max_chunk 2m; }
				location = /paced { limit_rate $PACED_RATE; }
			}
		}
	END
}

# Random files with their checksums; /fast/endless has no need of either.
write_www() {
	local size
	mkdir -p "$STATE/www"
	for size in "${BLOB_SIZES[@]}"; do
		head -c "$(numfmt --from=iec "${size^^}")" /dev/urandom >"$STATE/www/$size"
	done
	head -c "$PACED_BYTES" /dev/urandom >"$STATE/www/paced"
	truncate -s 8G "$STATE/www/endless"
	(cd "$STATE/www" && sha256sum "${BLOB_SIZES[@]}" paced >SHA256SUMS)
}

# checksum FILE: the recorded one.
checksum() { awk -v file="$1" '$2 == file {print $1}' "$STATE/www/SHA256SUMS"; }

write_files() {
	local pop origin
	head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$STATE/secret"
	chmod 600 "$STATE/secret"
	wanem_config >"$STATE/wanem.yaml"
	accelerator >"$STATE/accelerator.yaml"
	for pop in "${POPS[@]}"; do
		mkdir -p "$STATE/$pop"
		pop_config "$pop" >"$STATE/$pop.yaml"
	done
	for origin in "${ORIGINS[@]}"; do
		mkdir -p "$STATE/$origin"
		nginx_config "$origin" >"$STATE/$origin.nginx.conf"
	done
	write_www
}
