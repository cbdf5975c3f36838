"""An RTSP camera that deviates on purpose: one behaviour a port, each a subclass of `Camera` in camera_behaviours.py.

    scripted_camera.py MEDIA_FOLDER LOG --ports FILE BEHAVIOUR...

Plays raw H.264 or H.265 for ever, with AAC or A-law beside it where a behaviour wants sound. FILE gets a JSON object of
each behaviour's port once all listen; LOG a JSON line for each connection, request and picture count. Pure Python, no
dependencies; started as a process so that its pace does not depend on the test's.
"""

import asyncio
import base64
import functools
import hashlib
import json
import pathlib
import random
import re
import socket
import struct
import sys
import time

CLOCK_HZ = 90_000
GROUP_PICTURES = 25
# A picture that is sent so much behind its time, by a machine that has too much to do, is told.
LATE_MS = 50


def nal_units(stream):
    return [unit for unit in re.split(b"\0\0\0\1|\0\0\1", stream) if unit]


@functools.cache
def access_units(path, h265=False):
    """The pictures of a raw stream, each a list of NAL units that begins with its parameter sets, if any. Read once for all
    cameras of the process."""
    units, current, has_slice = [], [], False
    for nal in nal_units(path.read_bytes()):
        kind = (nal[0] >> 1) & 63 if h265 else nal[0] & 31
        is_slice = kind < 32 if h265 else 1 <= kind <= 5
        is_first = is_slice and bool(nal[2] & 0x80 if h265 else nal[1] & 0x80)
        if has_slice and (not is_slice or is_first):
            units.append(current)
            current, has_slice = [], False
        current.append(nal)
        has_slice = has_slice or is_slice
    return [*units, current]


def adts_frames(path):
    data, at, frames = path.read_bytes(), 0, []
    while at + 7 <= len(data):
        size = ((data[at + 3] & 3) << 11) | (data[at + 4] << 3) | (data[at + 5] >> 5)
        frames.append(data[at + 7 : at + size])
        at += size
    return frames


def in_base64(data):
    return base64.b64encode(data).decode()


class Stream:
    """One medium that was set up."""

    def __init__(self, medium):
        self.medium = medium
        self.sequence = random.randrange(60_000)
        self.first_stamp = random.randrange(1 << 28, 1 << 29)
        self.ssrc = random.getrandbits(31) | 1
        self.channel = 0
        self.socket = self.destination = None

    def packet(self, payload_type, payload, marker, stamp, sequence=None):
        if sequence is None:
            sequence, self.sequence = self.sequence, (self.sequence + 1) & 0xFFFF
        second = payload_type | (0x80 if marker else 0)
        return struct.pack(">BBHII", 0x80, second, sequence, stamp & 0xFFFFFFFF, self.ssrc) + payload


class Camera:
    """A camera that does everything right. Behaviours override what they do otherwise."""

    media = "h264"
    sound = None  # "aac" or "pcma"
    pictures_a_second = 25.0
    stamped_a_second = 25.0
    mtu_bytes = 1_400
    marker = "picture"  # "slice", "never", "packet"
    login = None  # (user, password)
    challenge_more = ""
    algorithm = "MD5"
    public = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
    session_more = ";timeout=60"
    aac_config = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408"
    udp_only = False
    one_connection_seconds = None  # a connection's place is free so long after it closed
    ends_after_pictures = None  # the first session
    pictures_before_play_answer = 0

    def __init__(self, folder, log):
        self.pictures = access_units(folder / f"{self.media}.{'265' if self.is_h265 else '264'}", self.is_h265)
        self.aac = adts_frames(folder / "aac.aac")
        self.alaw = (folder / "alaw.raw").read_bytes()
        self.parameter_sets = [nal for nal in self.pictures[0] if self.is_parameter_set(nal)]
        self.connections = 0
        self.is_taken, self.free_at = False, 0.0
        self._log = log

    @property
    def is_h265(self):
        return self.media.startswith("h265")

    def is_parameter_set(self, nal):
        return (nal[0] >> 1) & 63 in (32, 33, 34) if self.is_h265 else nal[0] & 31 in (7, 8)

    def log(self, **fields):
        self._log.write(json.dumps({"at": time.time(), "behaviour": type(self).__name__, **fields}) + "\n")
        self._log.flush()

    # What is described.

    def sdp(self):
        head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Live\r\nt=0 0\r\na=control:*\r\na=range:npt=0-\r\n"
        return head + self.video_sdp() + self.sound_sdp()

    def video_sdp(self):
        sets = [in_base64(nal) for nal in self.parameter_sets]
        if self.is_h265:
            vps, sps, pps = sets[:3]
            codec = f"a=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}\r\n"
        else:
            codec = (
                "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;"
                f"profile-level-id={self.parameter_sets[0][1:4].hex()};sprop-parameter-sets={','.join(sets[:2])}\r\n"
            )
        return f"m=video 0 RTP/AVP 96\r\n{codec}a=control:trackID=0\r\n"

    def sound_sdp(self):
        if self.sound == "aac":
            return (
                "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n"
                f"a=fmtp:97 {self.aac_config}\r\na=control:trackID=1\r\n"
            )
        if self.sound == "pcma":
            return "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:trackID=1\r\n"
        return ""

    # What is answered. None: as a camera should.

    def answer(self, method, cseq, connection):
        """The whole answer to a request, as text."""

    def setup_status(self, medium):
        """The status line's end with which SETUP of a medium is refused."""

    def session_id(self, setup_count):
        return "12345678"

    def transport(self, stream):
        """The Transport header's value for media over the connection."""
        return f"RTP/AVP/TCP;unicast;interleaved={stream.channel}-{stream.channel + 1};ssrc={stream.ssrc:08X}"

    def channel(self, asked):
        return asked

    def udp_transport(self, client_ports, server_port, stream):
        ports = f"client_port={client_ports[0]}-{client_ports[1]};server_port={server_port}-{server_port + 1}"
        return f"RTP/AVP;unicast;{ports};ssrc={stream.ssrc:08X}"

    def content_base(self, url):
        return f"Content-Base: {url.rstrip('/')}/\r\n"

    def rtp_info(self, url, streams):
        base = url.rstrip("/")
        return ",".join(
            f"url={base}/trackID={s.medium};seq={s.sequence};rtptime={s.first_stamp}" for s in streams.values()
        )

    # What is sent.

    def stamp(self, number, first):
        return first + int(number * CLOCK_HZ / self.stamped_a_second)

    def fragments(self, nal):
        """The payloads that carry a NAL unit."""
        if len(nal) <= self.mtu_bytes:
            return [nal]
        if self.is_h265:
            head, kind, body = bytes([(nal[0] & 0x81) | (49 << 1), nal[1]]), (nal[0] >> 1) & 63, nal[2:]
        else:
            head, kind, body = bytes([(nal[0] & 0xE0) | 28]), nal[0] & 31, nal[1:]
        parts = [body[at : at + self.mtu_bytes] for at in range(0, len(body), self.mtu_bytes)]
        flags = [(0x80 if at == 0 else 0) | (0x40 if at == len(parts) - 1 else 0) for at in range(len(parts))]
        return [head + bytes([kind | flag]) + part for flag, part in zip(flags, parts, strict=True)]

    def picture(self, number):
        """[(payload, marker)] of a picture."""
        nals, packets = self.pictures[number % len(self.pictures)], []
        for place, nal in enumerate(nals):
            payloads = self.fragments(nal)
            for at, payload in enumerate(payloads):
                ends_nal = at == len(payloads) - 1
                ends_picture = ends_nal and place == len(nals) - 1
                ends_slice = ends_nal and not self.is_parameter_set(nal)
                markers = {"picture": ends_picture, "slice": ends_slice, "never": False, "packet": True}
                packets.append((payload, markers[self.marker]))
        return packets

    def send_picture(self, number, stream, send):
        """Sends a picture's packets; `send` takes a whole RTP packet."""
        stamp = self.stamp(number, stream.first_stamp)
        for payload, marker in self.picture(number):
            send(stream.packet(96, payload, marker, stamp))

    def sound_frame(self, number):
        """(payload type, payload, length in clock ticks) of the sound's packet."""
        if self.sound == "aac":
            frame = self.aac[number % len(self.aac)]
            return 97, struct.pack(">HH", 16, len(frame) << 3) + frame, 1024
        at = number * 160 % (len(self.alaw) - 160)
        return 8, self.alaw[at : at + 160], 160

    def beside_picture(self, number, connection):
        """Called after each picture."""


class Connection:
    def __init__(self, camera, reader, writer):
        self.camera, self.reader, self.writer = camera, reader, writer
        self.streams, self.playing, self.nonce, self.url, self.pictures = {}, None, None, "", 0

    def send(self, data):
        if not self.writer.is_closing():
            self.writer.write(data)

    def send_packet(self, stream, packet, rtcp=False):
        if stream.socket:
            stream.socket.sendto(packet, stream.destination)
        else:
            self.send(struct.pack(">cBH", b"$", stream.channel + rtcp, len(packet)) + packet)

    def reply(self, cseq, status="200 OK", headers="", body=""):
        if body:
            headers += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        self.send(f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}\r\n{body}".encode())

    async def run(self):
        camera = self.camera
        if camera.one_connection_seconds is not None:
            if camera.is_taken or time.monotonic() < camera.free_at:
                camera.log(event="turned away")
                self.writer.close()
                return
            camera.is_taken = True
        camera.connections += 1
        camera.log(event="opened", connection=camera.connections)
        try:
            await self.requests()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass  # the client went, or sent what is no request
        finally:
            if self.playing:
                self.playing.cancel()
            camera.is_taken = False
            camera.free_at = time.monotonic() + (camera.one_connection_seconds or 0)
            camera.log(event="closed", pictures=self.pictures)
            self.writer.close()

    async def requests(self):
        while True:
            first = await self.reader.readexactly(1)
            if first == b"$":
                _, length = struct.unpack(">BH", await self.reader.readexactly(3))
                await self.reader.readexactly(length)
                continue
            text = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            if text.startswith("RTSP/"):
                continue
            lines = text.split("\r\n")
            method, url, _ = lines[0].split(" ", 2)
            pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
            headers = {name.strip().lower(): value.strip() for name, value in pairs}
            self.camera.log(event="request", method=method, url=url, authorized="authorization" in headers)
            self.handle(method, url, headers, headers.get("cseq", "0"))
            await self.writer.drain()

    def is_authorized(self, method, headers, cseq):
        camera = self.camera
        if not camera.login:
            return True
        user, password = camera.login
        fields = re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', headers.get("authorization", ""))
        given = {name.lower(): quoted or plain for name, quoted, plain in fields}
        digest = hashlib.sha256 if "256" in camera.algorithm else hashlib.md5

        def hashed(text):
            return digest(text.encode()).hexdigest()

        if self.nonce and given.get("nonce") == self.nonce and given.get("username") == user:
            who, what = hashed(f"{user}:Camera:{password}"), f"{method}:{given.get('uri', '')}"
            if given.get("qop") == "auth-int":
                what += ":" + hashed("")
            once = f"{given.get('nc')}:{given.get('cnonce')}:{given.get('qop')}:" if given.get("qop") else ""
            if hashed(f"{who}:{self.nonce}:{once}{hashed(what)}") == given.get("response"):
                return True
        self.nonce = f"{random.getrandbits(128):032x}"
        challenge = f'Digest realm="Camera", nonce="{self.nonce}"{camera.challenge_more}'
        self.reply(cseq, "401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n")
        return False

    def handle(self, method, url, headers, cseq):
        camera = self.camera
        text = camera.answer(method, cseq, self)
        if text is not None:
            self.send(text.encode())
        elif method == "OPTIONS":
            self.reply(cseq, headers=f"Public: {camera.public}\r\n")
        elif not self.is_authorized(method, headers, cseq):
            pass
        elif method in ("GET_PARAMETER", "SET_PARAMETER"):
            self.reply(cseq)
        elif method == "DESCRIBE":
            self.url = url
            self.reply(cseq, headers=camera.content_base(url), body=camera.sdp())
        elif method == "SETUP":
            self.set_up(url, headers.get("transport", ""), cseq)
        elif method == "PLAY":
            info = camera.rtp_info(self.url, self.streams)
            for number in range(camera.pictures_before_play_answer):
                self.send_picture(number)
            self.reply(cseq, headers=f"Session: {camera.session_id(1)}\r\n" + (f"RTP-Info: {info}\r\n" if info else ""))
            self.playing = asyncio.create_task(self.play())
        elif method == "TEARDOWN":
            self.reply(cseq)
            self.writer.close()
        else:
            self.reply(cseq, "501 Not Implemented")

    def set_up(self, url, asked, cseq):
        camera = self.camera
        found = re.search(r"trackID=(\d+)", url)
        stream = Stream(int(found.group(1)) if found else 0)
        status = camera.setup_status(stream.medium)
        if status:
            self.reply(cseq, status)
            return
        if camera.udp_only and "TCP" in asked:
            self.reply(cseq, "461 Unsupported Transport")
            return
        self.streams[stream.medium] = stream
        if "TCP" in asked:
            stream.channel = camera.channel(int(re.search(r"interleaved=(\d+)", asked).group(1)))
            transport = camera.transport(stream)
        else:
            ports = [int(port) for port in re.search(r"client_port=(\d+)-(\d+)", asked).groups()]
            stream.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stream.socket.bind(("127.0.0.1", 0))
            stream.destination = ("127.0.0.1", ports[0])
            transport = camera.udp_transport(ports, stream.socket.getsockname()[1], stream)
        session = camera.session_id(len(self.streams)) + camera.session_more
        self.reply(cseq, headers=f"Session: {session}\r\n" + (f"Transport: {transport}\r\n" if transport else ""))

    def send_picture(self, number):
        if stream := self.streams.get(0):
            self.camera.send_picture(number, stream, lambda packet: self.send_packet(stream, packet))
            self.pictures += 1

    async def play(self):
        camera, start, sound_number, sound_ticks = self.camera, time.monotonic(), 0, 0
        number, sound = camera.pictures_before_play_answer, self.streams.get(1)
        sound_hz = 16_000 if camera.sound == "aac" else 8_000
        while not self.writer.is_closing():
            elapsed = number / camera.pictures_a_second
            await asyncio.sleep(max(0, start + elapsed - time.monotonic()))
            late_ms = 1000 * (time.monotonic() - start - elapsed)
            if late_ms > LATE_MS:
                camera.log(event="late", picture=number, milliseconds=late_ms)
            self.send_picture(number)
            while sound and camera.sound and sound_ticks / sound_hz <= elapsed:
                payload_type, payload, ticks = camera.sound_frame(sound_number)
                self.send_packet(sound, sound.packet(payload_type, payload, True, sound.first_stamp + sound_ticks))
                sound_number, sound_ticks = sound_number + 1, sound_ticks + ticks
            camera.beside_picture(number, self)
            number += 1
            if camera.connections == 1 and number == camera.ends_after_pictures:
                self.writer.close()
            await self.writer.drain()


async def serve(folder, log_path, ports_path, names):
    import camera_behaviours  # which imports this module

    log, ports, servers = open(log_path, "a"), {}, []  # noqa: SIM115: open as long as the process lives
    for name in names:
        camera = getattr(camera_behaviours, name)(folder, log)

        def accept(reader, writer, camera=camera):
            return Connection(camera, reader, writer).run()

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 20)
        servers.append(server)
        ports[name] = camera.port = server.sockets[0].getsockname()[1]
    partial = pathlib.Path(f"{ports_path}.partial")
    partial.write_text(json.dumps(ports))
    partial.rename(ports_path)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.modules["scripted_camera"] = sys.modules["__main__"]
    media_folder, log_file, _, ports_file, *behaviours = sys.argv[1:]
    asyncio.run(serve(pathlib.Path(media_folder), log_file, ports_file, behaviours))
