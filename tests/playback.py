"""What a player does with sessions: asks for URLs through boto3, fetches them, and has ffmpeg judge what comes."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import streams

HOUR_MS = 3_600_000


def hls_url(server, stream, **options):
    """GetHLSStreamingSessionURL; `start_ms` and `end_ms` make the selector's range."""
    client = streams.data_client(server, "kinesis-video-archived-media", stream, "GET_HLS_STREAMING_SESSION_URL")
    answer = client.get_hls_streaming_session_url(StreamName=stream, **_selected("HLSFragmentSelector", options))
    return answer["HLSStreamingSessionURL"]


def dash_url(server, stream, **options):
    """GetDASHStreamingSessionURL; `start_ms` and `end_ms` make the selector's range."""
    client = streams.data_client(server, "kinesis-video-archived-media", stream, "GET_DASH_STREAMING_SESSION_URL")
    answer = client.get_dash_streaming_session_url(StreamName=stream, **_selected("DASHFragmentSelector", options))
    return answer["DASHStreamingSessionURL"]


def on_demand(start_ms, end_ms, selector="PRODUCER_TIMESTAMP", **more):
    """Options of a session of a range."""
    return {"PlaybackMode": "ON_DEMAND", "selector": selector, "start_ms": start_ms, "end_ms": end_ms, **more}


def _selected(member, options):
    selector = {}
    if kind := options.pop("selector", None):
        selector["FragmentSelectorType"] = kind
    bounds = {
        name: options.pop(key) / 1000
        for key, name in (("start_ms", "StartTimestamp"), ("end_ms", "EndTimestamp"))
        if key in options
    }
    if bounds:
        selector["TimestampRange"] = bounds
    return {**options, **({member: selector} if selector else {})}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def error(self):
        """The exception's name and message."""
        return self.headers["x-amzn-ErrorType"], json.loads(self.body)["Message"]


def fetch(url, method="GET", **headers):
    """Fetches a URL as a player does, whatever the status."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=names)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def lines(url):
    """The lines of a playlist."""
    answer = fetch(url)
    assert answer.status == 200, (answer.status, answer.text)
    return answer.text.splitlines()


def uris(base, playlist):
    """The URIs of a playlist's segments or variants, absolute."""
    return [urllib.parse.urljoin(base, line) for line in playlist if line and not line.startswith("#")]


def media_playlist_url(master_url):
    (url,) = uris(master_url, lines(master_url))
    return url


def value(playlist, tag):
    """The value of the one line `#TAG:value`."""
    (found,) = [line.split(":", 1)[1] for line in playlist if line.startswith(f"#{tag}:")]
    return found


def numbers(playlist):
    """Media sequence number of each segment by its fragment number."""
    first = int(value(playlist, "EXT-X-MEDIA-SEQUENCE"))
    found = [line.split("FragmentNumber=")[1].split("&")[0] for line in playlist if "FragmentNumber=" in line]
    return {fragment: first + index for index, fragment in enumerate(found)}


def probe(url, *options):
    """ffprobe's opinion of a URL, as a table."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def frame_hashes(source, stream="v:0", duration=None, quiet=True):
    """The hash of each decoded frame of a file or URL, in order of presentation."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-map", f"0:{stream}"]
    command += ["-fps_mode", "passthrough"] if stream.startswith("v") else []
    command += ["-t", str(duration)] if duration else []
    done = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert not (quiet and done.stderr), done.stderr
    return hashes(done.stdout)


def packet_hashes(source, stream="v:0"):
    """The hash of each coded frame of a file or URL, in order."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-map", f"0:{stream}", "-c", "copy"]
    done = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return hashes(done.stdout)


def samples(source):
    """All of the decoded sound, as 16-bit samples."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-map", "0:a:0", "-f", "s16le", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def hashes(text):
    """Of ffmpeg's framemd5."""
    # stream, dts, pts, duration, size, hash; side data may follow.
    return [line.split(",")[5].strip() for line in text.splitlines() if not line.startswith("#")]
