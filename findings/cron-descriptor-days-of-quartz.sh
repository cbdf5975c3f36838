#!/usr/bin/env bash
# cron-descriptor 2.2.1 (Python, says cron expressions in words), as of 2026-11: takes Quartz's own signs (a field of seconds,
# `?`, `#`, `W`, `6L`, years) and yet counts the days of the week from Monday, as Unix's cron does, unless it is told
# otherwise. Quartz counts from Sunday (CronExpression: 1-7 or SUN-SAT). So of the schedules of KVS's edge configurations
# whatever names days by numbers is said a day too late, without an error; names of days are said rightly. With
# `day_of_week_start_index_zero = False` they agree. `L` alone in that field, Saturday in Quartz, is refused either way, by
# an error without a word.
#
# A dashboard that shows hubs' schedules by it says Tuesday of a camera that records on Mondays. `vigie cron` and
# DescribeSchedule say them as Quartz fires.
#
# Seen (checked below; Quartz's day behind the sign):
#   0 0 9 ? * 2    At 09:00 AM, only on Tuesday                     # Monday
#   0 0 9 ? * 2-6  At 09:00 AM, Tuesday through Saturday            # Monday to Friday
#   0 0 9 ? * 6L   At 09:00 AM, on the last Saturday of the month   # last Friday
#   0 0 9 ? * L    FormatError without a text                       # Saturday
#   0 0 9 ? * MON  At 09:00 AM, only on Monday                      # Monday
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v
v/bin/pip --quiet --disable-pip-version-check install cron-descriptor==2.2.1
v/bin/python - <<'PYTHON'
from cron_descriptor import FormatException, Options, get_description

quartz = Options()
quartz.day_of_week_start_index_zero = False
seen = {
    "0 0 9 ? * 2": ("At 09:00 AM, only on Tuesday", "At 09:00 AM, only on Monday"),
    "0 0 9 ? * 2-6": ("At 09:00 AM, Tuesday through Saturday", "At 09:00 AM, Monday through Friday"),
    "0 0 9 ? * 6L": ("At 09:00 AM, on the last Saturday of the month", "At 09:00 AM, on the last Friday of the month"),
    "0 0 9 ? * MON": ("At 09:00 AM, only on Monday", "At 09:00 AM, only on Monday"),
}
for expression, expected in seen.items():
    said = (get_description(expression), get_description(expression, quartz))
    print(expression, *said, sep=" | ")
    assert said == expected, said
for options in (Options(), quartz):
    try:
        raise SystemExit(get_description("0 0 9 ? * L", options))
    except FormatException as error:
        assert str(error) == "", error
print("0 0 9 ? * L | FormatError without a text")
PYTHON
