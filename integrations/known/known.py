"""Makes a list of known files for `spoor run --known` of releases: packages of npm and PyPI, archives, modules.

    python known.py source-map-0.7.4.tgz some_wheel-1.0-py3-none-any.whl … > known.txt

Packages are files that were fetched before, such as by `npm pack` and `pip download`; nothing is fetched here.
Each is looked into by `spoor serve`, in a confined process, as `spoor scan` does: modules in archives, in
base64 in scripts, in other files. Lines are sorted by hash, so the same releases give the same list.
"""

import argparse
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import zipfile

from spoor_serve import Spoor

# Of package.json, in bytes: it is read into memory.
MAX_MANIFEST = 1 << 20
# Of a package, in bytes: `spoor serve` takes no more.
MAX_PACKAGE = 1 << 30


def release(path, data):
    """What a package calls itself: `npm NAME VERSION`, `pypi NAME VERSION`, or the name of the file."""
    name = os.path.basename(path)
    wheel = re.fullmatch(r"([^-]+)-([^-]+)(-[^-]+)?-[^-]+-[^-]+-[^-]+\.whl", name)
    if wheel and zipfile.is_zipfile(io.BytesIO(data)):
        return f"pypi {wheel[1].replace('_', '-')} {wheel[2]}"
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return told_by(archive) or name
    except (tarfile.TarError, EOFError, OSError, ValueError):
        return name


def told_by(archive):
    """The name in the manifest of an npm package or of a source distribution; the first that has one."""
    for member in archive:
        depth = member.name.strip("./").count("/")
        if not member.isfile() or depth != 1 or member.size > MAX_MANIFEST:
            continue
        if member.name.endswith("/package.json"):
            manifest = json.loads(archive.extractfile(member).read())
            if isinstance(manifest, dict) and "name" in manifest and "version" in manifest:
                return f"npm {manifest['name']} {manifest['version']}"
        if member.name.endswith("/PKG-INFO"):
            text = archive.extractfile(member).read().decode(errors="replace")
            fields = dict(re.findall(r"^(Name|Version): (\S+)$", text, re.MULTILINE))
            if len(fields) == 2:
                return f"pypi {fields['Name']} {fields['Version']}"
    return None


def plain(text):
    """A text on one line: packages choose their names."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text))


def entries(spoor, path):
    """Hash and name of each module of a package."""
    if os.path.getsize(path) > MAX_PACKAGE:
        print(f"{path}: too large, left out", file=sys.stderr)
        return
    with open(path, "rb") as file:
        data = file.read()
    name = release(path, data)
    if data.startswith(b"\0asm"):
        yield hashlib.sha256(data).hexdigest(), plain(name)
        return
    answer = spoor.analyse(data, "package")
    for failure in [*answer.failures, *([answer.failure] if answer.failure else [])]:
        print(f"{path}: {failure['kind']}: {plain(failure['text'])}", file=sys.stderr)
    for file in answer.files:
        if file.kind == "module":
            way = "/".join(file.inside)
            yield file.sha256, plain(f"{name}: {way}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    parser.add_argument("--spoor", default="spoor", help="the program")
    arguments = parser.parse_args()
    known = {}
    with Spoor(arguments.spoor) as spoor:
        for package in sorted(arguments.packages):
            for digest, name in entries(spoor, package):
                known.setdefault(digest, name)
    for digest, name in sorted(known.items()):
        print(f"{digest}  {name}")


if __name__ == "__main__":
    main()
