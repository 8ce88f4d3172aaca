//! Debug information: the file and line of an instruction, and the calls that were inlined there.
//!
//! DWARF of a module of WebAssembly stands in custom sections, its addresses count from the contents of the
//! code section. It is read once, as far as a budget of steps allows that follows its length. Entries and
//! sections may refer to the same bytes again and again, so reading them all could take the square of the
//! file. Code whose information is not read has no lines, as if it had been stripped. Whoever made a sample
//! chose all of it.
//!
//! Read with gimli. Not with addr2line, which is made for files that one trusts: it follows every list of
//! ranges of every entry, whatever that takes.
//!
//! Not here: types and variables.

mod features;
mod map;
mod read;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

pub use features::DebugFeatures;

use super::{
    CodeOffset,
    demangle::demangled,
    limits::{INLINED_FRAMES, SPANS_WALKED},
};

/// Where in the source an instruction comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceFrame {
    /// The function; absent if the file does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The file, as the compiler was given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl SourceFrame {
    /// `file.rs:12`; `None` without a file.
    pub fn line(&self) -> Option<String> {
        let file = self.file.as_deref()?;
        Some(self.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
    }
}

/// The debug information of a module, as far as it was read.
#[derive(Debug, Default)]
pub struct Dwarf {
    /// Ascending by address.
    rows: Vec<Row>,
    /// Ascending by their begin, outer before inner ones.
    spans: Vec<Span>,
    files: Vec<String>,
    /// Names of functions, mangled if they have such a name.
    names: Vec<String>,
    is_cut: bool,
    features: DebugFeatures,
}

/// From here on, up to the next row, instructions come from this line.
#[derive(Debug, Clone, Copy)]
struct Row {
    address: u32,
    /// `None` behind the last instruction of a sequence, and of unknown files.
    at: Option<Position>,
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
struct Position {
    file: u32,
    line: u32,
    column: u32,
}

/// The instructions of a function or of an inlined call.
#[derive(Debug, Clone)]
struct Span {
    begin: u32,
    end: u32,
    name: Option<u32>,
    /// Where it was called, of one that was inlined.
    call: Option<Position>,
    /// The span around it.
    parent: Option<u32>,
}

impl Dwarf {
    /// Reads the debug information among custom sections, given by their names; `None` if there is none.
    /// `code` is where the contents of the code section begin.
    pub(super) fn of(sections: &[(&str, &[u8])], code: u32) -> Option<Arc<Self>> {
        let has = |name: &str| sections.iter().any(|(found, _)| *found == name);
        if !has(".debug_info") && !has(".debug_line") {
            return None;
        }
        let mut dwarf = read::Reader::read(sections, code);
        let (files, lines, is_cut) = (dwarf.files.len() as u64, dwarf.rows.len() as u64, dwarf.is_cut);
        dwarf.features = DebugFeatures { files, lines, is_cut, ..dwarf.features };
        // Where one sequence ends another may begin.
        dwarf.rows.sort_by_key(|row| (row.address, row.at.is_some()));
        dwarf.nest();
        Some(Arc::new(dwarf))
    }

    /// Whether part of it was not read.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What it consists of.
    pub fn features(&self) -> &DebugFeatures {
        &self.features
    }

    /// Rows of its line table that were read.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Gives each span the one around it.
    fn nest(&mut self) {
        self.spans.sort_by_key(|span| (span.begin, std::cmp::Reverse(span.end)));
        let mut open: Vec<u32> = Vec::new();
        for position in 0..self.spans.len() {
            let end = self.spans[position].end;
            while open.last().is_some_and(|&last| self.spans[last as usize].end < end) {
                open.pop();
            }
            self.spans[position].parent = open.last().copied();
            open.push(position as u32);
        }
    }

    /// Where the instruction at `offset` of the module comes from: the innermost call first, last the
    /// function that it stands in. Empty if nothing is known.
    pub fn frames(&self, offset: CodeOffset) -> Vec<SourceFrame> {
        let mut at = self.position(offset.0);
        let mut frames = Vec::new();
        for span in self.around(offset.0) {
            let name = span.name.and_then(|name| self.names.get(name as usize));
            frames.push(self.frame(name.map(|name| demangled(name).unwrap_or_else(|| name.clone())), at));
            at = span.call;
        }
        if frames.is_empty() && at.is_some() {
            frames.push(self.frame(None, at));
        }
        frames
    }

    fn frame(&self, function: Option<String>, at: Option<Position>) -> SourceFrame {
        let file = at.and_then(|at| self.files.get(at.file as usize)).cloned();
        let number = |number: u32| (number != 0).then_some(number);
        SourceFrame {
            function,
            file,
            line: at.and_then(|at| number(at.line)),
            column: at.and_then(|at| number(at.column)),
        }
    }

    fn position(&self, offset: u32) -> Option<Position> {
        let behind = self.rows.partition_point(|row| row.address <= offset);
        self.rows.get(behind.checked_sub(1)?)?.at
    }

    /// The spans that hold an offset, innermost first.
    fn around(&self, offset: u32) -> impl Iterator<Item = &Span> {
        let behind = self.spans.partition_point(|span| span.begin <= offset);
        let last = behind.checked_sub(1).and_then(|position| self.spans.get(position));
        let parent = |span: &&Span| self.spans.get(span.parent? as usize);
        std::iter::successors(last, parent)
            .take(SPANS_WALKED)
            .filter(move |span| span.end > offset)
            .take(INLINED_FRAMES)
    }
}

#[cfg(test)]
pub(super) mod tests;
