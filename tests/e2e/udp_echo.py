#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plays packets to a UDP echo and tells the round trip and the loss, as one line of JSON.

usage: udp_echo.py ADDRESS PORT PACKETS PACKETS_PER_SECOND
"""
import json
import select
import socket
import statistics
import sys
import time

LAST_WAIT = 2.0  # seconds for the answers that are still on their way


def main():
    address, port, packets, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    s.setblocking(False)
    sent_at, round_trips = [], {}
    start = time.monotonic()
    end = start + packets / rate + LAST_WAIT
    while time.monotonic() < end and len(round_trips) < packets:
        next_send = start + len(sent_at) / rate if len(sent_at) < packets else end
        readable, _, _ = select.select([s], [], [], max(0.0, next_send - time.monotonic()))
        if readable:
            try:
                number = int(s.recv(2048))
                round_trips.setdefault(number, time.monotonic() - sent_at[number])
            except (OSError, ValueError, IndexError):
                pass
        if len(sent_at) < packets and time.monotonic() >= next_send:
            sent_at.append(time.monotonic())
            try:
                s.send(b"%d" % (len(sent_at) - 1))
            except OSError:
                pass
    times = sorted(1000 * t for t in round_trips.values())
    print(json.dumps({
        "sent": len(sent_at),
        "received": len(times),
        "loss": round(1 - len(times) / max(1, len(sent_at)), 4),
        "min_ms": round(times[0], 2) if times else None,
        "median_ms": round(statistics.median(times), 2) if times else None,
        "p99_ms": round(times[int(0.99 * (len(times) - 1))], 2) if times else None,
    }))
    return 0 if times else 1


sys.exit(main())
