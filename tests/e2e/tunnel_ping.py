#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends echo requests to a VIP inside tunnel packets to an origin: first as this host, which is no POP, then with the outer
source of one. The same line carries both, in order, and so do the answers. Prints how many were answered of each.

usage: tunnel_ping.py ipip|geneve POP ORIGIN VIP REQUESTS
"""
import os
import socket
import struct
import sys
import time

GENEVE_PORT = 6081
ECHO_REQUEST, ECHO_REPLY = 8, 0
PATIENCE = 10.0


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ip(source, destination, protocol, payload):
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    start = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol)
    return start + struct.pack(">H", checksum(start + addresses)) + addresses + payload


def echo_request(ident, number):
    fields = struct.pack(">HH8s", ident, number, b"anybody?")
    return struct.pack(">BBH", ECHO_REQUEST, 0, checksum(bytes([ECHO_REQUEST, 0]) + fields)) + fields


def wrapped(encap, source, destination, inner):
    if encap == "ipip":
        return ip(source, destination, socket.IPPROTO_IPIP, inner)
    geneve = struct.pack(">BBHI", 0, 0, 0x0800, 1 << 8)
    udp = struct.pack(">HHHH", 0xc001, GENEVE_PORT, 16 + len(inner), 0)
    return ip(source, destination, socket.IPPROTO_UDP, udp + geneve + inner)


def main():
    encap, pop, origin, vip, n = *sys.argv[1:5], int(sys.argv[5])
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sender.connect((origin, 0))
    here = sender.getsockname()[0]
    receiver = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    stranger = os.getpid() & 0xfffe
    known = stranger + 1
    answered = {stranger: set(), known: set()}
    for ident, source in ((stranger, here), (known, pop)):
        for number in range(n):
            sender.send(wrapped(encap, source, origin, ip(here, vip, socket.IPPROTO_ICMP, echo_request(ident, number))))
    end = time.monotonic() + PATIENCE
    while len(answered[known]) < n and time.monotonic() < end:
        receiver.settimeout(max(0.001, end - time.monotonic()))
        try:
            packet = receiver.recv(65536)
        except TimeoutError:
            break
        kind, ident, number = struct.unpack(">B3xHH", packet[20:28])
        if kind == ECHO_REPLY and socket.inet_ntoa(packet[12:16]) == vip and ident in answered:
            answered[ident].add(number)
    print(len(answered[stranger]), len(answered[known]))


main()
