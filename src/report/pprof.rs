//! Call stacks as `pprof` and its like read them: `profile.proto`, not compressed.
//!
//! A sample for each stack, its value the instructions that ran on it. Addresses are offsets in the module.
//! The messages have the fields of the format that are written here, by its numbers:
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>.

use std::{collections::HashMap, io};

use prost::Message;

use super::limits::NAME_CHARS;
use super::{Names, placed};
use crate::{
    module::{FuncIndex, view::View},
    passes::stacks::Stacks,
    text::clip,
};

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
}

/// Both are numbers of strings, as all texts of the format.
#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    /// Innermost first.
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "3")]
    memory_limit: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
    #[prost(int64, tag = "6")]
    build_id: i64,
    #[prost(bool, tag = "7")]
    has_functions: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// The strings of a profile. The first is empty.
#[derive(Default)]
struct Strings {
    numbers: HashMap<String, i64>,
    texts: Vec<String>,
}

impl Strings {
    fn number(&mut self, text: &str) -> i64 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as i64;
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }
}

/// A profile being made.
struct Maker<'v> {
    names: Names<'v>,
    view: &'v View,
    strings: Strings,
    profile: Profile,
    /// Function → its location, which has the same number as the function there.
    numbers: HashMap<FuncIndex, u64>,
}

/// Writes the stacks of a run.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(name: &str, stacks: &Stacks, view: &View, out: &mut impl io::Write) -> io::Result<()> {
    let (names, profile) = (Names::of(view), Profile::default());
    let mut maker = Maker { names, view, strings: Strings::default(), profile, numbers: HashMap::new() };
    maker.begin(name);
    for stack in &stacks.stacks {
        let location_id = stack.funcs.iter().rev().map(|&func| maker.location(func)).collect();
        let value = vec![i64::try_from(stack.instructions).unwrap_or(i64::MAX)];
        maker.profile.sample.push(Sample { location_id, value });
    }
    maker.profile.string_table = maker.strings.texts;
    out.write_all(&maker.profile.encode_to_vec())
}

impl Maker<'_> {
    /// What is measured, and of which file.
    fn begin(&mut self, name: &str) {
        self.strings.number("");
        let (kind, unit) = (self.strings.number("instructions"), self.strings.number("count"));
        self.profile.sample_type.push(ValueType { kind, unit });
        let (filename, build_id) = (
            self.strings.number(&clip(name, NAME_CHARS)),
            self.strings.number(&self.view.file.sha256.to_string()),
        );
        let memory_limit = self.view.file.size;
        self.profile.mapping.push(Mapping { id: 1, memory_limit, filename, build_id, has_functions: true });
    }

    fn location(&mut self, func: FuncIndex) -> u64 {
        if let Some(&number) = self.numbers.get(&func) {
            return number;
        }
        let id = self.numbers.len() as u64 + 1;
        self.numbers.insert(func, id);
        let defined = self.view.function(func);
        let source = defined.and_then(|function| self.view.source(function.offset).pop());
        let line = source.as_ref().and_then(|source| source.line).unwrap_or(0).into();
        let filename = source.and_then(|source| source.file).map_or(0, |file| self.strings.number(&file));
        let name = self.strings.number(&self.names.func(func));
        let as_given = defined.and_then(|function| function.name.as_deref()).unwrap_or_default();
        let system_name = self.strings.number(&clip(as_given, NAME_CHARS));
        self.profile.function.push(Function { id, name, system_name, filename });
        let address = defined.and_then(|function| placed::body(self.view, function)).unwrap_or(0);
        let line = vec![Line { function_id: id, line }];
        self.profile.location.push(Location { id, mapping_id: 1, address, line });
        id
    }
}
