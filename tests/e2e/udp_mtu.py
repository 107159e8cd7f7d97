#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Finds by UDP with DF the largest packet that an echo server answers, as an application would: it sends, and believes
what the network says is too big. Prints the path MTU.

usage: udp_mtu.py ADDRESS PORT
"""
import errno
import socket
import struct
import sys
import time

IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
HEADERS = 28
PATIENCE = 10.0


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.settimeout(0.5)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        mtu = struct.unpack("i", s.getsockopt(socket.IPPROTO_IP, IP_MTU, 4))[0]
        try:
            s.send(b"x" * (mtu - HEADERS))
            if len(s.recv(65536)) == mtu - HEADERS:
                print(mtu)
                return 0
        except OSError as error:
            if error.errno not in (None, errno.EMSGSIZE, errno.EAGAIN):
                raise
    return 1


sys.exit(main())
