//! All handlers of wasmi, and all places at which one can end early, against a list. An addition of a new
//! wasmi fails here by its name, before an event or the place of a trap is missed.
//!
//! For each new handler: does it branch, call, grow or move much? For each new `?`: is the place noted (`at`,
//! `after_decision_at`), or noted before, or can it not fail? `BLESS=1` writes the list anew.

use std::{collections::BTreeMap, fs, path::Path};

/// The files with handlers: `exec.rs`, and all that lie in its folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("exec")).expect("the folder of handlers");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut files: Vec<_> = names.map(|name| format!("exec/{name}")).collect();
    files.push("exec.rs".to_owned());
    files.sort();
    files
}

/// Whether a line has a `?` that may end its function. One in a text or in a pattern of a macro does not
/// count.
fn may_end(line: &str) -> bool {
    let code: String = line.split('"').step_by(2).collect();
    code.replace("$(;)?", "").contains('?')
}

/// The name that follows `word` in a line, if that begins an item.
fn named<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    let rest = line.trim_start().trim_start_matches("pub ").strip_prefix(word)?;
    let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    (len > 0).then(|| &rest[..len])
}

/// What the patched handlers hold, one line for each handler and each `?`.
fn listing() -> String {
    let folder = Path::new(env!("OUT_DIR")).join("wasmi/engine/executor/handler");
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for file in files(&folder) {
        let text = fs::read_to_string(folder.join(&file)).expect("patched source");
        let mut owner = "";
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(name) = named(line, "fn ") {
                owner = name;
                *lines.entry(format!("{file}: handler {name}")).or_default() += 1;
            }
            owner = named(line, "macro_rules! ").unwrap_or(owner);
            if may_end(line) {
                let call = line.split_whitespace().collect::<Vec<_>>().join(" ");
                *lines.entry(format!("{file}: in {owner}: {call}")).or_default() += 1;
            }
        }
    }
    lines.iter().fold(String::new(), |text, (line, times)| match times {
        1 => format!("{text}{line}\n"),
        _ => format!("{text}{line} × {times}\n"),
    })
}

#[test]
fn each_way_out_is_seen_and_no_text_is() {
    for (line, is_one) in [
        ("let x = get(y)?;", true),
        ("let x = y?.z;", true),
        (r#"unreachable_unchecked!("mismatch with: {func:?}")"#, false),
        (r#"let x = get("?")?;"#, true),
        ("( $( fn $handler:ident($op:ident) = $eval:expr );* $(;)? ) => {", false),
    ] {
        assert_eq!(may_end(line), is_one, "{line}");
    }
}

#[test]
fn no_handler_and_no_way_out_is_new() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites.txt");
    let found = listing();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &found).expect("the list");
    }
    let known = fs::read_to_string(&path).expect("the list").replace("\r\n", "\n");
    let new: Vec<_> = found.lines().filter(|line| !known.lines().any(|other| other == *line)).collect();
    let gone: Vec<_> = known.lines().filter(|line| !found.lines().any(|other| other == *line)).collect();
    assert!(found.lines().count() > 1000, "the handlers are elsewhere");
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}, gone: {gone:#?}");
}

/// Each `?` notes its place, but for those of which a list says why not.
#[test]
fn each_way_out_notes_its_place() {
    /// Part of the line, and how its place is known.
    const NOTED_OTHERWISE: [(&str, &str); 9] = [
        ("store.poll(ip)?", "notes the place itself"),
        ("store.record_bulk(", "notes the place itself, for what follows too"),
        ("store.charge_bulk(", "as `record_bulk`, in place of it"),
        ("memory_copy_within(", "after `record_bulk`"),
        ("utils::memory_slice", "after `record_bulk`"),
        ("utils::touch", "after `record_bulk`"),
        (": in memory_copy: .into_control()?", "the other half of a line above, after `record_bulk`"),
        ("args.return_call_wasm_or_host_func(", "noted before: the frame is gone when it fails"),
        ("args.pop_frame(store)?", "the end of the invocation, not a failure"),
    ];
    let listing = listing();
    let ways = listing.lines().filter(|line| line.contains(": in "));
    let bare: Vec<_> = ways
        .filter(|line| !line.contains(".at(store, ip)?") && !line.contains(".after_decision_at(store, ip)?"))
        .filter(|line| !NOTED_OTHERWISE.iter().any(|(part, _)| line.contains(part)))
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}
