//! Tail calls are taken only where each handler ends in a jump: decided by what the compiler will do. Each
//! setting that puts code between a handler's last call and its end is built, and a small loop run on a small
//! stack.

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../build/dispatch.rs"]
mod dispatch;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

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
        assert!(!Build { is_incremental: true, ..build(level, &[]) }.uses_tail_calls());
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

/// A package of its own that is nothing but `small_loop/loop.rs`: what the tests here need besides is not
/// built for each setting. The settings hold for it and the engine; what these stand on is built once for
/// each set of flags. Of that, handlers call functions of `wasmi_core` and `wasmi_ir`, which must become part
/// of them.
const PACKAGE: &str = r#"
[package]
name = "small-loop"
version = "0.0.0"
edition = "2024"
[dependencies]
wasmspoor-hooks = { path = "HOOKS" }
[workspace]
[profile.release]
codegen-units = 16
strip = "none"
[profile.release.package."*"]
opt-level = 1
debug-assertions = false
overflow-checks = false
[profile.release.package]
wasmspoor-hooks = { opt-level = 3 }
wasmi_core = { opt-level = 3, debug-assertions = false, overflow-checks = false }
wasmi_ir = { opt-level = 3, debug-assertions = false, overflow-checks = false }
"#;

fn package() -> PathBuf {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small_loop");
    fs::create_dir_all(folder.join("src")).expect("a folder for the package");
    let text = PACKAGE.replace("HOOKS", hooks.to_str().expect("a path in UTF-8"));
    fs::write(folder.join("Cargo.toml"), text).expect("the package's file");
    fs::copy(hooks.join("tests/small_loop/loop.rs"), folder.join("src/main.rs")).expect("its code");
    let module = wat::parse_file(hooks.join("tests/small_loop/loop.wat")).expect("the module's text");
    fs::write(folder.join("src/loop.wasm"), module).expect("the module");
    fs::copy(hooks.join("../Cargo.lock"), folder.join("Cargo.lock")).expect("its versions");
    folder
}

fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Stands for the variable that asks for an incremental build.
const INCREMENTAL: &str = "CARGO_INCREMENTAL=1";

/// Builds and runs the loop with settings of its profile and flags of the compiler; what it prints, or what
/// cargo says.
fn small_loop(settings: &[&str], flags: &str) -> Result<String, String> {
    let folder = package();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target"));
    // With a target that is named, flags do not hold for the build script, which is built once then.
    command.args(["run", "--offline", "--quiet", "--release", "--target", &target()]);
    command.env("CARGO_INCREMENTAL", if settings.contains(&INCREMENTAL) { "1" } else { "0" });
    for setting in settings.iter().filter(|setting| **setting != INCREMENTAL) {
        command.args(["--config", &format!("profile.release.{setting}")]);
        // LTO is of the program as a whole.
        if !setting.starts_with("lto") {
            command.args(["--config", &format!("profile.release.package.wasmspoor-hooks.{setting}")]);
        }
    }
    if !flags.is_empty() {
        command.env("RUSTFLAGS", flags);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().contains("_PROFILE_")) {
        command.env_remove(name);
    }
    if flags.contains("-Z") {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    let begun = Instant::now();
    let output = command.output().map_err(|error| error.to_string())?;
    println!("{:>4} s  {settings:?} {flags}", begun.elapsed().as_secs());
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(if said == "tail calls" { said + &framed(&folder) } else { said })
}

/// Says which handlers keep their frame while the next one runs, as the compiled program has it. That needs
/// x86-64 and `objdump`.
fn framed(folder: &Path) -> String {
    let program = folder.join(format!("target/{}/release/small-loop", target()));
    let tool = Command::new("objdump").args(["-d", "-C", "--no-show-raw-insn"]).arg(program).output();
    // Whoever asks for this test has it: `.ci/run`.
    let Ok(output) = tool else { return "; there is no `objdump`".to_owned() };
    let text = String::from_utf8_lossy(&output.stdout);
    let handlers: Vec<_> = text.split("\n\n").filter(|text| text.contains("::handler::exec")).collect();
    let framed = handlers.iter().filter(|handler| calls_and_returns(handler));
    let names =
        framed.map(|handler| format!("; a frame is kept by {}", handler.lines().next().unwrap_or("")));
    match handlers.len() < 1000 && cfg!(target_arch = "x86_64") {
        true => "; the handlers were not found".to_owned(),
        false => names.collect(),
    }
}

/// Whether a function calls through a pointer and does nothing then but restore its registers and return.
fn calls_and_returns(function: &str) -> bool {
    let steps = function.lines().skip(1).filter_map(|line| line.split_once('\t').map(|(_, step)| step));
    let steps: Vec<_> = steps.collect();
    let restores =
        |step: &&&str| step.starts_with("pop ") || step.starts_with("add ") && step.contains("%rsp");
    (0..steps.len()).any(|at| {
        let is_next = steps[at].starts_with("call   *") && !steps[at].contains("(%rip)");
        is_next
            && steps[at + 1..].iter().find(|step| !restores(step)).is_some_and(|step| step.starts_with("ret"))
    })
}

#[test]
fn a_handler_that_keeps_its_frame_is_found() {
    let code = |last: &str| format!("0 <handler::exec::a>:\n 0:\tpush   %rbx\n 1:\t{last}");
    let restored = "\n 4:\tadd    $0x8,%rsp\n 8:\tpop    %rbx";
    assert!(calls_and_returns(&code(&format!("call   *0x10(%r14){restored}\n 9:\tret"))));
    assert!(!calls_and_returns(&code(&format!("call   *%r15{restored}\n 9:\tjmp    *%rax"))));
    assert!(!calls_and_returns(&code(&format!("call   *0x1(%rip)        # 8 <fail>{restored}\n 9:\tret"))));
}

#[test]
#[ignore = "builds the engine eight times, minutes: .ci/run does"]
fn a_small_loop_ends_whatever_the_compiler_was_told() {
    assert_eq!(small_loop(&[], ""), Ok("tail calls".into()));
    assert_eq!(small_loop(&["lto=\"fat\"", "codegen-units=1"], ""), Ok("tail calls".into()), "our own");
    for (settings, flags) in [
        (&["debug-assertions=true"][..], ""),
        (&["opt-level=\"s\""], ""),
        (&["opt-level=\"z\""], ""),
        (&[], "-C instrument-coverage"),
        (&[], "-Z sanitizer=address"),
    ] {
        assert_eq!(small_loop(settings, flags), Ok("loop".into()), "{settings:?} {flags}");
    }
    let refused = small_loop(&["overflow-checks=true"], "").expect_err("overflow checks alone");
    assert!(refused.contains("SET_OVERFLOW_CHECKS_TO_FALSE_FOR_WASMSPOOR_HOOKS"), "{refused}");
}

#[test]
#[ignore = "builds the engine six times, minutes, with settings that are like those of the other test"]
fn a_small_loop_ends_with_related_settings() {
    let one_unit = ["lto=\"off\"", "codegen-units=1"];
    assert_eq!(small_loop(&one_unit, ""), Ok("tail calls".into()));
    let counters = "-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=3";
    for (settings, flags) in [
        (&["debug-assertions=true", "overflow-checks=true"][..], ""),
        (&["opt-level=0"], ""),
        (&["opt-level=1"], ""),
        (&[INCREMENTAL], ""),
        (&[], counters),
    ] {
        assert_eq!(small_loop(settings, flags), Ok("loop".into()), "{settings:?} {flags}");
    }
}
