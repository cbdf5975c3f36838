#!/usr/bin/env bash
# Installs the Debian packages that building (`build`) or testing (`test`, which includes building) needs.
# Touches nothing when all are there. Without root it installs nothing and names what is missing.
set -euo pipefail

build_packages=(gcc libc6-dev make)
# Builds the web console. Only where they are missing: other packages of Node bring npm with them.
command -v node >/dev/null && command -v npm >/dev/null || build_packages+=(nodejs npm)
# chromium plays and clicks; ffmpeg and mkvtoolnix make and judge media, curl signs requests; systemd judges
# our units; postgresql is a server that tests start in folders of their own; the rest is GStreamer's RTSP server, the cameras
# Vigie did not write.
test_packages=(
  chromium ffmpeg mkvtoolnix curl systemd postgresql
  python3 python3-gi gir1.2-gst-rtsp-server-1.0
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav glib-networking
)

case "${1:-}" in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  *) echo "usage: $0 build|test" >&2; exit 2 ;;
esac

# What must work, whatever the distribution; packages only matter where it does not.
works() {
  command -v cc >/dev/null && command -v node >/dev/null && command -v npm >/dev/null || return 1
  [ "$1" = build ] && return 0
  command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null && command -v mkvinfo >/dev/null &&
    command -v curl >/dev/null && command -v systemd-analyze >/dev/null && command -v chromium >/dev/null &&
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && command -v setpriv >/dev/null &&
    /usr/bin/python3 "$(dirname "$0")/../tests/rtsp_server.py" --check 2>/dev/null
}

works "$1" && exit 0

if ! command -v apt-get >/dev/null; then
  echo "scripts/setup-debian.sh: this system has no apt-get; install what these Debian packages hold, then try again:" >&2
  echo "  ${wanted[*]}" >&2
  exit 1
fi

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done

if [ "$(id -u)" -ne 0 ]; then
  echo "scripts/setup-debian.sh: packages are missing and only root can install them; run:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]:-${wanted[*]}}" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "${missing[@]:-${wanted[@]}}"
works "$1" || { echo "scripts/setup-debian.sh: the packages are installed and still something is missing" >&2; exit 1; }
