# SPDX-License-Identifier: BSD-2-Clause
"""A STAMP or TWAMP Light sender or reflector that shares nothing with Kuafu but the RFCs (8762, 8972, 5357).

usage: stamp_foreign.py send OURS THEIRS [stranger]      sends probes, and compares each answer byte for byte
       stamp_foreign.py once OURS THEIRS                 is there an answer?
       stamp_foreign.py reflect OURS stamp|ptp|twamp     answers for ever, and complains about what is no probe
       stamp_foreign.py forge OURS THEIRS                sends what is neither to be answered nor believed
"""
import socket
import struct
import sys
import time

PORT, SENDER_PORT = 862, 20862
SIZED_PORT = 18864  # of probes that find what a link takes; these reflectors answer none
IP_RECVTTL = 12  # <linux/in.h>; Python has no name for it
NTP_UNIX = 2208988800
TTL_HERE = 77
failed = False


def complain(text):
    global failed
    failed = True
    print("FAILED: " + text, flush=True)


def ntp(now):
    return struct.pack(">II", (int(now) + NTP_UNIX) & 0xFFFFFFFF, int(now % 1 * 2**32))


def unix(stamp):
    seconds, fraction = struct.unpack(">II", stamp)
    return seconds - NTP_UNIX + fraction / 2**32


def tlv(kind, value, flags=0x80):
    return struct.pack(">BBH", flags, kind, len(value)) + value


def socket_at(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL_HERE)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    s.settimeout(1)
    s.bind((address, port))
    return s


def ask(s, to, probe, tos=0):
    """The answer and its type of service, or None."""
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    s.sendto(probe, (to, PORT))
    try:
        data, ancillary, _, source = s.recvmsg(2048, 256)
    except TimeoutError:
        return None, None
    if source != (to, PORT):
        complain("an answer from %s:%d" % source)
    ttl = [v[0] for level, kind, v in ancillary if level == socket.IPPROTO_IP and kind == socket.IP_TTL]
    if ttl != [255]:
        complain("an answer with TTL %s" % ttl)
    came = [v[0] for level, kind, v in ancillary if level == socket.IPPROTO_IP and kind == socket.IP_TOS]
    return data, came[0]


def probe_of(sequence, session, size=44, fill=0):
    head = struct.pack(">I8sHH", sequence, ntp(time.time()), 0x8155, session)
    return head + bytes([fill]) * (size - len(head))


def expect(what, probe, answer, count, tlvs=b""):
    """An answer as RFC 8762, 4.3.1 has it; times are taken from it, and must make sense."""
    if answer is None:
        return complain(what + ": no answer")
    size = min(len(probe), 44)
    base = struct.pack(">I8s2s2s8s4s8s2sHBxxx", count, answer[4:12], answer[12:14], probe[14:16], answer[16:24],
                       probe[:4], probe[4:12], probe[12:14], 0, TTL_HERE)[:size]
    if answer != base + tlvs:
        complain("%s:\n  asked %s\n  came  %s\n  want  %s" % (what, probe.hex(), answer.hex(), (base + tlvs).hex()))
    t2, t3, now = unix(answer[16:24]), unix(answer[4:12]), time.time()
    if not now - 1 < t2 <= t3 < now + 0.001:
        complain("%s: T2 %f and T3 %f, and it is %f" % (what, t2, t3, now))
    estimate = struct.unpack(">H", answer[12:14])[0]
    if estimate & 0x4000 or not estimate & 0xFF:
        complain("%s: error estimate %04x" % (what, estimate))
    return None


def every_tlv(ours, theirs):
    """Questions and answers, in one packet. What the reflector alone knows is filled in by the caller."""
    here, there = socket.inet_aton(ours), socket.inet_aton(theirs)
    z = bytes
    ports = struct.pack(">HH", PORT, SENDER_PORT)
    asked = [tlv(1, b"padding"), tlv(2, z(4) + tlv(4, z(16)) + tlv(7, z(16)) + tlv(1, z(8)) + tlv(77, b"?")),
             tlv(4, struct.pack(">H2x", 10 << 10)), tlv(6, b"\x20\x01\x00\x00"), tlv(200, b"new")]
    want = [tlv(1, b"padding", 0),
            tlv(2, ports + tlv(5, there + z(12), 0) + tlv(8, here + z(12), 0) + tlv(1, z(8), 0) + tlv(77, b"?"), 0),
            tlv(4, struct.pack(">H2x", 10 << 10 | 46 << 4 | 1 << 2), 0), tlv(6, b"\x20\x01\x00\x00", 0),
            tlv(200, b"new")]
    return b"".join(asked), b"".join(want)


def send_counted(s, ours, theirs):
    count = 0
    for i in range(20):
        probe = probe_of(100 + i, 0x1234)
        expect("a plain probe", probe, ask(s, theirs, probe)[0], count)
        count += 1
    asked, want = every_tlv(ours, theirs)
    probe = probe_of(0xFFFFFFFF, 0x1234) + asked
    answer, tos = ask(s, theirs, probe, 46 << 2 | 1)
    expect("a probe with extensions", probe, answer, count, want)
    if tos != 10 << 2:
        complain("class of service: the answer came with %s" % tos)
    count += 1
    probe = probe_of(0, 0x1234) + tlv(3, bytes(4)) + tlv(5, struct.pack(">III", 7, 0, 0)) + tlv(7, bytes(16))
    answer = ask(s, theirs, probe)[0] or bytes(len(probe))
    source = answer[48]
    want = tlv(3, bytes([source, 2, source, 2]), 0) + tlv(5, struct.pack(">III", 7, count + 1, count + 1), 0)
    follow_up = answer[-16:]
    expect("clock, counts and follow-up", probe, answer, count, want + tlv(7, follow_up, 0))
    if source not in (1, 5) or (source == 5) == bool(answer[12] & 0x80):
        complain("clock source %d with error estimate %s" % (source, answer[12:14].hex()))
    if struct.unpack(">I", follow_up[:4])[0] != count - 1 or follow_up[12] != 2:
        complain("follow-up telemetry %s, the answer before was %d" % (follow_up.hex(), count - 1))
    count += 1
    broken = tlv(3, bytes(4)) + struct.pack(">BBH", 0x80, 1, 9) + b"short"
    probe = probe_of(1, 0x1234) + broken
    expect("a malformed extension", probe, ask(s, theirs, probe)[0], count,
           tlv(3, bytes([source, 2, source, 2]), 0) + struct.pack(">BBH", 0x40, 1, 9) + b"short")
    count += 1
    probe = probe_of(2, 0x1234) + tlv(3, bytes(4)) + tlv(8, bytes(16))
    expect("an HMAC that nobody can check", probe, ask(s, theirs, probe)[0], count,
           tlv(3, bytes(4), 0x20) + tlv(8, bytes(16), 0x20))
    return count + 1


def send_twamp(s, theirs, first, counted):
    """A TWAMP Light sender: 14 bytes and padding, so that the answer has room. Its padding stands where the SSID does."""
    sequence = 500
    for size in (41, 42, 43, 44, 60, 1400):
        probe = probe_of(sequence, 0, size)
        expect("a TWAMP probe of %d bytes" % size, probe, ask(s, theirs, probe)[0],
               first + sequence - 500 if counted else sequence, bytes(max(0, size - 44)))
        sequence += 1
    for size in (0, 14):
        s.sendto(probe_of(sequence, 0, 60)[:size], (theirs, PORT))
    if ask(s, theirs, probe_of(sequence, 0, 40))[0] is not None:
        complain("a probe of 0, 14 or 40 bytes was answered")


def send(ours, theirs, stranger):
    s = socket_at(ours, SENDER_PORT)
    if stranger:
        return send_twamp(s, theirs, 0, False)
    send_counted(s, ours, theirs)
    return send_twamp(s, theirs, 0, True)


def reflect(ours, how):
    s = socket_at(ours, PORT)
    s.settimeout(None)
    last, count = {}, 0
    while True:
        probe, source = s.recvfrom(2048)
        arrived = time.time()
        sequence, t1, error, session = struct.unpack(">I8sHH", probe[:16])
        if source[1] == SIZED_PORT:
            if probe[44:48] != struct.pack(">BBH", 0x80, 1, len(probe) - 48) or any(probe[48:]):
                complain("no extra padding: " + probe.hex())
            continue
        if len(probe) != 44 or any(probe[16:]) or not session or error & 0x4000 or not error & 0xFF:
            complain("no plain STAMP probe: " + probe.hex())
        if not arrived - 1 < unix(t1) <= arrived + 0.001:
            complain("T1 %f, and it is %f" % (unix(t1), arrived))
        if source[1] != 18862 or sequence <= last.get(source, -1):
            complain("probe %d from port %d after %d" % (sequence, source[1], last.get(source, -1)))
        last[source] = sequence
        if how == "ptp":
            def stamp(t):
                return struct.pack(">II", int(t), int(t % 1 * 1e9))
        else:
            stamp = ntp
        estimate = 0x4001 if how == "ptp" else 0x0101
        answer = struct.pack(">I8sHH8sI8sHHB", count, stamp(time.time()), estimate, 0 if how == "twamp" else session,
                             stamp(arrived), sequence, t1, error, 0, 255)
        s.sendto(answer + (b"pad" if how == "twamp" else bytes(3)), source)
        count += 1


def forge(ours, theirs):
    """As the other end, but with nothing that a reply would know."""
    s = socket_at(ours, PORT)
    for session in range(300):
        answer = struct.pack(">I8sHH8sI8sHHBxxx", 0, ntp(time.time()), 1, session, ntp(time.time()), 0,
                             ntp(time.time()), 1, 0, 255)
        s.sendto(answer, (theirs, 18862))
        s.sendto(answer[:30], (theirs, 18862))


if __name__ == "__main__":
    {"once": lambda: sys.exit(ask(socket_at(sys.argv[2], SENDER_PORT + 1), sys.argv[3], probe_of(0, 1))[0] is None),
     "send": lambda: send(sys.argv[2], sys.argv[3], "stranger" in sys.argv),
     "reflect": lambda: reflect(sys.argv[2], sys.argv[3]),
     "forge": lambda: forge(sys.argv[2], sys.argv[3])}[sys.argv[1]]()
    sys.exit(failed)
