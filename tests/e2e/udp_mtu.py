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

PMTUDISC_DO = 2
# By version: family, level, options MTU_DISCOVER and MTU, bytes of IP and UDP header.
V4 = (socket.AF_INET, socket.IPPROTO_IP, 10, 14, 28)
V6 = (socket.AF_INET6, socket.IPPROTO_IPV6, 23, 24, 48)
PATIENCE = 10.0


def main():
    family, level, mtu_discover, mtu_option, headers = V6 if ":" in sys.argv[1] else V4
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(level, mtu_discover, PMTUDISC_DO)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.settimeout(0.5)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        mtu = struct.unpack("i", s.getsockopt(level, mtu_option, 4))[0]
        try:
            s.send(b"x" * (mtu - headers))
            if len(s.recv(65536)) == mtu - headers:
                print(mtu)
                return 0
        except OSError as error:
            if error.errno not in (None, errno.EMSGSIZE, errno.EAGAIN):
                raise
    return 1


sys.exit(main())
