#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Connects, says nothing, and checks that it hears its own address and port.

usage: tcp_listen.py ADDRESS PORT TIMES
"""
import socket
import sys

TIMEOUT = 60.0


def main():
    address, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for _ in range(times):
        with socket.create_connection((address, port), timeout=TIMEOUT) as connection:
            expected = "%s %d\n" % connection.getsockname()
            heard = b""
            while piece := connection.recv(100):
                heard += piece
        if heard.decode() != expected:
            print("heard %r, not %r" % (heard, expected), file=sys.stderr)
            return 1
    return 0


sys.exit(main())
