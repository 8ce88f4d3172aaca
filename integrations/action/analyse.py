"""Analyses the modules of a repository and writes one SARIF log with one run, for `action.yml`.

Code hosts take one run of each tool and category, and few runs in a log; `spoor run` writes a run for each
module. Here they become one: rules once each, artifacts and results in the order of the files.

Reads SPOOR, SPOOR_PATHS, SPOOR_FAIL_ON, SPOOR_OPTIONS, SPOOR_SARIF, GITHUB_OUTPUT and GITHUB_STEP_SUMMARY.
"""

import json
import os
import subprocess
import sys
import tempfile

VERDICTS = ["CLEAN", "UNDECIDED", "POTENTIALLY_UNWANTED", "SUSPICIOUS", "MALICIOUS"]
# Of a log, in bytes: hosts refuse more than 10 MB compressed.
MAX_LOG = 256 << 20


def modules(paths):
    """The files of the repository that the patterns name. A link could lead out of it."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], check=True, capture_output=True).stdout
    files = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    files = [name for name in files if os.path.isfile(name) and not os.path.islink(name)]
    odd = [name for name in files if "\n" in name or "\r" in name]
    for name in odd:
        print(f"left out, its name has a line feed: {name!r}", file=sys.stderr)
    return sorted(set(files) - set(odd)), len(odd)


def analyse(spoor, files, options, fail_on):
    """The log of `spoor run`, and its exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        names, log = os.path.join(scratch, "files"), os.path.join(scratch, "log")
        with open(names, "w", encoding="utf-8", errors="surrogateescape") as out:
            out.writelines("./-\n" if name == "-" else f"{name}\n" for name in files)
        command = [spoor, "run", "--files-from", names, "--format", "sarif", "-o", log]
        code = subprocess.run([*command, "--fail-on", fail_on, *options], check=False).returncode
        if not os.path.exists(log) or os.path.getsize(log) > MAX_LOG:
            sys.exit(f"spoor ended with {code} and left no log that can be used")
        with open(log, encoding="utf-8") as text:
            return json.load(text), code


def joined(log):
    """The log with one run in the place of all."""
    rules, index_of, artifacts, results, notes, verdicts = [], {}, [], [], [], {}
    for run in log["runs"]:
        first = len(artifacts)
        for artifact in run["artifacts"]:
            move(artifact, "parentIndex", first)
            move(artifact.get("location", {}), "index", first)
            artifacts.append(artifact)
        own = run["tool"]["driver"].get("rules", [])
        for rule in own:
            if index_of.setdefault(rule["id"], len(rules)) == len(rules):
                rules.append(rule)
        for result in run["results"]:
            result["ruleIndex"] = index_of[own[result["ruleIndex"]]["id"]]
            for location in result.get("locations", []):
                move(location["physicalLocation"]["artifactLocation"], "index", first)
            results.append(result)
        uri = run["artifacts"][0]["location"]["uri"]
        for note in run["invocations"][0]["toolExecutionNotifications"]:
            note["message"]["text"] = f"{uri}: {note['message']['text']}"
            notes.append(note)
        verdicts[uri] = run.get("properties", {}).get("verdict")
    driver = {**log["runs"][0]["tool"]["driver"], "rules": rules}
    # A module that cannot be run is a note of this run, not its failure.
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": notes}
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "artifacts": artifacts,
        "results": results,
        "columnKind": log["runs"][0]["columnKind"],
        "properties": {"verdicts": verdicts},
    }
    return {**log, "runs": [run]}, verdicts


def move(of, key, first):
    if key in of:
        of[key] += first


def plain(text):
    """A name that is no markup. A repository may be hostile, too."""
    return "".join(char if char.isalnum() or char in "/._- %" else "\N{REPLACEMENT CHARACTER}" for char in text)


def summary(verdicts):
    lines = ["### spoor", "", "| module | verdict |", "|---|---|"]
    rank = lambda item: (-VERDICTS.index(item[1]) if item[1] else 1, item[0])
    shown = sorted(verdicts.items(), key=rank)[:200]
    lines += [f"| {plain(uri)} | {verdict or 'none'} |" for uri, verdict in shown]
    if len(verdicts) > len(shown):
        lines.append(f"| {len(verdicts) - len(shown)} more | |")
    return "\n".join(lines) + "\n"


def tell(name, text):
    path = os.environ.get(name)
    if path:
        with open(path, "a", encoding="utf-8") as out:
            out.write(text)


def words(name):
    return [line.strip() for line in os.environ.get(name, "").splitlines() if line.strip()]


def main():
    files, odd = modules(words("SPOOR_PATHS") or ["*.wasm", "*.wat"])
    place = os.environ.get("SPOOR_SARIF") or "spoor.sarif"
    if "\n" in place or "\r" in place:
        sys.exit("the name of the log has a line feed")
    if not files:
        tell("GITHUB_OUTPUT", f"modules=0\nworst=\nsarif=\nexit={2 if odd else 0}\n")
        print("no module")
        return
    fail_on = os.environ.get("SPOOR_FAIL_ON") or "suspicious"
    log, code = analyse(os.environ.get("SPOOR") or "spoor", files, words("SPOOR_OPTIONS"), fail_on)
    log, verdicts = joined(log)
    with open(place, "w", encoding="utf-8") as out:
        json.dump(log, out)
    # Invalid modules and those that need what the engine lacks (3, 4) are shown; they fail nothing.
    code = 0 if code in (3, 4) else code
    worst = max((verdict for verdict in verdicts.values() if verdict), key=VERDICTS.index, default="")
    exit_code = code or (2 if odd else 0)
    tell("GITHUB_OUTPUT", f"modules={len(files)}\nworst={worst}\nsarif={place}\nexit={exit_code}\n")
    tell("GITHUB_STEP_SUMMARY", summary(verdicts))
    print(f"{len(files)} modules, worst: {worst or 'none'}")


if __name__ == "__main__":
    main()
