#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an origin's wire carries to a TCP port, one line a segment: "FLAGS PAYLOAD ADDRESS:PORT", the last from its address
option (kind 254, 8 bytes) or "-".

usage: toa_watch.py INTERFACE PORT
"""
import socket
import struct
import sys

ETH_P_IP = 0x0800
END, NOP, TOA = 0, 1, 254
FLAGS = ((0x02, "S"), (0x10, "A"), (0x01, "F"), (0x04, "R"))


def toa(options):
    at = 0
    while at < len(options) and options[at] != END:
        if options[at] == NOP:
            at += 1
            continue
        if options[at] == TOA and options[at + 1] == 8:
            port, address = struct.unpack(">H4s", options[at + 2:at + 8])
            return "%s:%d" % (socket.inet_ntoa(address), port)
        at += options[at + 1]
    return "-"


def main():
    interface, port = sys.argv[1], int(sys.argv[2])
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    wire.bind((interface, ETH_P_IP))
    print("ready", flush=True)
    while True:
        packet = wire.recv(65536)
        header = (packet[0] & 15) * 4
        total = struct.unpack(">H", packet[2:4])[0]
        segment = packet[header:total]
        if packet[9] != socket.IPPROTO_TCP or struct.unpack(">H", segment[2:4])[0] != port:
            continue
        end = (segment[12] >> 4) * 4
        flags = "".join(name for bit, name in FLAGS if segment[13] & bit)
        print(flags, len(segment) - end, toa(segment[20:end]), flush=True)


main()
