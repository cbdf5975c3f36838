#!/bin/sh
# Makes crates/vigie/assets/demo.mp4, the film that the simulated camera of `vigie demo` loops.
#
# All of it is synthetic and ours: a moving test picture that counts time and frames in its corner (drawn by ffmpeg's
# testsrc2, no font needed) over colour bars, and a tone that beeps each second. Like a camera's: 640x360, 25 fps, a key
# frame each second, no B-frames, H.264 Main with AAC mono. It loops without a jump: 12 s of video, and sound that
# begins and ends with it (562 AAC frames of 1024 samples, the encoder's priming frame at 0).
set -eu
cd "$(dirname "$0")/.."
mkdir -p crates/vigie/assets

bars='smptehdbars=size=640x360:rate=25:duration=12'
moving='testsrc2=size=320x180:rate=25:duration=12'
# Sweeps once around the picture in a loop: the end meets the beginning.
path='overlay=x=160+140*sin(2*PI*t/12):y=70+60*cos(2*PI*t/6)'

ffmpeg -nostdin -y -loglevel error \
  -f lavfi -i "$bars" -f lavfi -i "$moving" \
  -itsoffset 0.021333 -f lavfi -i 'sine=frequency=330:beep_factor=4:sample_rate=48000:duration=11.96' \
  -filter_complex "[0][1]$path[picture];[2]volume=0.3[sound]" -map '[picture]' -map '[sound]' \
  -c:v libx264 -profile:v main -preset veryslow -crf 28 -pix_fmt yuv420p \
  -g 25 -keyint_min 25 -sc_threshold 0 -bf 0 \
  -c:a aac -ac 1 -b:a 32k -bitexact -movflags +faststart crates/vigie/assets/demo.mp4
