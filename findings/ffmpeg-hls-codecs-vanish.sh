#!/usr/bin/env bash
# ffmpeg 7.0.2 (its HLS muxer, fMP4 segments, `-master_pl_name`), as of 2026-11: the CODECS of a variant name H.264 and the sound
# beside it when that is AAC or AC-3. When it is Opus or FLAC, which fMP4 carries and browsers play, the attribute is left out
# altogether, so that the pictures' codec is not said either, and without a warning. RFC 8216 (4.3.4.2): every EXT-X-STREAM-INF
# tag SHOULD include it.
#
# Whoever chooses by CODECS whether a browser can play a camera, as a wall of cameras does before it loads anything, learns
# nothing of such a stream: he has to read its initialization segment. Vigie's playlists name both codecs.
#
# Seen (checked below):
#   aac      CODECS="avc1.42c00c,mp4a.40.2"
#   ac3      CODECS="avc1.42c00c,ac-3"
#   libopus  no CODECS
#   flac     no CODECS
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v
v/bin/pip --quiet --disable-pip-version-check install imageio-ffmpeg==0.6.0
ffmpeg="$(v/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')"
"$ffmpeg" -version | head -1

codecs_with() {
  "$ffmpeg" -nostdin -v warning -y -f lavfi -i testsrc=size=320x240:rate=15:duration=4 \
    -f lavfi -i sine=sample_rate=48000:duration=4 -c:v libx264 -profile:v baseline -pix_fmt yuv420p -g 30 \
    -x264-params log-level=none -c:a "$1" -strict -2 -f hls -hls_segment_type fmp4 -hls_list_size 0 \
    -master_pl_name master.m3u8 stream.m3u8 2>warnings
  grep STREAM-INF master.m3u8 | grep -o 'CODECS="[^"]*"' || echo "no CODECS"
  ! grep -i codecs warnings
}

check() {
  local seen
  seen="$(codecs_with "$1")"
  echo "$1  $seen"
  [ "$seen" = "$2" ]
}
check aac 'CODECS="avc1.42c00c,mp4a.40.2"'
check ac3 'CODECS="avc1.42c00c,ac-3"'
check libopus 'no CODECS'
check flac 'no CODECS'
