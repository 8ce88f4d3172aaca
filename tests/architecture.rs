//! `docs/architecture.md` against the code: its table of layers is the only statement of the order, and every
//! `use` line and path in `src/` keeps it.
//!
//! Not here: calls of methods, which name no path; code under `#[cfg(test)]`, which may look anywhere.

#[path = "architecture/constants.rs"]
mod constants;
#[path = "architecture/limits.rs"]
mod limits;
#[path = "architecture/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use source::{Arrow, Tree};

const DOC: &str = "docs/architecture.md";

/// A row of the table: paths that it stands for, and its line.
struct Layer {
    paths: Vec<String>,
    line: usize,
}

/// The table of layers, from the ground up.
struct Layers(Vec<Layer>);

impl Layers {
    fn read(root: &Path) -> Self {
        let text = fs::read_to_string(root.join(DOC)).expect("the page is there");
        let rows = text.lines().enumerate().filter_map(|(at, line)| {
            let cell = line.strip_prefix("| ")?.split('|').next()?;
            let paths: Vec<_> = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            paths.iter().all(|path| path.starts_with("src/")).then_some(Layer { paths, line: at + 1 })
        });
        Self(rows.filter(|layer| !layer.paths.is_empty()).collect())
    }

    /// The position of the layer that a file belongs to: that of the longest path that leads to it.
    fn of(&self, file: &str) -> Option<usize> {
        let fits = |path: &String| file == path || (path.ends_with('/') && file.starts_with(path.as_str()));
        let rows = self.0.iter().enumerate();
        let found = rows.filter_map(|(at, layer)| {
            Some((layer.paths.iter().filter(|path| fits(path)).map(String::len).max()?, at))
        });
        found.max().map(|(_, at)| at)
    }

    /// The fault of an arrow, with the line that makes it and the rows that it goes against.
    fn against(&self, arrow: &Arrow) -> Option<String> {
        let (from, to) = (self.of(&arrow.from)?, self.of(&arrow.to)?);
        let row = |at: usize| format!("`{}` ({DOC}:{})", self.0[at].paths.join("`, `"), self.0[at].line);
        (from < to).then(|| {
            let Arrow { from: file, line, to: target, path } = arrow;
            format!("{file}:{line} uses `{path}` of {target}: {} stands below {}", row(from), row(to))
        })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_stands_in_a_layer_and_every_layer_has_files() {
    let (tree, layers) = (Tree::read(root()), Layers::read(root()));
    let mut found = vec![0; layers.0.len()];
    for file in tree.files() {
        let at = layers.of(file).unwrap_or_else(|| panic!("{file} stands in no layer of {DOC}"));
        found[at] += 1;
    }
    for (layer, files) in layers.0.iter().zip(found) {
        assert!(files > 0, "{DOC}:{}: no file in `{}`", layer.line, layer.paths.join("`, `"));
    }
}

#[test]
fn no_arrow_goes_against_the_order() {
    let (tree, layers) = (Tree::read(root()), Layers::read(root()));
    let arrows = tree.arrows();
    assert!(arrows.len() > 1000, "{} arrows found: the paths are not read", arrows.len());
    let wrong: Vec<_> = arrows.iter().filter_map(|arrow| layers.against(arrow)).collect();
    assert!(wrong.is_empty(), "{} arrows against the order:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_files_know_each_other() {
    let arrows = Tree::read(root()).arrows();
    let counts = |arrow: &&Arrow| {
        let inside = |file: &String| file.starts_with("src/sandbox/") && !file.starts_with("src/sandbox/fs/");
        !(is_face(arrow) || inside(&arrow.from) && inside(&arrow.to))
    };
    let knots = knots(arrows.iter().filter(counts));
    assert!(knots.is_empty(), "files that know each other:\n{}", knots.join("\n"));
}

/// A folder's `mod.rs` puts together what stands in the folder, as `metric.rs` does with what stands in
/// `metric/`.
fn is_face(arrow: &Arrow) -> bool {
    let folder = arrow
        .from
        .strip_suffix("mod.rs")
        .map_or_else(|| format!("{}/", arrow.from.strip_suffix(".rs").unwrap_or(&arrow.from)), str::to_owned);
    arrow.to.starts_with(&folder)
}

/// The arrows of each circle: those whose target leads back to their source.
fn knots<'a>(arrows: impl Iterator<Item = &'a Arrow>) -> Vec<String> {
    let mut targets: BTreeMap<&str, BTreeMap<&str, &Arrow>> = BTreeMap::new();
    for arrow in arrows {
        targets.entry(&arrow.from).or_default().entry(&arrow.to).or_insert(arrow);
    }
    let reached = |start: &&'a str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![*start]);
        while let Some(file) = open.pop() {
            let next = targets.get(file).into_iter().flat_map(BTreeMap::keys);
            open.extend(next.filter(|file| seen.insert(**file)));
        }
        (*start, seen)
    };
    let reached: BTreeMap<_, _> = targets.keys().map(reached).collect();
    let leads_back =
        |arrow: &&&Arrow| reached.get(&*arrow.to).is_some_and(|seen| seen.contains(&*arrow.from));
    let shown =
        |arrow: &&Arrow| format!("{}:{} uses `{}` of {}", arrow.from, arrow.line, arrow.path, arrow.to);
    targets.values().flat_map(BTreeMap::values).filter(leads_back).map(shown).collect()
}

#[test]
fn an_arrow_is_found_however_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("src/main.rs", "mod cli;");
    write("src/cli.rs", "use wasmspoor::high;\nfn main() { high::go() }");
    write("src/lib.rs", "pub mod high;\nmod low;\npub use high::Thing as Renamed;");
    write("src/high/mod.rs", "mod inner;\npub use self::inner::{Thing, go};\npub(crate) const N: u8 = 0;");
    write("src/high/inner.rs", "pub struct Thing;\npub fn go() {}\nuse super::N;");
    let layers = |text| Layers(vec![layer(text, 1), layer("src/high/", 2), layer("src/cli.rs", 3)]);
    fn layer(path: &str, line: usize) -> Layer {
        Layer { paths: vec![path.to_owned()], line }
    }
    for (text, expected) in [
        ("use crate::high::Thing;", Some("src/low.rs:1 uses `high::inner::Thing` of src/high/inner.rs")),
        ("fn f() -> crate::Renamed { loop {} }", Some("high::inner::Thing")),
        ("use crate::{hex, high::{inner as _, Thing as T}};", Some("src/high/inner.rs")),
        ("use super::high;\n\nfn f() { high::go() }", Some("src/low.rs:3 uses `high::inner::go`")),
        ("fn f() { println!(\"{}\", crate::high::N) }", Some("src/high/mod.rs")),
        ("macro_rules! m { () => { $crate::high::N } }", Some("src/high/mod.rs")),
        ("use crate::high::*;", Some("src/high/mod.rs")),
        ("mod own { pub(super) fn f() -> u8 { super::super::high::N } }", Some("src/high/mod.rs")),
        ("#[cfg(test)]\nmod tests { use crate::high::Thing; }", None),
        ("#[cfg(not(test))]\nuse crate::high::Thing;", Some("src/low.rs:2")),
        ("/// See [`crate::high::Thing`].\nfn f() { \"crate::high::Thing\"; }", None),
        ("use std::fmt;\nfn f() -> fmt::Result { Ok(()) }", None),
    ] {
        write("src/low.rs", text);
        let arrows = Tree::read(dir.path()).arrows();
        let wrong: Vec<_> = arrows.iter().filter_map(|arrow| layers("src/low.rs").against(arrow)).collect();
        match expected {
            Some(expected) => {
                assert!(wrong.iter().any(|wrong| wrong.contains(expected)), "{text}: {wrong:?}")
            }
            None => assert!(wrong.is_empty(), "{text}: {wrong:?}"),
        }
    }
    write("src/low.rs", "use crate::high::other::B;\npub struct A;");
    write("src/high/mod.rs", "pub mod inner;\npub mod other;\nfn f() { other::B }");
    write("src/high/inner.rs", "use crate::low::A;");
    write("src/high/other.rs", "pub use super::inner::C as B;\nfn f() -> super::G { super::inner::C }");
    write("src/lib.rs", "mod high;\nmod low;");
    let arrows = Tree::read(dir.path()).arrows();
    let found = knots(arrows.iter().filter(|arrow| !is_face(arrow)));
    let expected = [
        "src/high/inner.rs:1 uses `low::A` of src/low.rs",
        "src/low.rs:1 uses `high::inner::C` of src/high/inner.rs",
    ];
    assert_eq!(found, expected, "through a re-export; the face is no need");
}
