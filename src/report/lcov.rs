//! Coverage by source line, in the format of lcov: which lines ran how often, for genhtml and editors.
//!
//! Lines are those of the debug information, or of the text that a sample was given as. A line counts as
//! often as the instruction of it that ran most. Inlined code counts for the line that it comes from.

use std::{collections::BTreeMap, io};

use super::Names;
use crate::{
    module::{CodeOffset, FuncIndex, Lines, Module, view::View},
    passes::flow::RanBlock,
    text::line,
};

/// What is written from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The sample as the user named it.
    pub name: &'a str,
    /// The sample.
    pub module: &'a Module,
    /// What its bytes say.
    pub view: &'a View,
    /// The text that it was given as, if so.
    pub text: Option<&'a str>,
}

/// What is known of a file.
#[derive(Default)]
struct File {
    /// Line → how often it ran.
    lines: BTreeMap<u32, u64>,
    /// Function → its line and how often it was entered.
    functions: BTreeMap<FuncIndex, (u32, u64)>,
}

/// Writes which lines ran, of all lines that have code.
///
/// # Errors
///
/// When `out` cannot be written, or nothing tells lines.
pub fn write(source: Source<'_>, blocks: &[RanBlock], out: &mut impl io::Write) -> io::Result<()> {
    let Some(lines) = Place::of(source) else {
        let why =
            "the module has no debug information, and the sample was not given as text: there are no lines";
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    };
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let counts = counts(blocks);
    for func in source.module.defined() {
        let Ok(code) = source.module.code(func) else { continue };
        let mut is_entered = false;
        for op in code.ops() {
            let Some((file, number)) = lines.at(func, op.offset) else { continue };
            let count = counts.get(&op.offset).copied().unwrap_or(0);
            let file = files.entry(file).or_default();
            let ran = file.lines.entry(number).or_default();
            *ran = count.max(*ran);
            if !is_entered {
                is_entered = true;
                file.functions.insert(func, (number, count));
            }
        }
    }
    let names = Names::of(source.view);
    files.iter().try_for_each(|(name, file)| record(name, file, &names, out))
}

/// Instruction → how often it ran.
fn counts(blocks: &[RanBlock]) -> BTreeMap<CodeOffset, u64> {
    let of = |block: &RanBlock| block.instructions.iter().map(|at| (*at, block.count)).collect::<Vec<_>>();
    blocks.iter().flat_map(of).collect()
}

/// Who knows the lines.
enum Place<'a> {
    Dwarf(&'a View),
    Text(&'a str, Lines),
}

impl<'a> Place<'a> {
    fn of(source: Source<'a>) -> Option<Self> {
        if source.view.dwarf.is_some() {
            return Some(Self::Dwarf(source.view));
        }
        let lines = Lines::of(source.text?, source.module)?;
        Some(Self::Text(source.name, lines))
    }

    fn at(&self, func: FuncIndex, offset: CodeOffset) -> Option<(String, u32)> {
        match self {
            Self::Dwarf(view) => {
                let frame = view.source(offset).into_iter().next()?;
                Some((frame.file?, frame.line?))
            }
            Self::Text(name, lines) => Some(((*name).to_owned(), lines.line(func, offset)?)),
        }
    }
}

fn record(name: &str, file: &File, names: &Names<'_>, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "TN:\nSF:{}", line(name))?;
    let called = called(file, names);
    // A comma ends the number before a name, and nothing ends the name but its line.
    for (name, at, _) in &called {
        writeln!(out, "FN:{at},{name}")?;
    }
    for (name, _, count) in &called {
        writeln!(out, "FNDA:{count},{name}")?;
    }
    let hit = called.iter().filter(|(.., count)| *count > 0).count();
    writeln!(out, "FNF:{}\nFNH:{hit}", called.len())?;
    for (at, count) in &file.lines {
        writeln!(out, "DA:{at},{count}")?;
    }
    let ran = file.lines.values().filter(|count| **count > 0).count();
    writeln!(out, "LF:{}\nLH:{ran}\nend_of_record", file.lines.len())
}

/// The functions of a file: name, line, how often each was entered. Readers of the file go by names, so
/// functions of one name (of a generic one, say) have their index before it.
fn called(file: &File, names: &Names<'_>) -> Vec<(String, u32, u64)> {
    let name = |func| names.name(func).unwrap_or_else(|| format!("func_{func}"));
    let mut bearers: BTreeMap<String, u64> = BTreeMap::new();
    for &func in file.functions.keys() {
        *bearers.entry(name(func)).or_default() += 1;
    }
    let told = file.functions.iter().map(|(&func, &(at, count))| match name(func) {
        name if bearers.get(&name).is_some_and(|count| *count > 1) => (names.func(func), at, count),
        name => (name, at, count),
    });
    told.collect()
}
