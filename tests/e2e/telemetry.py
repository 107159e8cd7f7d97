#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Asks DPDK's telemetry socket of a data plane (dpdk-telemetry.py talks to people), and prints the answer as JSON.

usage: telemetry.py DIRECTORY COMMAND, such as /var/run/dpdk/kuafu-sgp1 /kuafu/counters
"""
import json
import socket
import sys


def main():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(f"{sys.argv[1]}/dpdk_telemetry.v2")
        limit = json.loads(s.recv(1024))["max_output_len"]
        s.send(sys.argv[2].encode())
        print(json.dumps(next(iter(json.loads(s.recv(limit)).values()))))


main()
