//! Reads what people write and the program should not read at each start.
//!
//! * The YAML of the rules that ship: what the parser says of each file becomes a tree that is read back in a
//!   tenth of the time (`src/rules/yaml.rs`).
//! * The tables in TOML that each verdict needs: JSON is read five times as fast.
//! * The constants that are looked for in data: a filter of them (`src/module/view/crypto/`).

// What the build does not use of it, the library does.
#[allow(dead_code)]
#[path = "src/module/view/crypto/anchors.rs"]
mod anchors;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=rules/behavior");
    #[cfg(feature = "analysis")]
    rules::write();
    println!("cargo::rerun-if-changed=rules/crypto-constants.toml");
    println!("cargo::rerun-if-changed=src/module/view/crypto/anchors.rs");
    #[cfg(feature = "analysis")]
    constants::write();
    #[cfg(feature = "analysis")]
    tables::write();
}

#[cfg(feature = "analysis")]
mod tables {
    use std::{env, fs, path::PathBuf};

    /// The tables, by their names in `rules/`.
    const TABLES: [&str; 3] = ["attack", "places", "verdict"];

    /// Writes `OUT_DIR/NAME.json` of each table.
    pub(crate) fn write() {
        let folder = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        for name in TABLES {
            let path = format!("rules/{name}.toml");
            println!("cargo::rerun-if-changed={path}");
            let json = fs::read_to_string(&path)
                .map_err(|error| error.to_string())
                .and_then(|text| toml::from_str::<toml::Table>(&text).map_err(|error| error.to_string()))
                .and_then(|table| serde_json::to_string(&table).map_err(|error| error.to_string()))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            fs::write(folder.join(format!("{name}.json")), json)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[cfg(feature = "analysis")]
mod constants {
    use std::{env, fs, path::PathBuf};

    use super::anchors::{self, FILTER_BITS, hash};

    /// Writes `OUT_DIR/anchors.bin`: a bit for the hash of each anchor.
    pub(crate) fn write() {
        let text = fs::read_to_string("rules/crypto-constants.toml")
            .unwrap_or_else(|error| panic!("rules/crypto-constants.toml: {error}"));
        let mut filter = vec![0u8; 1 << (FILTER_BITS - 3)];
        for constant in
            text.split("[[constant]]").skip(1).filter(|constant| value(constant, "data").is_some())
        {
            let (width, words) = words(constant);
            for (_, image) in anchors::images(width, &words) {
                for (_, word) in anchors::of(&image) {
                    filter[hash(word) >> 3] |= 1 << (hash(word) & 7);
                }
            }
        }
        let folder = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        fs::write(folder.join("anchors.bin"), filter).unwrap_or_else(|error| panic!("anchors.bin: {error}"));
    }

    /// Bytes of a word, and the words. A unit test compares what comes of it with what a reader of TOML says.
    fn words(constant: &str) -> (usize, Vec<u64>) {
        if let Some(text) = value(constant, "text") {
            return (1, text.bytes().map(u64::from).collect());
        }
        let width: usize = value(constant, "width").and_then(|bits| bits.parse().ok()).unwrap_or_default();
        let words = value(constant, "words").unwrap_or_default().split_whitespace();
        (width / 8, words.filter_map(|word| u64::from_str_radix(word, 16).ok()).collect())
    }

    /// What stands behind a key at the beginning of a line.
    fn value<'t>(constant: &'t str, key: &str) -> Option<&'t str> {
        let (_, rest) = constant.split_once(&format!("\n{key} = "))?;
        let quote = ["\"\"\"", "\""].into_iter().find(|quote| rest.starts_with(quote));
        match quote {
            Some(quote) => rest[quote.len()..].split(quote).next(),
            None => rest.lines().next(),
        }
    }
}

#[cfg(feature = "analysis")]
mod rules {
    use std::{
        env, fs,
        path::{Path, PathBuf},
    };

    use saphyr_parser::{Event, Parser};

    /// Writes `OUT_DIR/rules.bin`: of each file its name, its text and what the parser says of it, each as
    /// its length in four bytes, lowest first, and the bytes.
    pub(crate) fn write() {
        let mut files = Vec::new();
        collect(Path::new("rules/behavior"), &mut files);
        let mut bytes = Vec::new();
        for file in files {
            let text =
                fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let name: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
            put(&mut bytes, name.join("/").as_bytes());
            put(&mut bytes, text.as_bytes());
            put(&mut bytes, &tree(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        }
        let folder = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        fs::write(folder.join("rules.bin"), bytes).unwrap_or_else(|error| panic!("rules.bin: {error}"));
    }

    /// The rule files below a folder, by name.
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
                files.push(path);
            }
        }
    }

    /// A list or map that is not yet complete.
    struct Open {
        kind: u8,
        start: usize,
        items: u32,
        bytes: Vec<u8>,
    }

    /// What the parser says, as a tree: of each node its kind, where it begins and ends in characters, and
    /// how many bytes of text, items or pairs it has; then those. All text stands together in front.
    fn tree(text: &str) -> Result<Vec<u8>, String> {
        let (mut texts, mut parser) = (String::new(), Parser::new_from_str(text));
        let mut open = vec![Open { kind: b'.', start: 0, items: 0, bytes: Vec::new() }];
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| error.to_string())?;
            let (start, end) = (span.start.index(), span.end.index());
            match event {
                Event::Scalar(text, _, 0, None) => {
                    texts.push_str(&text);
                    let node = node(b's', start, end, text.len(), &[])?;
                    add(&mut open, &node)?;
                }
                Event::SequenceStart(0, None) => {
                    open.push(Open { kind: b'[', start, items: 0, bytes: Vec::new() })
                }
                Event::MappingStart(0, None) => {
                    open.push(Open { kind: b'{', start, items: 0, bytes: Vec::new() })
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Open { kind, start, items, bytes } =
                        open.pop().ok_or("an end without a beginning")?;
                    let items = if kind == b'{' { items / 2 } else { items };
                    let node = node(kind, start, end.max(start), items as usize, &bytes)?;
                    add(&mut open, &node)?;
                }
                Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    return Err("anchors, aliases and tags are not allowed in rules".into());
                }
                _ => {}
            }
        }
        let root = open.pop().ok_or("no document")?;
        let mut all = Vec::new();
        put(&mut all, texts.as_bytes());
        all.extend(root.bytes);
        Ok(all)
    }

    fn add(open: &mut [Open], node: &[u8]) -> Result<(), String> {
        let last = open.last_mut().ok_or("a node outside of the document")?;
        last.items += 1;
        last.bytes.extend(node);
        Ok(())
    }

    fn node(kind: u8, start: usize, end: usize, count: usize, inner: &[u8]) -> Result<Vec<u8>, String> {
        let mut bytes = vec![kind];
        for number in [start, end, count] {
            bytes.extend(u32::try_from(number).map_err(|error| error.to_string())?.to_le_bytes());
        }
        bytes.extend(inner);
        Ok(bytes)
    }

    fn put(out: &mut Vec<u8>, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or_else(|error| panic!("{error}"));
        out.extend(len.to_le_bytes());
        out.extend(bytes);
    }
}
