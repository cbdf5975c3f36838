#!/usr/bin/env bash
# ffmpeg 7.0.2 (and 5.1), as of 2026-11: a FLAC stream in blocks of varying size, whose frames carry the number of their first sample,
# decodes to nothing from sample 2^31 on: at 48 kHz after 12.4 hours, at 192 kHz after 3.1. ffmpeg exits with 0 and its output is
# empty; as errors it logs nothing. RFC 9639 (9.1.5) gives the number 36 bits, and dr_flac (miniaudio 1.61) decodes it as far as these
# reach. In MP4, where nobody needs the number, ffmpeg's decoder refuses such a frame all the same (5.1: "sample/frame number invalid").
#
# Whoever numbers the frames of a live stream by a clock, as fragmented MP4 numbers its decode times, is past 31 bits with the first
# frame. Vigie counts modulo 2^31.
#
# Seen (checked below), bytes and samples of three frames of 4,096 samples:
#   first sample          ffmpeg   dr_flac
#   0                     24576    12288
#   2^31 - 3 * 4096       24576    12288
#   2^31                  0        12288
#   2^36 - 3 * 4096       0        12288
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v
v/bin/pip --quiet --disable-pip-version-check install imageio-ffmpeg==0.6.0 miniaudio==1.61
ffmpeg="$(v/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')"
"$ffmpeg" -version | head -1

cat >flac.py <<'EOF'
"""Writes three frames of one value, the first of which begins at the sample that is given."""
import sys

FIRST, RATE_HZ, BLOCK = int(sys.argv[1]), 48_000, 4096


def crc(data, bits, polynomial):
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
    return value.to_bytes(bits // 8, "big")


def coded(number):
    """As UTF-8 would, in up to seven bytes."""
    if number < 0x80:
        return bytes([number])
    length = max(2, -(-(number.bit_length() - 1) // 5))
    rest = [0x80 | number >> 6 * at & 0x3F for at in reversed(range(length - 1))]
    return bytes([0xFF << (8 - length) & 0xFF | number >> 6 * (length - 1), *rest])


def frame(first):
    # Blocks of varying size, this one's in 16 bits at the end; 48 kHz, mono, 16 bits.
    head = bytes([0xFF, 0xF9, 0x7A, 0x08]) + coded(first) + (BLOCK - 1).to_bytes(2, "big")
    head += crc(head, 8, 0x07)
    constant = head + bytes([0x00, 0x00, 0x2A])
    return constant + crc(constant, 16, 0x8005)


info = (16).to_bytes(2, "big") + BLOCK.to_bytes(2, "big") + bytes(6)
info += (RATE_HZ << 44 | 15 << 36).to_bytes(8, "big") + bytes(16)
frames = b"".join(frame(FIRST + at * BLOCK) for at in range(3))
open("stream.flac", "wb").write(b"fLaC" + bytes([0x80, 0, 0, len(info)]) + info + frames)
EOF

check() {
  v/bin/python flac.py "$1"
  local bytes samples
  bytes="$("$ffmpeg" -nostdin -v error -i stream.flac -f s16le - 2>errors | wc -c)"
  samples="$(v/bin/python -c 'import miniaudio; print(miniaudio.flac_read_s16(open("stream.flac", "rb").read()).num_frames)')"
  echo "$1  $bytes  $samples"
  [ "$bytes" = "$2" ] && [ "$samples" = 12288 ] && [ ! -s errors ]
}
check 0 24576
check $((2 ** 31 - 3 * 4096)) 24576
check $((2 ** 31)) 0
check $((2 ** 36 - 3 * 4096)) 0
