"""A service of AssemblyLine 4 that analyses WebAssembly, and whatever may hold it, with `spoor serve`."""

from __future__ import annotations

import os
from typing import Any

from assemblyline_v4_service.common.base import ServiceBase
from assemblyline_v4_service.common.request import ServiceRequest
from assemblyline_v4_service.common.result import (
    Heuristic, ProcessItem, Result, ResultKeyValueSection, ResultProcessTreeSection, ResultSection,
    ResultTextSection,
)
from spoor_serve import Answer, File, Spoor, SpoorError

OF_VERDICT = {"MALICIOUS": 1, "SUSPICIOUS": 2, "POTENTIALLY_UNWANTED": 3}
TECHNIQUE, ENDED, FOUND = 4, 5, 6
# AssemblyLine's names of what an indicator is.
TAGS = {
    "url": "network.static.uri", "webhook": "network.static.uri", "domain": "network.static.domain",
    "onion": "network.static.domain", "ipv4": "network.static.ip", "ipv6": "network.static.ip",
    "email": "network.email.address", "path": "file.path",
}
# Sections of one kind at most: a page.
SHOWN = 50


class SpoorService(ServiceBase):
    """Has one `spoor serve` for all of its samples."""

    _spoor: Spoor | None = None

    def start(self) -> None:
        self.log.info("%s started", self.service_attributes.name)

    def stop(self) -> None:
        if self._spoor:
            self._spoor.close()
        self._spoor = None

    def execute(self, request: ServiceRequest) -> None:
        with open(request.file_path, "rb") as sample:
            answer = self._analyse(sample.read(), int(request.get_param("entry_time")))
        result = Result()
        request.result = result
        self._verdict(result, answer)
        for section in techniques(answer.report or {}):
            result.add_section(section)
        tree = entries(answer.report or {})
        if tree:
            result.add_section(tree)
        self._files(request, result, answer)
        if answer.report_json is not None:
            path = os.path.join(self.working_directory, "report.json")
            with open(path, "wb") as out:
                out.write(answer.report_json)
            request.add_supplementary(path, "report.json", "The whole report of spoor")

    def _analyse(self, sample: bytes, entry_time: int) -> Answer:
        """One that ended `spoor serve` itself is tried once more: something else may have killed it."""
        # The environment, for a test; an image has the program where the manifest says.
        program = os.environ.get("SPOOR") or self.config.get("program") or "spoor"
        options = [*str(self.config.get("options") or "").split(), f"--entry-time={entry_time}"]
        for _ in range(2):
            try:
                self._spoor = self._spoor or Spoor(program, options)
                answer = self._spoor.analyse(sample)
                if answer.result != "not_run":
                    return answer
            except SpoorError as error:
                self.log.warning("spoor serve: %s", error)
            self.stop()
        raise SpoorError("spoor serve cannot be used")

    def _verdict(self, result: Result, answer: Answer) -> None:
        row, report = answer.row or {}, answer.report or {}
        if answer.failure:
            section = ResultTextSection("The analysis did not come to its end", heuristic=Heuristic(ENDED))
            section.add_line(f"{answer.failure['kind']}: {answer.failure['text']}")
            result.add_section(section)
        if not row.get("verdict"):
            return
        heuristic = OF_VERDICT.get(row["verdict"])
        section = ResultKeyValueSection(f"{row['verdict']}: {row.get('family') or 'WebAssembly'}")
        section.set_item("score", row["score"])
        section.set_item("confidence", row["confidence"])
        section.set_item("status", str(row.get("status")))
        for number, reason in enumerate(row.get("reasons", []), 1):
            section.set_item(f"reason {number}", reason)
        if heuristic:
            section.set_heuristic(heuristic)
        if row.get("family"):
            section.add_tag("attribution.family", row["family"])
        for ioc in report.get("iocs", []):
            if ioc["kind"] in TAGS:
                section.add_tag(TAGS[ioc["kind"]], ioc["value"])
        result.add_section(section)

    def _files(self, request: ServiceRequest, result: Result, answer: Answer) -> None:
        found = [file for file in answer.files if file.data and file.kind not in ("stdout", "stderr")]
        modules = [file for file in found if file.kind == "module"]
        if modules:
            section = ResultTextSection("WebAssembly within the file", heuristic=Heuristic(FOUND))
            for file in modules[:SHOWN]:
                section.add_line(f"{file.sha256}: {' / '.join(file.inside)}")
            result.add_section(section)
        for file in found[: request.max_extracted]:
            path = os.path.join(self.working_directory, file.sha256)
            with open(path, "wb") as out:
                out.write(file.data)
            request.add_extracted(path, file.name or file.sha256, description(file))


def description(file: File) -> str:
    """What a file is, in words."""
    where = " / ".join(file.inside)
    return f"{file.kind} found at {where}" if where else f"{file.kind} that the run left behind"


def techniques(report: dict[str, Any]) -> list[ResultSection]:
    """A section for each technique of ATT&CK, with the rules that speak for it."""
    sections = []
    for technique in report.get("attack", [])[:SHOWN]:
        section = ResultTextSection(f"{technique['tactic']}: {technique['technique']}")
        section.add_lines(technique["rules"])
        section.set_heuristic(TECHNIQUE, attack_id=technique["id"])
        sections.append(section)
    return sections


def entries(report: dict[str, Any]) -> ResultSection | None:
    """What was called of the module, as a tree of processes: the module, and below it each entry point."""
    called = report.get("entries", [])
    if not called:
        return None
    section = ResultProcessTreeSection("What was called")
    module = ProcessItem(pid=1, name=report["sample"]["name"], cmd=report["status"])
    for number, entry in enumerate(called[:SHOWN], 2):
        name = str(entry.get("name") or entry.get("kind") or "entry")
        module.add_child_process(ProcessItem(pid=number, name=name, cmd=str(entry.get("outcome", ""))[:200]))
    section.add_process(module)
    return section
