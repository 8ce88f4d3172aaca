"""Asks the validator of OASIS and pymisp about what is exchanged of samples: check.py SPOOR SAMPLE..."""

from __future__ import annotations

import json
import subprocess
import sys

from pymisp import MISPEvent
from stix2validator import ValidationOptions, validate_instance

SPOOR, SAMPLES = sys.argv[1], sys.argv[2:]
# The same work on any machine.
OPTIONS = ["--fail-on=never", "--entry-decisions=100000", "--max-decisions=1000000"]


def written(format: str, *samples: str) -> str:
    command = [SPOOR, "run", *samples, "--format", format, *OPTIONS]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def errors_in(bundle: object) -> list[str]:
    # The standard asks for identifiers at random, where these are made of what they stand for.
    found = validate_instance(bundle, ValidationOptions(version="2.1", disabled=["uuid-check"]))
    return [] if found.is_valid else [str(error) for error in found.errors]


def main() -> None:
    wrong, objects, attributes = [], 0, 0
    ids: set[str] = set()
    for sample in SAMPLES:
        bundle = json.loads(written("stix", sample))
        errors = errors_in(bundle)
        if errors:
            wrong.append((sample, errors))
        ids.update(one["id"] for one in bundle["objects"])
        objects += len(bundle["objects"])
        event = MISPEvent()
        event.from_dict(**json.loads(written("misp", sample))["Event"])
        if not event.objects[0].get_attributes_by_relation("sha256"):
            wrong.append((sample, ["no file in the event"]))
        json.loads(event.to_json())
        attributes += len(event.attributes)
    together = json.loads(written("stix", *SAMPLES))
    errors = errors_in(together)
    found = [one["id"] for one in together["objects"]]
    if errors or sorted(found) != sorted(ids):
        wrong.append(("all in one bundle", errors or [f"{len(found)} objects, of one sample each {len(ids)}"]))
    for sample, errors in wrong:
        print(f"FAILED: {sample}: {errors}")
    print(f"{len(SAMPLES)} samples, {objects} objects of STIX, {attributes} attributes of MISP, "
          f"{len(found)} objects in one bundle, {len(wrong)} wrong")
    sys.exit(bool(wrong))


main()
