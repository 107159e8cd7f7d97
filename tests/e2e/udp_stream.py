#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Asks udp_server.py for its one-way stream and writes "UNIX_MS NUMBER" for each packet as it arrives.

usage: udp_stream.py ADDRESS PORT SECONDS FILE

It speaks only to open the flow: the request is repeated until the first packet has come, then never again.
"""
import socket
import sys
import time

ASK_AGAIN = 0.5
SILENCE = 10.0  # the stream has ended, or everything has


def main():
    address, port, seconds, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    s.settimeout(ASK_AGAIN)
    began = last = time.monotonic()
    heard = False
    with open(path, "w", buffering=1, encoding="ascii") as out:
        while time.monotonic() < last + SILENCE and time.monotonic() < began + seconds + SILENCE:
            try:
                if not heard:
                    s.send(b"GO %d" % seconds)
                number = int(s.recv(2048).split()[0])
            except (OSError, ValueError):
                continue
            heard, last = True, time.monotonic()
            out.write("%.1f %d\n" % (time.time() * 1000, number))
    return 0 if heard else 1


sys.exit(main())
