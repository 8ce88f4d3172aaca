//! The program, called as a user would. Not a part of `common`: fuzz targets share that and have no program.

#![allow(dead_code)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// Runs it to its end.
pub(crate) fn spoor(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).output().expect("the binary runs")
}

/// What it prints when it ends well.
pub(crate) fn shown(words: &[&str]) -> String {
    let output = spoor(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Its exit code, and what it says on both streams.
pub(crate) fn told(words: &[&str]) -> (Option<i32>, String) {
    let output = spoor(words);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("UTF-8"))
}

/// The object that it prints, whatever its exit code says.
pub(crate) fn json(words: &[&str]) -> Value {
    let output = spoor(words);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A path as a word of a command line.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

/// The objects on the lines of an output or a table.
pub(crate) fn lines(bytes: impl AsRef<[u8]>) -> Vec<Value> {
    let lines = std::str::from_utf8(bytes.as_ref()).expect("JSON is UTF-8").lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The rows of a table of a scan.
pub(crate) fn table(folder: &Path, name: &str) -> Vec<Value> {
    lines(fs::read(folder.join(format!("{name}.jsonl"))).unwrap())
}

/// A module whose export `name` returns a number: small, and different for each name.
pub(crate) fn module(name: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (func (export \"{name}\") (result i32) (i32.const 7)))")).unwrap()
}
