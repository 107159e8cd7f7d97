#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""One packet at a time on each of many flows to a UDP echo, in rounds; prints how many flows got all their answers.

usage: udp_flows.py ADDRESS PORT FLOWS ROUNDS [BYTES]
"""
import select
import socket
import sys
import time

WAIT = 2.0  # seconds for the answers of a round


def play(flows, packet):
    """The flows that answer this packet with the same."""
    for s in flows:
        s.send(packet)
    missing, end = set(flows), time.monotonic() + WAIT
    while missing and time.monotonic() < end:
        for s in select.select(list(missing), [], [], 0.1)[0]:
            if s.recv(65536) == packet:
                missing.discard(s)
    return [s for s in flows if s not in missing]


def main():
    address, port, n, rounds = sys.argv[1], *map(int, sys.argv[2:5])
    size = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    flows = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(n)]
    for s in flows:
        s.connect((address, port))
    for number in range(rounds):
        flows = play(flows, str(number).encode().ljust(size, b"."))
    print(len(flows))


main()
