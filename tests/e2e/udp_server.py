#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An origin's UDP services: an echo port, and a port that answers "GO SECONDS" with 100 numbered packets a second.

usage: udp_server.py ECHO_PORT STREAM_PORT [ADDRESS]

Both are on every address of the host, or on that of IPv4 alone.
A repeated request of the same client starts nothing new. Each packet of the stream is "NUMBER UNIX_TIME".
"""
import heapq
import select
import socket
import sys
import time

INTERVAL = 0.01


def listen(port, address):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # IPv4's, too
    s.bind(("::ffff:" + address if address else "", port))
    s.setblocking(False)
    return s


def drain(s):
    while True:
        try:
            yield s.recvfrom(2048)
        except BlockingIOError:
            return


def main():
    address = sys.argv[3] if len(sys.argv) > 3 else ""
    echo, stream = listen(int(sys.argv[1]), address), listen(int(sys.argv[2]), address)
    print("ready", flush=True)
    due = []  # (time, client, number, end)
    active = set()
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        readable, _, _ = select.select([echo, stream], [], [], wait)
        if echo in readable:
            for data, client in drain(echo):
                echo.sendto(data, client)
        if stream in readable:
            for data, client in drain(stream):
                word, _, seconds = data.decode("ascii", "replace").partition(" ")
                if word == "GO" and seconds.isdigit() and client not in active:
                    now = time.monotonic()
                    active.add(client)
                    heapq.heappush(due, (now, client, 0, now + int(seconds)))
        now = time.monotonic()
        while due and due[0][0] <= now:
            at, client, number, end = heapq.heappop(due)
            if at >= end:
                active.discard(client)
                continue
            try:
                stream.sendto(b"%d %.6f" % (number, time.time()), client)
            except OSError:
                pass
            heapq.heappush(due, (at + INTERVAL, client, number + 1, end))


main()
