"""Runs the steps of `action.yml` as the host would, and checks what comes of them. Used by `test`."""

import glob
import json
import os
import re
import subprocess
import sys

import yaml

SPOOR, HERE, SCRATCH, CORPUS = sys.argv[1:]
LEAST_SARIF = {"$schema", "version", "runs"}


def git(repository, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    subprocess.run(["git", *who, *words], cwd=repository, check=True)


def repository(name, files):
    folder = os.path.join(SCRATCH, name)
    os.mkdir(folder)
    git(folder, "init", "-q")
    for path, content in files.items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def corpus(name):
    with open(os.path.join(CORPUS, name), "rb") as file:
        return file.read()


def expand(text, context):
    """Puts values in the place of expressions; only those that the action uses are known."""
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: context[match[1]], str(text))


def act(folder, **given):
    """Runs the action; gives its outputs, the exit code of the last step, and what would be uploaded."""
    with open(os.path.join(HERE, "action.yml"), encoding="utf-8") as file:
        action = yaml.safe_load(file)
    context = {f"inputs.{name}": str(about.get("default", "")) for name, about in action["inputs"].items()}
    context.update({f"inputs.{name.replace('_', '-')}": value for name, value in given.items()})
    assert set(context) == {f"inputs.{name}" for name in action["inputs"]}, given
    code, uploaded = 0, None
    for step in action["runs"]["steps"]:
        if "uses" in step:
            conditions = re.findall(r"([\w.-]+) (==|!=) '([^']*)'", step["if"])
            assert len(conditions) == step["if"].count("&&") + 1, step["if"]
            if all((context[name] == value) == (op == "==") for name, op, value in conditions):
                uploaded = {key: expand(value, context) for key, value in step["with"].items()}
            continue
        output = os.path.join(SCRATCH, "output")
        open(output, "w", encoding="utf-8").close()
        env = {key: expand(value, context) for key, value in step.get("env", {}).items()}
        env.update(GITHUB_OUTPUT=output, GITHUB_ACTION_PATH=HERE)
        env.update(GITHUB_STEP_SUMMARY=os.path.join(folder, ".git", "summary"))
        assert "${{" not in step["run"], "an expression in a script could become code"
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        code = subprocess.run(command, cwd=folder, env={**os.environ, **env}, check=False).returncode
        with open(output, encoding="utf-8") as file:
            pairs = (line.rstrip("\n").split("=", 1) for line in file)
            context.update({f"steps.{step.get('id')}.outputs.{key}": value for key, value in pairs})
        if code:
            break
    outputs = {name: expand(about["value"], context) for name, about in action["outputs"].items()}
    return outputs, code, uploaded


def check_log(path, modules):
    with open(path, encoding="utf-8") as file:
        log = json.load(file)
    assert LEAST_SARIF <= set(log) and len(log["runs"]) == 1
    run = log["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            at = location["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][at["index"]]["location"]["uri"] == at["uri"]
    for artifact in run["artifacts"]:
        if "parentIndex" in artifact:
            assert "location" in run["artifacts"][artifact["parentIndex"]]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids)) > 0
    assert len(run["properties"]["verdicts"]) == modules
    validate(path)
    return run


def validate(path):
    """Microsoft's validator, with the rules of code scanning."""
    tool = glob.glob(os.path.join(SCRATCH, "npm/node_modules/@microsoft/sarif-multitool-linux/*Multitool"))[0]
    os.chmod(tool, 0o755)
    found = os.path.join(SCRATCH, "validation.sarif")
    command = [tool, "validate", path, "--rule-kind", "Sarif;Ghas", "--output", found]
    command += ["--log", "ForceOverwrite"]
    env = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert os.path.exists(found), done.stdout + done.stderr
    with open(found, encoding="utf-8-sig") as file:
        results = json.load(file)["runs"][0]["results"]
    errors = [result for result in results if result.get("level") == "error"]
    assert not errors, json.dumps(errors[:5], indent=1)
    os.remove(found)


def main():
    validator = os.path.join(SCRATCH, "npm/node_modules/.bin/action-validator")
    subprocess.run([validator, os.path.join(HERE, "action.yml")], check=True)

    hostile = repository("hostile", {
        "a b/miner.wat": corpus("miner.wat"),
        "ransom.wat": corpus("wiper.wat"),
        "good.wat": corpus("benign-json.wat"),
        "-x.wat": corpus("benign-sorter.wat"),
        "broken.wasm": b"\0asm\1\0\0\0\1\xff",
        "readme.md": b"no module\n",
    })
    outputs, code, uploaded = act(hostile, program=SPOOR)
    assert (code, outputs["modules"], outputs["worst"]) == (1, "5", "MALICIOUS"), (code, outputs)
    assert uploaded == {"sarif_file": "spoor.sarif", "category": "spoor"}, uploaded
    run = check_log(os.path.join(hostile, "spoor.sarif"), 5)
    assert {"a%20b/miner.wat", "ransom.wat"} <= {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]
    }
    with open(os.path.join(hostile, ".git", "summary"), encoding="utf-8") as file:
        table = file.read().splitlines()
    assert "MALICIOUS" in table[4] and any("good.wat" in line for line in table), table

    # The same, but nothing fails and nothing is uploaded.
    outputs, code, uploaded = act(hostile, program=SPOOR, fail_on="never", upload="false", sarif="x.sarif")
    assert (code, outputs["sarif"], uploaded) == (0, "x.sarif", None), (code, outputs, uploaded)

    outputs, code, uploaded = act(hostile, program=SPOOR, paths="good.wat", options="--entry-time=1")
    assert (code, outputs["modules"]) == (0, "1"), (code, outputs)

    clean = repository("clean", {"good.wat": corpus("benign-json.wat")})
    assert act(clean, program=SPOOR)[1] == 0
    empty = repository("empty", {"readme.md": b"none\n"})
    outputs, code, uploaded = act(empty, program=SPOOR)
    assert (code, outputs["modules"], uploaded) == (0, "0", None), (code, outputs, uploaded)

    # Names that would be code, options or lines, and a link that leads out.
    good = corpus("benign-json.wat")
    odd = repository("odd", {"$(touch pwned).wat": good, "a\nb.wat": good})
    os.symlink("/etc/passwd", os.path.join(odd, "out.wasm"))
    git(odd, "add", "-A")
    outputs, code, _ = act(odd, program=SPOOR)
    assert (code, outputs["modules"]) == (2, "1") and not os.path.exists(os.path.join(odd, "pwned")), outputs
    print("the action does what it says")


main()
