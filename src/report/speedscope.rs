//! Call stacks as a profile that speedscope and its like read: what ran on each stack, in instructions.
//!
//! One profile of type `sampled`: a sample for each stack, its weight the instructions that ran on it. Frames
//! have the file and line of their function where the module has debug information.

use std::{collections::HashMap, io};

use serde::Serialize;

use super::Names;
use super::limits::NAME_CHARS;
use crate::{
    module::{FuncIndex, view::View},
    passes::stacks::Stacks,
    text::{clip, write_json_line},
};

#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: &'static str,
    name: &'a str,
    shared: Shared,
    profiles: [Profile<'a>; 1],
}

#[derive(Serialize)]
struct Shared {
    frames: Vec<Frame>,
}

#[derive(Serialize)]
struct Frame {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

/// Writes the stacks of a run.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(name: &str, stacks: &Stacks, view: &View, out: &mut impl io::Write) -> io::Result<()> {
    let names = Names::of(view);
    let mut numbers: HashMap<FuncIndex, usize> = HashMap::new();
    let mut frames = Vec::new();
    let mut number = |func: FuncIndex| {
        *numbers.entry(func).or_insert_with(|| {
            frames.push(frame(func, &names, view));
            frames.len() - 1
        })
    };
    let samples: Vec<Vec<_>> =
        stacks.stacks.iter().map(|stack| stack.funcs.iter().map(|&func| number(func)).collect()).collect();
    let weights: Vec<_> = stacks.stacks.iter().map(|stack| stack.instructions).collect();
    let name = clip(name, NAME_CHARS);
    let end_value = weights.iter().fold(0, |sum: u64, weight| sum.saturating_add(*weight));
    let profile =
        Profile { kind: "sampled", name: &name, unit: "none", start_value: 0, end_value, samples, weights };
    let file = File {
        schema: "https://www.speedscope.app/file-format-schema.json",
        exporter: "wasmspoor",
        name: &name,
        shared: Shared { frames },
        profiles: [profile],
    };
    write_json_line(out, &file)
}

/// The index keeps functions of the same name apart.
fn frame(func: FuncIndex, names: &Names<'_>, view: &View) -> Frame {
    let place = view.function(func).map(|function| view.source(function.offset)).unwrap_or_default();
    let source = place.into_iter().next_back();
    Frame {
        name: names.func(func),
        line: source.as_ref().and_then(|source| source.line),
        file: source.and_then(|source| source.file),
    }
}
