"""What cameras were reported to do otherwise than the standards say, one class each. Sources are public reports; each
class says what it does, and `Camera` in scripted_camera.py does the rest as a camera should."""

import random
import struct

from scripted_camera import CLOCK_HZ, GROUP_PICTURES, Camera


class Plain(Camera):
    """Nothing otherwise."""


class PlainH265(Camera):
    media = "h265"


# Marker bits.


class MarkerEachSlice(Camera):
    """iamscottxu/obs-rtspserver#199, OpenIPC/smolrtsp#43: the marker bit on each of four slices."""

    media, marker = "h264slices", "slice"


class MarkerEachSliceH265(MarkerEachSlice):
    media = "h265slices"


class MarkerNever(Camera):
    media, marker = "h264slices", "never"


class MarkerNeverH265(MarkerNever):
    media = "h265slices"


class MarkerEachPacket(Camera):
    media, marker = "h264slices", "packet"


class MarkerEachPacketH265(MarkerEachPacket):
    media = "h265slices"


# Bad packets.


class JoinsInsideNal(Camera):
    """bluenviron/gortsplib#503: the session begins inside a fragmented NAL unit, and PLAY's answer has no RTP-Info."""

    def rtp_info(self, url, streams):
        return ""

    def send_picture(self, number, stream, send):
        packets = []
        super().send_picture(number, stream, packets.append)
        for packet in packets[len(packets) // 2 :] if number == 0 else packets:
            send(packet)


class GlitchEachTwoSeconds(Camera):
    """scottlamb/moonfire-nvr#191: the start of a fragmented NAL unit is missing, and no sequence number is."""

    mtu_bytes = 400

    def picture(self, number):
        packets = super().picture(number)
        if number % 50 == 45:
            kind = [(payload[0] >> 1) & 63 == 49 if self.is_h265 else payload[0] & 31 == 28 for payload, _ in packets]
            del packets[kind.index(True)]
        return packets


class GlitchEachTwoSecondsH265(GlitchEachTwoSeconds):
    media = "h265"


class EachPacketTwice(Camera):
    def send_picture(self, number, stream, send):
        def twice(packet):
            send(packet)
            send(packet)

        super().send_picture(number, stream, twice)


class OddPackets(Camera):
    """Between pictures: nothing, half a header, another version, another payload type, a payload of no bytes, RTCP of no
    bytes, RTCP that is none, a channel that nobody set up."""

    def beside_picture(self, number, connection):
        stream = connection.streams[0]
        whole = stream.packet(96, b"\x41\x9a", False, 0, sequence=0)
        odd = [b"", whole[:6], b"\x40" + whole[1:], whole[:1] + b"\x7f" + whole[2:], whole[:12]]
        connection.send_packet(stream, odd[number % len(odd)])
        connection.send_packet(stream, [b"", b"\x80", b"\x81\xc8\xff\xff"][number % 3], rtcp=True)
        connection.send(struct.pack(">cBH", b"$", 77, 3) + b"abc")


class SsrcChanges(Camera):
    """A camera that was restarted behind a proxy: packets go on with another SSRC, sequence and stamp."""

    def beside_picture(self, number, connection):
        if number % 75 == 74:
            stream = connection.streams[0]
            stream.ssrc ^= 0x0101_0101
            stream.sequence = (stream.sequence + 20_000) & 0xFFFF
            stream.first_stamp += 1_000_000_007


# Answers to SETUP.


class SetupNamesAnotherSsrc(Camera):
    """scottlamb/retina#79."""

    def transport(self, stream):
        return f"RTP/AVP/TCP;unicast;interleaved={stream.channel}-{stream.channel + 1};ssrc=0000A0C6"


class SessionIdChanges(Camera):
    """scottlamb/retina#85: the second SETUP answers with another session id."""

    sound = "aac"

    def session_id(self, setup_count):
        return "12345678" if setup_count == 1 else "99999999"


class SetupWithoutInterleaved(Camera):
    def transport(self, stream):
        return "RTP/AVP/TCP;unicast"


class SetupWithoutTransport(Camera):
    def transport(self, stream):
        return ""


class SetupTakesOtherChannels(Camera):
    def channel(self, asked):
        return asked + 6


class SessionTimeoutZero(Camera):
    session_more = ";timeout=0"


class SessionParametersMore(Camera):
    session_more = " ; timeout = 60 ; vendor=\"a;b\" ; x"


class UdpWithoutServerPort(Camera):
    """bluenviron/gortsplib#796: over UDP alone, and the answer has no server_port."""

    udp_only = True

    def udp_transport(self, client_ports, server_port, stream):
        return f"RTP/AVP;unicast;client_port={client_ports[0]}-{client_ports[1]}"


class UdpSingleServerPort(UdpWithoutServerPort):
    def udp_transport(self, client_ports, server_port, stream):
        return f"RTP/AVP;unicast;client_port={client_ports[0]}-{client_ports[1]};server_port={server_port}"


class UdpFromAnotherPort(UdpWithoutServerPort):
    def udp_transport(self, client_ports, server_port, stream):
        ports = f"client_port={client_ports[0]}-{client_ports[1]};server_port=6970-6971"
        return f"RTP/AVP/UDP;unicast;{ports}"


# Logins.


class DigestQopList(Camera):
    """RFC 7616 section 3.3; AlexxIT/go2rtc#2476."""

    login, challenge_more = ("viewer", "secret1"), ', qop="auth,auth-int"'


class DigestSmallMd5(Camera):
    login, challenge_more = ("viewer", "secret1"), ", algorithm=md5"


class DigestSha256(Camera):
    login, challenge_more, algorithm = ("viewer", "secret1"), ', algorithm=SHA-256, qop="auth"', "SHA-256"


class DigestUnknownAlgorithm(Camera):
    login, challenge_more = ("viewer", "secret1"), ", algorithm=ROT13"


class NonceGrowsOld(Camera):
    """Each keep-alive is answered 401 with a new nonce, and the session ends when none is heard for 6 s."""

    login, session_more, heard_at = ("viewer", "secret1"), ";timeout=4", None

    def answer(self, method, cseq, connection):
        if method == "PLAY":
            self.heard_at = 0
        elif method in ("GET_PARAMETER", "OPTIONS", "SET_PARAMETER") and self.heard_at is not None:
            connection.asked = not getattr(connection, "asked", False)
            if connection.asked:
                connection.nonce = f"{random.getrandbits(128):032x}"
                challenge = f'WWW-Authenticate: Digest realm="Camera", nonce="{connection.nonce}"'
                return f"RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n{challenge}\r\n\r\n"
            self.heard_at = connection.pictures
        return None

    def beside_picture(self, number, connection):
        if number - self.heard_at > 6 * self.pictures_a_second:
            connection.writer.close()


# What is described.


class LoudspeakerFirst(Camera):
    """bluenviron/mediamtx#5074: an ONVIF back channel (a=sendonly) before video and microphone; its SETUP is refused."""

    sound = "aac"

    def sdp(self):
        loudspeaker = "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\na=control:trackID=5\r\n"
        described = super().sdp().replace("a=control:trackID=1", "a=recvonly\r\na=control:trackID=1")
        return described.replace("m=video", f"{loudspeaker}m=video")

    def setup_status(self, medium):
        return "403 Forbidden" if medium == 5 else None


class SeveralPayloadTypes(Camera):
    """bluenviron/gortsplib#65: m=video offers 98, which nobody knows, and 96."""

    def video_sdp(self):
        return super().video_sdp().replace("RTP/AVP 96\r\n", "RTP/AVP 98 96\r\na=rtpmap:98 vnd.example/90000\r\n")


class FmtpOfAnotherNumber(Camera):
    """bluenviron/gortsplib#658: the sound's fmtp carries another payload type, so there is no configuration."""

    sound = "aac"

    def sound_sdp(self):
        return super().sound_sdp().replace("a=fmtp:97", "a=fmtp:104")


class FmtpGarbage(Camera):
    sound, aac_config = "aac", "=;config=zz;;sizelength=-1;indexlength=999999999999"


class SoundRefused(Camera):
    sound = "aac"

    def setup_status(self, medium):
        return "500 Internal Server Error" if medium == 1 else None


class SoundGarbage(Camera):
    """AAC is announced, and what comes is none."""

    sound = "aac"

    def sound_frame(self, number):
        return 97, bytes([255, 255, number & 255]) * 40, 1024


class SoundG726(Camera):
    sound = "pcma"

    def sound_sdp(self):
        return "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\na=control:trackID=1\r\n"


class Redirected(Camera):
    """DESCRIBE leads to another path of the same camera."""

    def answer(self, method, cseq, connection):
        if method == "DESCRIBE" and self.connections == 1:
            location = f"Location: rtsp://127.0.0.1:{self.port}/other"
            return f"RTSP/1.0 302 Moved Temporarily\r\nCSeq: {cseq}\r\n{location}\r\n\r\n"
        return None


# Refusals.


class VideoForbidden(Camera):
    def setup_status(self, medium):
        return "403 Forbidden"


class Mjpeg(Camera):
    def video_sdp(self):
        return "m=video 0 RTP/AVP 26\r\na=control:trackID=0\r\n"


# Connections.


class OneConnection(Camera):
    """blakeblackshear/frigate#4431: one connection at a time, free again 3 s after it closed; the first is cut off after
    5 s."""

    one_connection_seconds, ends_after_pictures = 3.0, 125


class MediaBeforePlayAnswer(Camera):
    """Packets come before the answer to PLAY."""

    pictures_before_play_answer = 3


# Stamps.


class StampsJumpBack(Camera):
    """gtxaspec/raptor#43: every 3 s the stamps jump 4 s back for good."""

    def stamp(self, number, first):
        return super().stamp(number, first) - number // 75 * 4 * CLOCK_HZ


class StampsJumpForward(Camera):
    """As when the camera's clock is set: every 3 s the stamps jump 3 s forward for good."""

    def stamp(self, number, first):
        return super().stamp(number, first) + number // 75 * 3 * CLOCK_HZ


class StampsRunFast(Camera):
    """open-nvr/open-nvr#229: 25 pictures a second are stamped, 30 come."""

    pictures_a_second = 30.0


class StampsRunSlow(Camera):
    stamped_a_second = 30.0


class StampsConstant(Camera):
    def stamp(self, number, first):
        return first


class StampsOfMilliseconds(Camera):
    """Milliseconds where ticks of 90 kHz should be."""

    def stamp(self, number, first):
        return first + number * 40


class ByeEachThreeSeconds(Camera):
    """RTCP BYE for the video, then silence."""

    def beside_picture(self, number, connection):
        stream = connection.streams[0]
        if number == 3 * GROUP_PICTURES:
            connection.send_packet(stream, struct.pack(">BBHI", 0x81, 203, 1, stream.ssrc), rtcp=True)
            connection.streams = {}
            connection.playing.cancel()
