"""A whole server comes back from a backup that was taken under load: on an empty folder, with everything that was there."""

import contextlib
import json
import shutil
import subprocess
import threading
import time

import media
import producer
from processes import VIGIE, Server, clean_environment
from streams import create_stream, data_client, list_fragments
from waiting import eventually

STREAMS = ("gate", "yard", "hall")


def vigie(*arguments):
    command = [VIGIE, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def load(server, source):
    """Producers that send one media file after the other, as fast as the server takes them."""
    stopped = threading.Event()
    failures = []

    def produce(name):
        at_ms = round(time.time() * 1000) - 3600_000
        try:
            while not stopped.is_set():
                producer.put_file(server, name, source, at_ms)
                at_ms += source.duration_ms
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=produce, args=(name,)) for name in STREAMS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        assert not failures, failures


def copy_media(server, target):
    """As rsync does: what goes while it copies is passed over."""
    target.mkdir(parents=True)
    for path in sorted((server.data_dir / "media").rglob("*.mkv")):
        copied = target / path.relative_to(server.data_dir / "media")
        copied.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path, copied)


def read(server, name, fragments):
    """The bytes of fragments."""
    client = data_client(server, "kinesis-video-archived-media", name, "GET_MEDIA_FOR_FRAGMENT_LIST")
    numbers = [one["FragmentNumber"] for one in fragments]
    return client.get_media_for_fragment_list(StreamName=name, Fragments=numbers)["Payload"].read()


def test_every_fragment_from_before_the_backup_is_in_it_with_the_keys_and_secrets(own_site, tmp_path):
    server = own_site.server
    for name in STREAMS:
        create_stream(server, name)
    text = json.dumps({"MediaURI": "rtsp://user:word@camera/live"})
    server.client("secretsmanager").create_secret(Name="gate-camera", SecretString=text)
    key = json.loads(vigie("keys", "create", "--root", "--json", "--data-dir", server.data_dir))
    source = producer.media(media.h264_mp4())
    with load(server, source):
        for name in STREAMS:
            eventually(lambda name=name: len(list_fragments(server, name)) > 3, 30, f"{name} has media")
        before = {name: list_fragments(server, name, page=1000) for name in STREAMS}
        said = vigie("server", "backup", tmp_path / "backup", "--data-dir", server.data_dir)
        assert "now copy" in said
        copy_media(server, tmp_path / "back" / "media")
    sampled = {name: before[name][:3] + before[name][-3:] for name in STREAMS}
    bytes_before = {name: read(server, name, sampled[name]) for name in STREAMS}
    root = server.key()
    server.kill()

    back = Server(own_site, "back")
    back.data_dir = tmp_path / "back"
    vigie("server", "restore", tmp_path / "backup", "--data-dir", back.data_dir)
    back.start()
    assert back.key() == root
    for name in STREAMS:
        assert len(before[name]) > 2
        after = {one["FragmentNumber"]: one for one in list_fragments(back, name, page=1000)}
        for one in before[name]:
            assert after.get(one["FragmentNumber"]) == one
        assert read(back, name, sampled[name]) == bytes_before[name]
    assert back.client("secretsmanager").get_secret_value(SecretId="gate-camera")["SecretString"] == text
    made = (key["AccessKeyId"], key["SecretAccessKey"])
    assert back.client("kinesisvideo", key=made).describe_stream(StreamName="gate")
    producer.put_file(back, "gate", source, round(time.time() * 1000))
    assert back.process.stop() == 0
    assert "agree" in vigie("store", "check", "--data-dir", back.data_dir)
