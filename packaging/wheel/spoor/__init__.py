"""What WebAssembly does when it runs: each sample is analysed in a confined process of its own."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Sequence
from typing import Any

from .serve import Answer, File, Spoor, SpoorError

__all__ = ["Answer", "File", "NoModule", "SampleFailed", "Spoor", "SpoorError", "analyse", "program"]


class NoModule(ValueError):
    """The bytes are no WebAssembly, in neither format; `Spoor.analyse` looks for modules in them."""


class SampleFailed(Exception):
    """The sample ended its analysis; `args` are the kind of the failure and what was said."""


def program() -> str:
    """The path of the program that came with this package, or of the one that is in the path."""
    installed = os.path.join(sysconfig.get_path("scripts"), "spoor")
    found = installed if os.path.exists(installed) else shutil.which("spoor")
    if found is None:
        raise SpoorError("the program `spoor` is not there")
    return found


def analyse(sample: bytes, options: Sequence[str] = ()) -> dict[str, Any]:
    """The report of a module, binary or text: what `spoor run --json` prints.

    `options` are those of `spoor serve`, such as `--entry-time=2`. For many samples one `Spoor` is faster.
    """
    with Spoor(program(), options) as spoor:
        answer = spoor.analyse(sample)
    if answer.report is not None:
        return answer.report
    if answer.failure is not None:
        raise SampleFailed(answer.failure["kind"], answer.failure["text"])
    raise NoModule("no WebAssembly")
