//! Lines of at most 110 columns: comments everywhere, and prose. Code is held by `cargo fmt --check`; what
//! remains longer are texts that the code holds, tables, links and listings.

use std::{
    fs,
    path::{Path, PathBuf},
};

const COLUMNS: usize = 110;

/// Files of the project whose names end in one of `endings` (or that have no ending, for ""), sorted.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // Neither what is built nor git's own, nor the advisories of others.
            if ["target", ".git", "crates", "corpus"].contains(&&*name) {
                continue;
            }
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let ending = path.extension().map_or("".into(), |ending| ending.to_string_lossy());
                    found.extend(endings.contains(&&*ending).then_some(path));
                }
            }
        }
    }
    found.sort();
    found
}

/// The lines that are too long among those of a file that `is_held` says are to be held.
fn long(path: &Path, mut is_held: impl FnMut(&str) -> bool) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| is_held(line) && line.chars().count() > COLUMNS)
        .map(|(number, line)| format!("{}:{number}: {line}", path.display()))
        .collect()
}

#[test]
fn comments_are_at_most_110_columns_wide() {
    let rust = files(&["rs"]);
    assert!(rust.len() > 300, "{} files", rust.len());
    let is_comment = |line: &str| {
        let line = line.trim_start();
        line.starts_with("//") && !line.trim_start_matches(['/', '!', ' ']).starts_with('|')
    };
    let mut found: Vec<_> = rust.iter().flat_map(|path| long(path, is_comment)).collect();
    let scripts = files(&["toml", "yml", "yar", "sh", ""]);
    found.extend(scripts.iter().flat_map(|path| long(path, |line| line.trim_start().starts_with('#'))));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn prose_is_at_most_110_columns_wide() {
    let mut found = Vec::new();
    for path in files(&["md"]) {
        let mut is_listing = false;
        found.extend(long(&path, |line| {
            is_listing ^= line.trim_start().starts_with("```");
            !is_listing && !line.trim_start().starts_with('|')
        }));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
