"""Makes packages, a list of their modules, and scans with it. Used by `test`."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile

SPOOR, HERE, SCRATCH = sys.argv[1:]


def module(number):
    """A module of its own: it exports a function that returns a number."""
    body = bytes([0, 0x41, number, 0x0B])
    return (
        b"\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\3\2\1\0\7\5\1\1f\0\0\x0a"
        + bytes([len(body) + 2, 1, len(body)]) + body
    )


def tgz(name, files):
    path = os.path.join(SCRATCH, name)
    with tarfile.open(path, "w:gz") as archive:
        for inside, data in files.items():
            about = tarfile.TarInfo(inside)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return path


def scan(*words):
    command = [SPOOR, "scan", os.path.join(SCRATCH, "feed"), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["sha256"]: row for row in rows if row["table"] == "samples"}


def main():
    script = b'const wasm = "' + base64.b64encode(module(2)) + b'";\n'
    packages = [
        tgz("left-1.0.0.tgz", {
            "package/package.json": b'{"name": "@a/left", "version": "1.0.0"}',
            "package/lib/a.wasm": module(1),
            "package/index.js": script * 1,
        }),
        tgz("odd.tgz", {
            "package/package.json": b'{"name": "a\\nb", "version": 2}',
            "package/b.wasm": module(3),
        }),
        tgz("sdist-2.0.tar.gz", {
            "sdist-2.0/PKG-INFO": b"Name: sdist\nVersion: 2.0\n",
            "sdist-2.0/c.wasm": module(4),
        }),
        tgz("no-manifest.tgz", {"package/package.json": b"{", "package/d.wasm": module(5)}),
        os.path.join(SCRATCH, "my_wheel-3.1-py3-none-any.whl"),
        os.path.join(SCRATCH, "plain.wasm"),
    ]
    with zipfile.ZipFile(packages[4], "w") as archive:
        archive.writestr("my_wheel/e.wasm", module(6))
    with open(packages[5], "wb") as out:
        out.write(module(7))
    command = [sys.executable, os.path.join(HERE, "known.py"), "--spoor", SPOOR]
    listing = lambda files: subprocess.run([*command, *files], stdout=subprocess.PIPE, text=True, check=True).stdout
    listed = listing(packages)
    assert listed == listing(reversed(packages)), "the order of packages counts"
    names = dict(line.split("  ", 1) for line in listed.splitlines())
    digest = lambda number: hashlib.sha256(module(number)).hexdigest()
    assert set(names) == {digest(number) for number in range(1, 8)}, names
    for number, expected in [
        (1, "npm @a/left 1.0.0: "), (2, "npm @a/left 1.0.0: "), (3, "npm a\N{REPLACEMENT CHARACTER}b 2: "),
        (4, "pypi sdist 2.0: "), (5, "no-manifest.tgz: "), (6, "pypi my-wheel 3.1: "), (7, "plain.wasm"),
    ]:
        assert names[digest(number)].startswith(expected), names[digest(number)]

    known = os.path.join(SCRATCH, "known.txt")
    with open(known, "w", encoding="utf-8") as out:
        out.write(listed)
    os.mkdir(os.path.join(SCRATCH, "feed"))
    for number in (1, 2, 9):
        with open(os.path.join(SCRATCH, "feed", f"{number}.wasm"), "wb") as out:
            out.write(module(number))
    with open(os.path.join(SCRATCH, "feed", "longer.wasm"), "wb") as out:
        out.write(module(1) + b"\0\2\1x")
    without, marked = scan(), scan("--known", known)
    assert len(marked) == 4 and set(marked) == set(without)
    for sha256, row in marked.items():
        assert row["known"] == names.get(sha256), row
        same = ("verdict", "score", "confidence", "reasons")
        assert all(row[field] == without[sha256][field] for field in same), row
    assert sum(1 for row in marked.values() if row["known"]) == 2
    print("known files are marked, and nothing else changes")


main()
