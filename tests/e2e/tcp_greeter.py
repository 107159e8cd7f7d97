#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A server that speaks first, to whom a PROXY protocol v2 header names the client: sends "ADDRESS PORT" and closes.

usage: tcp_greeter.py PORT
"""
import socket
import struct
import sys
import threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TIMEOUT = 60.0


def receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise OSError("the stream ends early")
        data += piece
    return data


def greet(connection):
    with connection:
        connection.settimeout(TIMEOUT)
        try:
            signature, command, family, length = struct.unpack(">12sBBH", receive(connection, 16))
            rest = receive(connection, length)
            if signature != SIGNATURE or command != 0x21 or family != 0x11:
                connection.sendall(b"no header\n")
                return
            port = struct.unpack(">H", rest[8:10])[0]
            connection.sendall(b"%s %d\n" % (socket.inet_ntoa(rest[:4]).encode(), port))
        except OSError as error:
            print(error, flush=True)


def main():
    listener = socket.create_server(("", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=greet, args=(connection,), daemon=True).start()


main()
