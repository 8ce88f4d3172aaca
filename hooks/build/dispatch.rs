//! Which dispatch the compiler can be trusted with: tail calls, or the loop.
//!
//! A handler that ends in a call must end in a jump. If a frame is kept at each operator, a small loop
//! overflows the native stack, and the process dies. LLVM makes the jump on targets that have it, in
//! optimised code, as long as nothing stands between the call and the return. A build script sees the
//! optimisation level and flags of the compiler, and these are judged here. Debug assertions and coverage are
//! judged in the code (`cfg(debug_assertions)`, `cfg(coverage)`; see the edit
//! `tail-calls-only-without-assertions`). Overflow checks end the build (`src/dispatch.rs`): the code can see
//! them, but not choose by them.

use std::{env, path::Path};

/// What is known of a build.
#[derive(Debug, Clone, Default)]
pub struct Build {
    pub arch: String,
    pub target_features: String,
    /// Of the profile.
    pub opt_level: String,
    /// `release` or `debug`.
    pub profile: String,
    /// Flags of the compiler, each in one piece (`-Copt-level=3`).
    pub flags: Vec<String>,
    /// A sanitizer, as the target's cfg says it.
    pub has_sanitizer: bool,
    /// Something measures coverage through a wrapper of the compiler.
    pub has_coverage: bool,
    /// The crate is compiled in pieces that later builds take again.
    pub is_incremental: bool,
}

impl Build {
    /// The build that this build script belongs to.
    pub fn of_environment() -> Self {
        let var = |name: &str| {
            println!("cargo::rerun-if-env-changed={name}");
            env::var(name).unwrap_or_default()
        };
        Self {
            arch: var("CARGO_CFG_TARGET_ARCH"),
            target_features: var("CARGO_CFG_TARGET_FEATURE"),
            opt_level: var("OPT_LEVEL"),
            profile: var("PROFILE"),
            flags: joined(&var("CARGO_ENCODED_RUSTFLAGS")),
            has_sanitizer: !var("CARGO_CFG_SANITIZE").is_empty(),
            has_coverage: !var("CARGO_LLVM_COV").is_empty(),
            is_incremental: var("CARGO_INCREMENTAL") == "1" && !is_fetched(&var("CARGO_MANIFEST_DIR")),
        }
    }

    /// The level at which code is made: a flag overrides the profile.
    pub fn opt_level(&self) -> &str {
        let given = self.flags.iter().rev().find_map(|flag| match &**flag {
            "-O" => Some("3"),
            flag => flag.strip_prefix("-Copt-level="),
        });
        given.unwrap_or(&self.opt_level)
    }

    /// Whether calls in tail position can become jumps on the target at all.
    pub fn has_tail_calls(&self) -> bool {
        match &*self.arch {
            "x86" | "x86_64" | "arm" | "aarch64" | "riscv32" | "riscv64" | "loongarch64" | "s390x" => true,
            "wasm32" | "wasm64" => self.target_features.split(',').any(|feature| feature == "tail-call"),
            _ => false,
        }
    }

    /// Whether they can be relied on in this build.
    ///
    /// A development profile keeps crates in many small units whatever its level, and some handlers then keep
    /// their frames. At `s` and `z` less is inlined, and so in an incremental build, with the same end.
    pub fn uses_tail_calls(&self) -> bool {
        self.has_tail_calls()
            && self.profile == "release"
            && matches!(self.opt_level(), "2" | "3")
            && !self.has_sanitizer
            && !self.has_coverage
            && !self.is_incremental
            && !self.flags.iter().any(|flag| puts_code_between(flag))
    }
}

/// Whether cargo got this crate from a registry, a vendor folder or git. Cargo compiles only those that lie
/// in the user's own folders incrementally.
fn is_fetched(here: &str) -> bool {
    let here = Path::new(here);
    let marks = [".cargo-ok", ".cargo-checksum.json"];
    here.ancestors().take(2).any(|folder| marks.iter().any(|mark| folder.join(mark).exists()))
}

/// Flags in one piece each, from how cargo encodes them.
fn joined(encoded: &str) -> Vec<String> {
    let mut flags: Vec<String> = Vec::new();
    let mut words = encoded.split('\x1f').filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let value = if matches!(word, "-C" | "-Z" | "--codegen") { words.next() } else { None };
        let word = word.strip_prefix("--codegen=").map_or(word.to_owned(), |rest| format!("-C{rest}"));
        flags.push(format!("{}{}", word.replace("--codegen", "-C"), value.unwrap_or_default()));
    }
    flags
}

/// Whether a flag makes the compiler add code to functions, or leave out what makes jumps of calls.
fn puts_code_between(flag: &str) -> bool {
    const FLAGS: [&str; 9] = [
        "-Cinstrument-coverage",
        "-Cprofile-generate",
        "-Cpasses=",
        "-Cno-prepopulate-passes",
        "-Cllvm-args=-sanitizer",
        "-Zsanitizer",
        "-Zprofile",
        "-Zinstrument-",
        "-Zstack-protector",
    ];
    let is_off = ["=no", "=off", "=n", "=0", "=false"].iter().any(|off| flag.ends_with(off));
    !is_off && FLAGS.iter().any(|start| flag.starts_with(start))
}
