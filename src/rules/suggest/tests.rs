use std::{fs, path::Path};

use super::*;

/// Files of `corpus/` whose names begin so, or do not.
fn corpus(is_benign: bool) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "wat"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("benign-") == is_benign)
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

fn matches(rule: &str, wasm: &[u8]) -> bool {
    let rules = compile(&[Source::new("a.yar", rule)]).unwrap_or_else(|error| panic!("{error}\n{rule}"));
    !rules.search(wasm).unwrap().is_empty()
}

#[test]
fn rules_for_the_corpus_find_their_sample_and_no_benign_file() {
    let benign = corpus(true);
    assert!(benign.len() > 15);
    let binaries: Vec<_> = benign.iter().map(|(_, bytes)| to_binary(bytes).unwrap().into_owned()).collect();
    let (mut made, mut without) = (0, Vec::new());
    for (name, sample) in corpus(false) {
        let Ok(wasm) = to_binary(&sample) else { continue };
        match suggest(&sample, None, benign.iter().cloned()) {
            Ok(found) => {
                assert!(matches(&found.text, &wasm), "{name}: {}", found.text);
                let hit = benign.iter().zip(&binaries).find(|(_, bytes)| matches(&found.text, bytes));
                assert!(hit.is_none(), "{name} hits {:?}: {}", hit.map(|hit| &hit.0.0), found.text);
                assert_eq!(found.benign, benign.len());
                made += 1;
            }
            Err(SuggestError::NothingRare { .. }) => without.push(name),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(made > 4 * without.len(), "{made} rules, none for {without:?}");
}

/// A program with a text, of which the other parts are those of another build: a function more before its
/// own, and its data elsewhere.
fn build(before: &str, address: u32, text: &str) -> Vec<u8> {
    let wat = format!(
        r#"(module (memory 2) (global $g (mut i32) (i32.const 0)) {before}
        (func $mix (param i32 i32) (result i32)
          (i32.store offset=4 (local.get 0) (i32.rotl (i32.load (local.get 0)) (i32.const 7)))
          (i32.xor (i32.add (local.get 0) (i32.const 0x9e3779b9))
            (i32.shr_u (i32.mul (local.get 1) (i32.const 0x85ebca6b)) (i32.const 13))))
        (func (export "f") (result i32)
          (call $mix (i32.const {address}) (i32.load8_u (i32.const {address}))))
        (data (i32.const {address}) "{text}"))"#
    );
    wat::parse_str(wat).unwrap()
}

#[test]
fn another_build_is_found_and_another_program_is_not() {
    let text = "http://pool.invalid:3333/login";
    let sample = build("", 1024, text);
    let other = build("(func (param i64) (result i64) (local.get 0))", 70_000, text);
    let found = suggest(&sample, Some("mine"), []).unwrap();
    assert!(found.text.starts_with("rule mine\n") && found.text.contains(text), "{}", found.text);
    assert!(found.text.contains(" ?? ") || found.strings > 1, "{}", found.text);
    assert!(matches(&found.text, &sample) && matches(&found.text, &other), "{}", found.text);
    let stranger = wat::parse_str("(module (func (export \"g\") (result i32) (i32.const 3)))").unwrap();
    assert!(!matches(&found.text, &stranger), "{}", found.text);
    // The same twice.
    assert_eq!(suggest(&sample, Some("mine"), []).unwrap(), found);
}

#[test]
fn what_benign_files_have_is_left_out() {
    let sample = build("", 1024, "http://pool.invalid:3333/login");
    let benign = build("", 1024, "a text of a program that is known");
    let found = suggest(&sample, None, [("benign".to_owned(), benign.clone())]);
    match found {
        Ok(found) => assert!(found.common > 0 && !matches(&found.text, &benign), "{}", found.text),
        Err(SuggestError::NothingRare { common, .. }) => assert!(common > 0),
        Err(error) => panic!("{error}"),
    }
    let same = [("itself".to_owned(), sample.clone())];
    assert!(matches!(suggest(&sample, None, same), Err(SuggestError::NothingRare { .. })));
}

#[test]
fn hostile_texts_stay_texts_and_what_is_no_module_is_an_error() {
    let sample = build("", 1024, r#"\" condition: true } /* \\ */ rule x { \e9 xyzabc"#);
    let found = suggest(&sample, None, []).unwrap();
    assert!(matches(&found.text, &sample), "{}", found.text);
    assert_eq!(found.text.matches("rule suggested_").count(), 1);
    let compiled = compile(&[Source::new("a.yar", &found.text)]).unwrap();
    assert_eq!(compiled.names().count(), 1);
    assert!(matches!(suggest(b"MZ", None, []), Err(SuggestError::Load(_))));
    assert!(matches!(suggest(b"\0asm\x01\0\0\0", None, []), Err(SuggestError::NothingRare { .. })));
}
