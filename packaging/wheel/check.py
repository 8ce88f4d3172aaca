"""What the wheel does when it is installed: check.py MINER."""

from __future__ import annotations

import sys
from typing import Any

import spoor

with open(sys.argv[1], "rb") as file:
    report: dict[str, Any] = spoor.analyse(file.read())
assert report["verdict"] == "MALICIOUS", report["verdict"]
assert report["schema"] == "spoor.report/1", report["schema"]
try:
    spoor.analyse(b"no module")
except spoor.NoModule as error:
    print("ok:", error)
else:
    sys.exit("FAILED: what is no module has a report")
try:
    spoor.analyse(b"\0asm\1\0\0\0\0\x82\x80\x80\x20\1x" + bytes(64 << 20), ["--sample-memory=120"])
except spoor.SampleFailed as failed:
    print("ok:", failed)
else:
    sys.exit("FAILED: a sample that takes all memory has a report")
with spoor.Spoor(spoor.program(), jobs=2) as many:
    verdicts = [answer.result for answer in many.analyse_many((str(n), b"\0asm\1\0\0\0") for n in range(4))]
assert verdicts == ["analysed"] * 4, verdicts
print("ok: import spoor")
