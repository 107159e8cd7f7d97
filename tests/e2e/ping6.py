#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends ICMPv6 echo requests until one is answered, for 5 seconds. Exit status 0 if one was.

usage: ping6.py ADDRESS
"""
import socket
import struct
import sys
import time

REQUEST, REPLY = 128, 129
BODY = b"kuafu" * 10


def main():
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)  # the kernel makes the checksum
    s.connect((sys.argv[1], 0))
    s.settimeout(0.5)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        s.send(struct.pack("!BBHHH", REQUEST, 0, 0, 77, 3) + BODY)
        try:
            got = s.recv(2048)
        except TimeoutError:
            continue
        if got[0] == REPLY and got[4:] == struct.pack("!HH", 77, 3) + BODY:
            return 0
    return 1


sys.exit(main())
