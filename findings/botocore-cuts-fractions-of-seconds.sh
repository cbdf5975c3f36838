#!/usr/bin/env bash
# botocore up to 1.43.92 (boto3, AWS CLI 1), as of 2026-11: every timestamp in a call of Kinesis Video Streams is cut down to
# its whole second without a word, though the service counts fragments in milliseconds and gives such times back. From
# 1.43.93 on the fraction is sent. Nothing in the caller's code differs.
#
# Who takes a fragment's ProducerTimestamp out of ListFragments and asks for a range that ends there does not get that
# fragment; one that begins there may get the one before as well. With an upgrade of botocore the same program gets others.
#
# Seen (checked below), the range of a ListFragments call from 10:00:00.900 to 10:00:02.900:
#   botocore 1.43.92: StartTimestamp 1795946400, EndTimestamp 1795946402
#   botocore 1.43.93: StartTimestamp 1795946400.9, EndTimestamp 1795946402.9
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >ask.py <<'PYTHON'
import datetime
import json

import botocore
import botocore.session


class Asked(Exception):
    pass


def note(request, **_):
    raise Asked(json.loads(request.body)["FragmentSelector"]["TimestampRange"])


session = botocore.session.Session()
session.set_credentials("AKIAIOSFODNN7EXAMPLE", "nothing is sent")
client = session.create_client("kinesis-video-archived-media", region_name="us-east-1", endpoint_url="http://127.0.0.1:1")
client.meta.events.register("before-send", note)
begin = datetime.datetime(2026, 11, 29, 10, 0, 0, 900_000, tzinfo=datetime.timezone.utc)
times = {"StartTimestamp": begin, "EndTimestamp": begin + datetime.timedelta(seconds=2)}
selector = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": times}
try:
    client.list_fragments(StreamName="gate", FragmentSelector=selector)
except Asked as asked:
    print(f"botocore {botocore.__version__}:", ", ".join(f"{name} {time}" for name, time in asked.args[0].items()))
PYTHON
for version in 1.43.92 1.43.93; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet --disable-pip-version-check "botocore==$version"
  "$version/bin/python" ask.py
done | tee seen.txt
diff - seen.txt <<'SEEN' || {
botocore 1.43.92: StartTimestamp 1795946400, EndTimestamp 1795946402
botocore 1.43.93: StartTimestamp 1795946400.9, EndTimestamp 1795946402.9
SEEN
  echo "botocore-cuts-fractions-of-seconds: the behaviour has changed" >&2
  exit 1
}
