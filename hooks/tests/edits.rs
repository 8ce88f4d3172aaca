//! The edits fit the published crate exactly, and say so when they do not.

#[allow(dead_code, missing_docs)]
#[path = "../build/edits.rs"]
mod edits;

use std::{collections::BTreeMap, fs, path::Path};

use edits::{Action, Edit, Error};

fn edit(times: usize) -> Edit {
    Edit {
        name: "record-branches".into(),
        file: "exec.rs".into(),
        why: "the test".into(),
        times,
        action: Action::After,
        anchor: "dispatch!();".into(),
        text: " // ours".into(),
    }
}

fn doctored(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("exec.rs".to_owned(), text.to_owned())])
}

#[test]
fn an_edit_is_applied_at_every_occurrence() {
    let mut sources = doctored("dispatch!();\ndispatch!();\n");
    edits::apply(&[edit(2)], &mut sources).unwrap();
    assert_eq!(sources["exec.rs"], "dispatch!(); // ours\ndispatch!(); // ours\n");
}

#[test]
fn a_changed_source_is_an_error_that_names_edit_and_file() {
    for (text, found) in
        [("dispatch!();", 1), ("become handler();", 0), ("dispatch!();dispatch!();dispatch!();", 3)]
    {
        let error = edits::apply(&[edit(2)], &mut doctored(text)).unwrap_err();
        assert!(matches!(error, Error::Anchor { wanted: 2, found: f, .. } if f == found), "{error}");
        let message = error.to_string();
        for part in ["`record-branches`", "`exec.rs`", &format!("occurs {found} times"), "dispatch!();"] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    let error = edits::apply(&[edit(1)], &mut BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("no file `exec.rs`"), "{error}");
}

#[test]
fn every_edit_is_named_once_and_gives_its_reason() {
    let edits = edits::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("edits")).unwrap();
    assert!(edits.len() > 50, "{}", edits.len());
    let mut reasons = std::collections::BTreeSet::new();
    for edit in &edits {
        assert!(!edit.why.is_empty() && edit.anchor.lines().count() <= 6, "{}", edit.name);
        assert!(
            !edit.why.contains("as above") && reasons.insert(&edit.why),
            "a reason of its own: {}",
            edit.name
        );
    }
}

#[test]
fn a_malformed_file_of_edits_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("1")).unwrap();
    fs::write(folder.path().join("1/a.rs"), "y\n").unwrap();
    let item = "[[edit]]\nname = \"a\"\nfile = \"f\"\nwhy = \"w\"\naction = \"after\"\nanchor = \"x\"\n";
    for (text, part) in [
        ("[[edit]]\nname = \"a\"\n".to_owned(), "missing field"),
        (format!("{item}speed = 1\n"), "unknown field"),
        (item.repeat(2), "two edits have the name `a`"),
        (item.replace("\"x\"", "\"\""), "lacks an anchor"),
    ] {
        fs::write(folder.path().join("1.toml"), text).unwrap();
        let error = edits::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("1.toml"), "{error}");
    }
    fs::write(folder.path().join("1.toml"), item.replace("\"a\"", "\"b\"")).unwrap();
    let error = edits::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("b.rs"), "an edit without code: {error}");
}

#[test]
fn a_root_can_be_included_once_its_inner_attributes_are_gone() {
    let root = "//! Docs.\n\n#![no_std]\n#![warn(\n    missing_docs\n)]\nmod a;\n//! More.\n";
    assert_eq!(edits::strip_root(root).trim(), "mod a;");
}
