#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends numbered packets at a rate while it receives its peer's, and tells what came, as one line of JSON.

usage: udp_flood.py PEER PORT PACKETS PACKETS_PER_SECOND
"""
import json
import socket
import sys
import threading
import time

SO_RCVBUFFORCE = 33
SILENCE = 2.0


def send(s, packets, rate):
    start = time.monotonic()
    for number in range(packets):
        while time.monotonic() < start + number / rate:
            time.sleep(0)
        try:
            s.send(b"%010d %.6f %s" % (number, time.time(), b"x" * 64))
        except OSError:
            pass  # the peer is not there yet
    return time.monotonic() - start


def main():
    peer, port, packets, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    s.bind(("", port))
    s.connect((peer, port))
    s.settimeout(SILENCE)
    took = []
    sender = threading.Thread(target=lambda: took.append(send(s, packets, rate)))
    sender.start()
    received = reordered = 0
    last = -1
    while sender.is_alive() or received < packets:
        try:
            number = int(s.recv(2048)[:10])
        except (TimeoutError, ConnectionRefusedError):
            if not sender.is_alive():
                break
            continue
        received += 1
        reordered += number < last
        last = max(last, number)
    sender.join()
    print(json.dumps({"sent": packets, "received": received, "reordered": reordered,
                      "rate": round(packets / took[0])}))


main()
