#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends on many flows to a UDP port where nobody listens, until each has been told by ICMP or 20 s have passed; prints how
many were told.

usage: udp_refused.py ADDRESS PORT FLOWS
"""
import socket
import sys
import time


def is_refused(s):
    try:
        s.send(b"anybody?")
        return False
    except ConnectionRefusedError:
        return True


def main():
    address, port, n = sys.argv[1], *map(int, sys.argv[2:4])
    flows = [socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) for _ in range(n)]
    for s in flows:
        s.connect((address, port))
    missing, end = set(flows), time.monotonic() + 20
    while missing and time.monotonic() < end:
        missing -= {s for s in missing if is_refused(s)}
        time.sleep(0.1)
    print(n - len(missing))


main()
