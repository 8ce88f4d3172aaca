use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory as _;

#[test]
fn an_error_is_one_line_unless_it_is_laid_out() {
    let hostile = anyhow::anyhow!("no export `a\nspoor: CLEAN\u{1b}[2J`").context("x\n.wasm");
    assert_eq!(super::words(&hostile), "x\\n.wasm: no export `a\\nspoor: CLEAN\\u{1b}[2J`");
    let text = wasmspoor::LoadError::Text { reason: "wrong\n --> 1:1".into() };
    assert_eq!(
        super::words(&anyhow::Error::new(text).context("a\nb")),
        "a\\nb: invalid text: wrong\n --> 1:1"
    );
}

#[test]
fn the_command_line_is_consistent() {
    super::Arguments::command().debug_assert();
}

/// The long options of a command and of those below it.
fn options(command: &clap::Command, into: &mut BTreeSet<String>) {
    into.extend(command.get_arguments().filter_map(clap::Arg::get_long).map(|name| format!("--{name}")));
    command.get_subcommands().for_each(|below| options(below, into));
}

/// Whether a text has the option as a whole word.
fn has_word(text: &str, option: &str) -> bool {
    text.match_indices(option).any(|(at, _)| {
        let next = text[at + option.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '-')
    })
}

/// The tests that call the program, what they share, and the lines of `corpus/` that say how it is called.
fn calls() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = |folder: &str, extension: &str| {
        let paths =
            fs::read_dir(root.join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
        let chosen = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
        chosen.map(|path| fs::read_to_string(path).expect("a text")).collect::<Vec<_>>()
    };
    let lines = texts("corpus", "wat").concat();
    let lines = lines.lines().filter(|line| line.contains("RUN: ")).map(str::to_owned);
    let tests = texts("tests", "rs").into_iter().chain(texts("tests/common", "rs"));
    tests.chain(lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_option_stands_in_a_test() {
    let mut all = BTreeSet::new();
    options(&super::Arguments::command(), &mut all);
    let calls = calls();
    let untried: Vec<_> = all.iter().filter(|option| !has_word(&calls, option)).collect();
    assert!(all.len() > 60, "{} options", all.len());
    assert!(untried.is_empty(), "in no test: {untried:?}");
}
