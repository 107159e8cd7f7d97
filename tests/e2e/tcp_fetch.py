#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches a URL of plain HTTP over one connection, writes "UNIX_MS BYTES" for each piece as it arrives, and checks it.

usage: tcp_fetch.py ADDRESS PORT PATH SHA256 FILE

Exit status 0 only if the whole answer came over that one connection and its checksum is right.
"""
import hashlib
import http.client
import sys
import time

TIMEOUT = 30.0


def main():
    address, port, path, expected, log = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    digest = hashlib.sha256()
    total = 0
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        with open(log, "w", buffering=1, encoding="ascii") as out:
            while True:
                piece = answer.read1(65536)
                if not piece:
                    break
                digest.update(piece)
                total += len(piece)
                out.write("%.1f %d\n" % (time.time() * 1000, len(piece)))
    except OSError as error:
        print("after %d bytes: %s" % (total, error), file=sys.stderr)
        return 1
    if answer.status != 200 or digest.hexdigest() != expected:
        print("status %d, %d bytes, checksum wrong" % (answer.status, total), file=sys.stderr)
        return 1
    return 0


sys.exit(main())
