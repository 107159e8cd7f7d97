#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""One packet at a time on each of many flows to a UDP echo, in rounds; prints how many flows got all their answers.

usage: udp_flows.py ADDRESS PORT FLOWS ROUNDS [BYTES]
"""
import select
import socket
import sys
import time

WINDOW = 64  # packets under way at a time: no socket's buffer is asked to hold more
SILENCE = 5.0  # seconds without any answer after which the missing ones will not come


def play(flows, packet):
    """The flows that answer this packet with the same."""
    waiting, missing, end = list(flows), set(), time.monotonic() + SILENCE
    while (waiting or missing) and time.monotonic() < end:
        while waiting and len(missing) < WINDOW:
            s = waiting.pop()
            s.send(packet)
            missing.add(s)
        for s in select.select(list(missing), [], [], 0.1)[0]:
            if s.recv(65536) == packet:
                missing.discard(s)
                end = time.monotonic() + SILENCE
    return [s for s in flows if s not in missing and s not in waiting]


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
