#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""One ICMP echo; exit status 0 if the answer comes within a second.

usage: ping.py ADDRESS
"""
import os
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def message(kind, identity):
    body = struct.pack("!BBHHH", kind, 0, 0, identity, 1)
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def main():
    identity = os.getpid() & 0xFFFF
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.sendto(message(8, identity), (sys.argv[1], 0))
    end = time.monotonic() + 1
    while (left := end - time.monotonic()) > 0:
        s.settimeout(left)
        try:
            packet, (source, _) = s.recvfrom(1500)
        except TimeoutError:
            break
        if source == sys.argv[1] and packet[20:] == message(0, identity):
            sys.exit(0)
    sys.exit(1)


main()
