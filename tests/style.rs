//! Lines of at most 110 columns: comments everywhere, and prose. Code is held by `cargo fmt --check`; what
//! remains longer are texts that the code holds, tables, links and listings. Functions and files are short.

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
    let samples = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).expect("the corpus");
    let is_comment = |line: &str| line.trim_start().starts_with(";;") && !line.starts_with(";; EXPECT:");
    found.extend(samples.flat_map(|sample| long(&sample.expect("an entry").path(), is_comment)));
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

/// The lines of a file of the program before its tests; none of a file of tests.
fn program(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_tests = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let end = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    if is_tests { Vec::new() } else { lines[..end.unwrap_or(lines.len())].to_vec() }
}

/// The program: what ships, without benches, examples and what tests it.
fn programs() -> impl Iterator<Item = (PathBuf, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "hooks", "parquet"].map(|folder| root.join(folder));
    let ours = files(&["rs"]).into_iter();
    let ours = ours.filter(move |path| folders.iter().any(|folder| path.starts_with(folder)));
    ours.map(|path| (path.clone(), program(&path)))
}

/// How many lines each function of these has, from the line with `fn` to its brace.
fn functions(lines: &[String]) -> Vec<usize> {
    let is_start = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "fn").collect();
        let is_before = |word: &&str| {
            ["const", "async", "unsafe", "default", "extern", "\"C\""].contains(word)
                || word.starts_with("pub")
                || ["self)", "super)", "crate)"].contains(word)
        };
        line.split_whitespace().any(|word| word == "fn") && words.iter().all(is_before)
    };
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_start(line)) {
        let indent = line.len() - line.trim_start().len();
        let rest = lines[at..].iter().enumerate();
        let mut ends = rest.filter(|(place, line)| {
            let is_one_line = *place == 0 && line.ends_with('}');
            is_one_line || line.len() == indent + 1 && line.ends_with('}') || line.ends_with(';')
        });
        // A declaration ends in its head.
        let end = ends.find(|(place, line)| {
            !line.ends_with(';') || !lines[at..=at + place].iter().any(|line| line.ends_with('{'))
        });
        if let Some((place, line)) = end
            && !line.ends_with(';')
        {
            found.push(place + 1);
        }
    }
    found
}

#[test]
fn functions_and_files_are_short() {
    let (mut all, mut long, mut large) = (0, 0, Vec::new());
    for (path, lines) in programs() {
        let lengths = functions(&lines);
        all += lengths.len();
        long += lengths.iter().filter(|length| **length > 25).count();
        if lines.len() > 600 {
            large.push(format!("{}: {} lines", path.display(), lines.len()));
        }
    }
    assert!(all > 6000, "{all} functions");
    assert!(long * 100 <= all * 7, "{long} of {all} functions have more than 25 lines");
    assert!(large.is_empty(), "{}", large.join("\n"));
    println!("{:.2} % of {all} functions have at most 25 lines", 100.0 - 100.0 * long as f64 / all as f64);
}
