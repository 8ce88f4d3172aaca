//! Tail calls are taken only where each handler ends in a jump: decided by what the compiler will do. Each
//! setting that puts code between a handler's last call and its end is built, and a small loop run on a small
//! stack.

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../build/dispatch.rs"]
mod dispatch;

use std::{path::Path, process::Command};

use dispatch::Build;

fn build(opt_level: &str, flags: &[&str]) -> Build {
    Build {
        arch: "x86_64".into(),
        opt_level: opt_level.into(),
        profile: "release".into(),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        ..Build::default()
    }
}

#[test]
fn tail_calls_are_for_optimised_code_with_nothing_added() {
    for level in ["2", "3"] {
        assert!(build(level, &[]).uses_tail_calls());
        assert!(build(level, &["-Ctarget-cpu=native", "-Cinstrument-coverage=off"]).uses_tail_calls());
        assert!(!Build { profile: "debug".into(), ..build(level, &[]) }.uses_tail_calls());
        assert!(!Build { has_sanitizer: true, ..build(level, &[]) }.uses_tail_calls());
        assert!(!Build { has_coverage: true, ..build(level, &[]) }.uses_tail_calls());
        assert!(!Build { arch: "powerpc64".into(), ..build(level, &[]) }.uses_tail_calls());
        for flag in
            ["-Cinstrument-coverage", "-Zsanitizer=address", "-Cpasses=sancov-module", "-Copt-level=s"]
        {
            assert!(!build(level, &[flag]).uses_tail_calls(), "{flag}");
        }
    }
    for level in ["0", "1", "s", "z"] {
        assert!(!build(level, &[]).uses_tail_calls(), "{level}");
        assert!(build(level, &["-Copt-level=1", "-O"]).uses_tail_calls(), "the last flag wins");
    }
}

/// Builds and runs `examples/small_loop.rs` with settings of its profile and flags of the compiler; what it
/// prints, or what cargo says.
fn small_loop(settings: &[&str], flags: &str) -> Result<String, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small_loop");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", folder);
    command.args(["run", "--offline", "--quiet", "--release", "--example", "small_loop"]);
    // What holds for our own releases would take long, and is not what is asked here.
    let plain = ["lto=false", "codegen-units=16"];
    for setting in plain.iter().chain(settings) {
        command.args(["--config", &format!("profile.release.{setting}")]);
    }
    if !flags.is_empty() {
        command.env("RUSTFLAGS", flags);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

#[test]
#[ignore = "builds the engine nine times, minutes: .ci/run does"]
fn a_small_loop_ends_whatever_the_compiler_was_told() {
    assert_eq!(small_loop(&[], ""), Ok("tail calls".into()));
    for settings in [
        &["debug-assertions=true"][..],
        &["debug-assertions=true", "overflow-checks=true"],
        &["opt-level=\"s\""],
        &["opt-level=\"z\""],
        &["opt-level=0"],
        &["opt-level=1"],
    ] {
        assert_eq!(small_loop(settings, ""), Ok("loop".into()), "{settings:?}");
    }
    assert_eq!(small_loop(&[], "-C instrument-coverage"), Ok("loop".into()));
    let refused = small_loop(&["overflow-checks=true"], "").expect_err("overflow checks alone");
    assert!(refused.contains("SET_OVERFLOW_CHECKS_TO_FALSE_FOR_WASMSPOOR_HOOKS"), "{refused}");
}
