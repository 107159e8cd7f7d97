#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The longest silence, in ms, that a file of "UNIX_MS ..." lines shows between two times, and how long after FROM it began.

usage: longest_gap.py FILE FROM_UNIX_MS TO_UNIX_MS

A silence that begins before FROM or lasts beyond TO counts as far as it lies between them; a file without any line in
between is one silence.
"""
import sys


def longest_gap(times, start, end):
    inside = [t for t in times if start < t < end]
    edges = [start] + inside + [end]
    return max((b - a, a - start) for a, b in zip(edges, edges[1:]))


def main():
    with open(sys.argv[1], encoding="ascii") as lines:
        times = [float(line.split()[0]) for line in lines if line.endswith("\n")]
    silence, after = longest_gap(times, float(sys.argv[2]), float(sys.argv[3]))
    print(round(silence), round(after))


main()
