"""What a camera, or whatever stands at its address, does that no session survives, or that is to cost whoever listens. One
class each, beside those of camera_behaviours.py, which are lived with.

Each serves whole connections by itself, or is a `Camera` that plays on.
"""

import asyncio
import contextlib
import os
import random
import struct

from scripted_camera import Camera

RTP_PORT_OF_NOBODY = 77


class Misbehaviour:
    """What is no camera: `talk` has the whole connection."""

    def __init__(self, folder, log):
        del folder, log

    async def serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self.talk(reader, writer)
        writer.close()

    async def talk(self, reader, writer):
        raise NotImplementedError

    async def answer_each(self, reader, writer, head):
        while True:
            text = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
            cseq = next((line[5:].strip() for line in text.split("\r\n") if line.lower().startswith("cseq:")), "1")
            writer.write(head.replace("CSEQ", cseq).encode())
            await writer.drain()


class NeverAnswers(Misbehaviour):
    async def talk(self, reader, writer):
        while await reader.read(4096):
            pass


class ClosesAtOnce(Misbehaviour):
    async def talk(self, reader, writer):
        pass


class SpeaksHttp(Misbehaviour):
    async def talk(self, reader, writer):
        await self.answer_each(reader, writer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class RefusesAll(Misbehaviour):
    async def talk(self, reader, writer):
        await self.answer_each(reader, writer, "RTSP/1.0 503 Service Unavailable\r\nCSeq: CSEQ\r\n\r\n")


class RedirectsToItself(Misbehaviour):
    async def talk(self, reader, writer):
        host, port = writer.get_extra_info("sockname")
        location = f"Location: rtsp://{host}:{port}/{random.random()}"
        await self.answer_each(reader, writer, f"RTSP/1.0 302 Moved\r\nCSeq: CSEQ\r\n{location}\r\n\r\n")


class Garbage(Misbehaviour):
    """Bytes that are nothing, as fast as they are taken."""

    async def talk(self, reader, writer):
        while True:
            writer.write(os.urandom(16_384))
            await writer.drain()


class HeadWithoutEnd(Misbehaviour):
    async def talk(self, reader, writer):
        writer.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n")
        while True:
            writer.write(b"X-More: " + b"a" * 1000 + b"\r\n")
            await writer.drain()


class BodyWithoutEnd(Misbehaviour):
    async def talk(self, reader, writer):
        writer.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4000000000\r\n\r\n")
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()


class AnswersTrickle(Misbehaviour):
    """A byte of an answer now and then, and never all of it."""

    async def talk(self, reader, writer):
        for byte in b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)


class DescriptionWithoutEnd(Camera):
    def answer(self, method, cseq, connection):
        if method != "DESCRIBE":
            return None
        head = f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\n\r\n"
        return head + "v=0\r\n" + "a=x-more:and more\r\n" * 100_000


class ManyMedia(Camera):
    def sdp(self):
        return super().sdp() + "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n" * 2_000


class FallsSilent(Camera):
    """The connection stays, and nothing comes."""

    def send_picture(self, number, stream, send):
        if number < 40:
            super().send_picture(number, stream, send)


class BreaksInsidePacket(Camera):
    """The connection is reset in the middle of a packet, every other second."""

    def beside_picture(self, number, connection):
        if number % 50 == 49:
            connection.send(struct.pack(">cBH", b"$", 0, 1_000) + b"\x80\x60")
            connection.writer.transport.abort()


class UnitWithoutEnd(Camera):
    """Packets of one picture that never ends, ten times as fast as pictures come."""

    def send_picture(self, number, stream, send):
        if number == 0:
            super().send_picture(number, stream, send)
            return
        kind = 0x80 | 5 if number == 1 else 5
        for _ in range(100):
            send(stream.packet(96, bytes([0x7C, kind]) + os.urandom(1_398), False, stream.first_stamp + 3_600))
            kind = 5


class UnitsTooLarge(Camera):
    """Each picture is followed by one of 9 MiB."""

    def send_picture(self, number, stream, send):
        super().send_picture(number, stream, send)
        if number % 25 == 10:
            stamp = self.stamp(number, stream.first_stamp) + 10
            for part in range(150):
                kind = (0x80 if part == 0 else 0) | (0x40 if part == 149 else 0) | 1
                send(stream.packet(96, bytes([0x7C, kind]) + bytes(64_000), part == 149, stamp))


class SequenceOfChance(Camera):
    """Numbers, stamps and SSRC by chance."""

    def send_picture(self, number, stream, send):
        def spoilt(packet):
            changed = struct.pack(">HII", random.getrandbits(16), random.getrandbits(32), random.getrandbits(32))
            send(packet[:2] + changed + packet[12:] if random.random() < 0.5 else packet)

        super().send_picture(number, stream, spoilt)


class FloodOfOldPackets(Camera):
    """A hundred packets of long ago behind each picture."""

    def beside_picture(self, number, connection):
        stream = connection.streams[0]
        for past in range(100):
            late = stream.packet(96, bytes(1_000), False, stream.first_stamp, sequence=stream.sequence - 500 - past & 0xFFFF)
            connection.send_packet(stream, late)
            connection.send(struct.pack(">cBH", b"$", RTP_PORT_OF_NOBODY, 3) + b"abc")


class ParameterSetsOfEachPicture(Camera):
    """Every key picture has another SPS: its profile's flags change, and the size does not."""

    def picture(self, number):
        packets = super().picture(number)
        change = 1 + number // 25 % 2
        is_sps = [payload[0] & 31 == 7 for payload, _ in packets]
        return [
            (payload[:2] + bytes([payload[2] ^ change << 2]) + payload[3:] if sps else payload, marker)
            for (payload, marker), sps in zip(packets, is_sps, strict=True)
        ]


class EndsEachTwoSeconds(Camera):
    def beside_picture(self, number, connection):
        if number % 50 == 49:
            connection.writer.close()
