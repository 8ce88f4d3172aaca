//! `#[needs("…")]` above `#[test]`: where what the test needs is absent, the test is ignored and says why.
//!
//! A thing is the path of a file or folder, seen from the workspace, or a word of `WORDS`. Things that
//! `SPOOR_REQUIRE` names (words and beginnings of paths, with commas between) must be there: such a test is
//! not ignored, and fails. This is decided when the test is compiled. If a thing is added later, compile
//! again: `touch` the file, or set the variable, which cargo watches.
//!
//! ```text
//! #[needs("../shared/samples", "strace")]
//! #[test]
//! fn …
//! ```

use std::{path::Path, process::Command, str::FromStr as _};

use proc_macro::{TokenStream, TokenTree};

/// Whether something that has no path is there.
type Probe = fn() -> bool;

/// What can be needed that has no path.
const WORDS: [(&str, Probe); 6] = [
    // What drives it comes from the npm registry: SPOOR_NODE names a folder that has it already.
    ("chromium", || {
        let chromium = std::env::var("SPOOR_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
        succeeds(&chromium, &["--version"]) && succeeds("npm", &["--version"])
    }),
    ("strace", || succeeds("strace", &["-o", "/dev/null", "true"])),
    ("wasm-opt", || succeeds("wasm-opt", &["--version"])),
    ("seccomp", || Path::new("/proc/sys/kernel/seccomp").exists()),
    ("capa", || {
        let capa = std::env::var("SPOOR_CAPA").unwrap_or_else(|_| "capa".into());
        succeeds(&capa, &["--version"])
    }),
    ("duckdb", || {
        let python = std::env::var("SPOOR_PYTHON").unwrap_or_else(|_| "python3".into());
        succeeds(&python, &["-c", "import duckdb"])
    }),
];

fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// Ignores the test below where a thing that it names is absent.
#[proc_macro_attribute]
pub fn needs(things: TokenStream, test: TokenStream) -> TokenStream {
    let things: Vec<String> = things
        .into_iter()
        .filter(|token| matches!(token, TokenTree::Literal(_)))
        .map(|literal| literal.to_string().trim_matches('"').to_owned())
        .collect();
    let absent: Vec<&String> =
        things.iter().filter(|thing| !is_there(thing) && !is_required(thing)).collect();
    let ignore = match absent[..] {
        [] => String::new(),
        _ => format!("#[ignore = {:?}]", format!("needs what is not here: {absent:?}")),
    };
    // The compiler notes that it read these, and so cargo compiles again when they change.
    let watched = "const _: [Option<&str>; 3] = [option_env!(\"SPOOR_REQUIRE\"), option_env!(\"SPOOR_PYTHON\"), option_env!(\"SPOOR_CAPA\")];";
    let mut out = TokenStream::from_str(&format!("{watched} {ignore}")).expect("Rust");
    out.extend(test);
    out
}

/// Rustc runs in the workspace, so paths are seen from there.
fn is_there(thing: &str) -> bool {
    match WORDS.iter().find(|(word, _)| *word == thing) {
        Some((_, probe)) => probe(),
        None => Path::new(thing).exists(),
    }
}

fn is_required(thing: &str) -> bool {
    let required = std::env::var("SPOOR_REQUIRE").unwrap_or_default();
    required.split(',').map(str::trim).any(|word| !word.is_empty() && thing.starts_with(word))
}
