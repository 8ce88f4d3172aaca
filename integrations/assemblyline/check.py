"""What the service said of six files: check.py FOLDER."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

FOLDER = pathlib.Path(sys.argv[1])


def result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}_spoorservice" / "result.json").read_text())
    return found


def heuristics(name: str) -> list[int]:
    sections = result(name)["result"]["sections"]
    return [section["heuristic"]["heur_id"] for section in sections if section["heuristic"]]


def attack(name: str) -> set[str]:
    sections = result(name)["result"]["sections"]
    return {id for section in sections if section["heuristic"] for id in section["heuristic"]["attack_ids"]}


def expect(holds: object, what: str) -> None:
    print(("ok: " if holds else "FAILED: ") + what)
    if not holds:
        sys.exit(1)


expect(1 in heuristics("miner"), f"a miner is malicious: {heuristics('miner')}")
expect("T1496.001" in attack("miner") or "T1496" in attack("miner"), f"by techniques: {attack('miner')}")
formats = [section["body_format"] for section in result("miner")["result"]["sections"]]
expect("PROCESS_TREE" in formats, "with a tree of what was called")
supplementary = [file["name"] for file in result("miner")["response"]["supplementary"]]
expect("report.json" in supplementary, f"and the whole report: {supplementary}")
tags = [tag for section in result("miner")["result"]["sections"] for tag in section["tags"]]
expect(tags, f"tags: {sorted(set(tags))}")
dropped = [file["description"] for file in result("dropper")["response"]["extracted"]]
expect(any("file that the run left behind" in text for text in dropped), f"a dropper drops: {dropped}")
expect(result("text")["result"]["sections"] == [], "of what is no module nothing is said")
found = [file["description"] for file in result("page")["response"]["extracted"]]
expect(heuristics("page") == [6] and found == ["module found at base64@11"], f"a page has a module: {found}")
expect(result("bomb")["result"]["sections"] == [], "an archive without end ends, with nothing in it")
title = result("broken")["result"]["sections"][0]["title_text"]
expect(title.startswith("UNDECIDED"), f"a module that is not valid has a result: {title}")
