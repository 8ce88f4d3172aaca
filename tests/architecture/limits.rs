//! Limits stand in one `limits.rs` for each folder, with unit and reason; `docs/limits.md` is made from these
//! files.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use super::{
    constants::{Constant, Value, bounds, constants},
    root,
};

const DOC: &str = "docs/limits.md";

/// Constants that are no limits, with what they are.
const OTHERS: &str = "tests/architecture/no-limits.txt";

/// Folders whose constants are looked at.
const FOLDERS: [&str; 3] = ["src", "hooks/src", "parquet/src"];

/// All source files below `folder`, ascending; those of tests left out.
fn sources(folder: &str) -> Vec<String> {
    let (mut files, mut open) = (Vec::new(), vec![root().join(folder)]);
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            let path = entry.expect("the folder can be read").path();
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            match path.is_dir() {
                true if name.ends_with("/tests") => {}
                true => open.push(path),
                false if name.ends_with(".rs") && !name.ends_with("/tests.rs") => files.push(name),
                false => {}
            }
        }
    }
    files.sort();
    files
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every file of limits with what it holds.
fn files_of_limits() -> Vec<(String, Vec<Constant>)> {
    let files = FOLDERS
        .into_iter()
        .flat_map(sources)
        .filter(|file| Path::new(file).file_name().is_some_and(|name| name == "limits.rs"));
    let found = files.map(|file| (constants(&read(&file)), file)).map(|(found, file)| (file, found));
    found.filter(|(_, found)| !found.is_empty()).collect()
}

/// A number as people read it: `64 MiB` only where the unit is bytes.
fn shown(value: &Value, doc: &str) -> String {
    const STEPS: &[(u128, &str)] = &[(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match value {
        Value::Number(number) => {
            let step = STEPS.iter().find(|(bits, _)| number.trailing_zeros() >= *bits as u32 && *number > 0);
            match step.filter(|_| doc.starts_with("Bytes") || doc.contains(" bytes")) {
                Some((bits, unit)) => format!("{} {unit}", number >> bits),
                None => wasmspoor::text::grouped(u64::try_from(*number).unwrap_or(u64::MAX)),
            }
        }
        Value::Time(time) if time.subsec_millis() == 0 => format!("{} s", time.as_secs()),
        Value::Time(time) => format!("{} ms", time.as_millis()),
        Value::Text(text) => format!("`{text}`"),
    }
}

/// The page.
fn page() -> String {
    let mut page = String::from(
        "# Limits\n\nWhat bounds wasmspoor, with unit and reason. Made from the `limits.rs` of each folder\n\
         by `BLESS=1 cargo test --test architecture`; do not edit. What a caller chooses (`Limits`, options of\n\
         the command line) stands with the options.\n",
    );
    for (file, limits) in files_of_limits() {
        let folder = file.strip_suffix("limits.rs").unwrap_or(&file);
        write!(page, "\n## `{folder}`\n\n| limit | value | unit and reason |\n|---|---|---|\n").unwrap();
        let mut known = BTreeMap::new();
        for limit in limits {
            let value = limit.value(&known);
            if let Value::Number(number) = value {
                known.insert(limit.name.clone(), number);
            }
            let doc = limit.doc.replace('|', "\\|").replace("](super::", "](");
            let doc = without_links(&doc);
            writeln!(page, "| `{}` | {} | {doc} |", limit.name, shown(&value, &limit.doc)).unwrap();
        }
    }
    page
}

/// Links of rustdoc lead nowhere on a page of its own: their text stays.
fn without_links(doc: &str) -> String {
    let (mut out, mut rest) = (String::new(), doc);
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, behind)) = after.split_once("`]") else { break };
        let target = behind.strip_prefix('(').and_then(|behind| behind.split_once(')'));
        write!(out, "{before}`{name}`").unwrap();
        rest = target.map_or(behind, |(_, behind)| behind);
    }
    out + rest
}

#[test]
fn the_page_says_what_the_files_say() {
    let page = page();
    assert!(page.matches("\n| `").count() > 150, "limits are missing:\n{page}");
    if env::var_os("BLESS").is_some() {
        fs::write(root().join(DOC), &page).expect("the page can be written");
    }
    assert!(read(DOC) == page, "{DOC} is not what the files say: BLESS=1 cargo test --test architecture");
}

#[test]
fn every_limit_has_unit_and_reason() {
    let all = files_of_limits();
    let each = all.iter().flat_map(|(file, limits)| limits.iter().map(move |limit| (file, limit)));
    let bare = each.filter(|(_, limit)| limit.doc.split_whitespace().count() < 4);
    let bare: Vec<_> = bare.map(|(file, limit)| format!("{file}:{} `{}`", limit.line, limit.name)).collect();
    assert!(bare.is_empty(), "limits that do not say what they count, and why:\n{}", bare.join("\n"));
}

#[test]
fn no_limit_stands_elsewhere() {
    let text = read(OTHERS);
    let listed: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let mut used = vec![false; listed.len()];
    let mut strays = Vec::new();
    for file in FOLDERS.into_iter().flat_map(sources) {
        if file.ends_with("/limits.rs") {
            continue;
        }
        for constant in constants(&read(&file)) {
            let (one, all) = (format!("{file} {}", constant.name), format!("{file} *"));
            match listed.iter().position(|line| **line == one || **line == all) {
                Some(at) => used[at] = true,
                None => strays.push(format!("{file}:{} `{}`", constant.line, constant.name)),
            }
        }
        for (line, bound) in bounds(&read(&file)) {
            match listed.iter().position(|known| **known == format!("{file} {bound}")) {
                Some(at) => used[at] = true,
                None => strays.push(format!("{file}:{line} `{bound}`")),
            }
        }
    }
    assert!(
        strays.is_empty(),
        "numbers that stand neither in the `limits.rs` of their folder nor, if they bound nothing, in {OTHERS}:\n{}",
        strays.join("\n")
    );
    let stale: Vec<_> = listed.iter().zip(used).filter(|(_, used)| !used).map(|(line, _)| *line).collect();
    assert!(stale.is_empty(), "{OTHERS} lists what is no longer there: {stale:?}");
}

#[test]
fn numbers_that_bound_are_found() {
    let text = "const A: u32 = 1 << 20;\nfn f(x: &[u8]) { let y = x.iter().take(63);
        let z = x.iter().take(1_000).min(64) + (16 << 20); let w = z << 40; let v = z.min(A); }
        #[cfg(test)]\nfn g() { h(1 << 20) }";
    let found: Vec<_> = bounds(text).into_iter().map(|(line, bound)| format!("{line} {bound}")).collect();
    assert_eq!(found, ["3 take(1_000)", "3 min(64)", "3 16 << 20"]);
}

#[test]
fn values_are_worked_out() {
    let text = "/// Bytes of it, so that.\npub(super) const A: usize = 2 * (1 << 20);
        const B: u64 = if cfg!(test) { 1 } else { A << 1 };\n/// x\nconst C: Duration = Duration::from_secs(90);
        const T: &[u8] = &[1];\n#[cfg(test)]\nconst D: u8 = 1;\nfn f() { const E: u32 = u32::MAX; }
        #[cfg(test)]\nmod tests { const F: u8 = 1; }";
    let mut known = BTreeMap::new();
    let mut found = Vec::new();
    for constant in constants(text) {
        let value = constant.value(&known);
        if let Value::Number(number) = value {
            known.insert(constant.name.clone(), number);
        }
        found.push((constant.name.clone(), shown(&value, &constant.doc)));
    }
    let expected = [("A", "2 MiB"), ("B", "4,194,304"), ("C", "90 s"), ("E", "`u32::MAX`")];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
