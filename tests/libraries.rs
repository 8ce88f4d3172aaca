//! Functions of libraries by their fingerprints: modules with names, looked at as if they had none.

use std::{fs, path::Path};

use wasmparser::{Parser, Payload};
use wasmspoor::module::view::View;
use wasmspoor_needs::needs;

/// A module without its custom sections.
fn stripped(wasm: &[u8]) -> Vec<u8> {
    let mut out = wasm.to_vec();
    let mut cut = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload.unwrap() {
            let contents = section.range();
            // From its id, over its length, to its end.
            let head = (1..=6).map(|len| contents.start as usize - len);
            let size = (contents.end - contents.start) as usize;
            let is_head = |at: &usize| {
                let mut reader = wasmparser::BinaryReader::new(&wasm[*at + 1..], 0);
                wasm[*at] == 0
                    && reader.read_var_u32().is_ok_and(|len| len as usize == size)
                    && *at + 1 + reader.original_position() as usize == contents.start as usize
            };
            cut.push(head.rev().find(is_head).unwrap()..contents.end as usize);
        }
    }
    for range in cut.into_iter().rev() {
        out.drain(range);
    }
    out
}

/// A name as two compilers and two ways to mangle have in common.
fn key(name: &str) -> String {
    let name = name.trim_start_matches('_').replace("serde_core", "serde");
    name.split("::").last().unwrap_or_default().trim_end_matches('>').to_owned()
}

fn modules(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[needs("../shared/wasi/testsuite")]
#[test]
fn names_of_stripped_functions_are_right() {
    let (mut right, mut wrong) = (0, Vec::new());
    for folder in ["../shared/wasi/testsuite/c", "../shared/wasi/testsuite/rust"] {
        // Some will do: unoptimised, one of Rust takes a second.
        for wasm in modules(folder).into_iter().take(12) {
            let (named, bare) = (View::of(&wasm), View::of(&stripped(&wasm)));
            assert_eq!(named.functions.len(), bare.functions.len());
            for (named, bare) in named.functions.iter().zip(&bare.functions) {
                assert_eq!(named.library, bare.library, "names change nothing");
                let Some((library, name)) = bare.library.zip(named.called()) else { continue };
                match key(library.name) == key(name) {
                    true => right += 1,
                    false => wrong.push(format!("{name} is taken for {}", library.name)),
                }
            }
        }
    }
    assert!(right > 200, "{right}");
    assert!(wrong.len() * 100 <= right, "{} of {right}: {wrong:?}", wrong.len());
}
