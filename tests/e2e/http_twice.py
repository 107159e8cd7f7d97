#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two requests over one connection, the second when a line comes on standard input. Prints each answer's X-Origin, or "reset".

usage: http_twice.py ADDRESS PORT
"""
import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
connection.connect()
connection.auto_open = 0  # a second connection would prove nothing
for _ in range(2):
    try:
        connection.request("GET", "/1k")
        answer = connection.getresponse()
        answer.read()
        print(answer.getheader("X-Origin"), flush=True)
    except (http.client.HTTPException, ConnectionError) as error:
        print("reset" if isinstance(error, ConnectionError) else error, flush=True)
        break
    sys.stdin.readline()
