//! The code of a function as lines: one for each instruction.

use std::io::{self, Write};

use wasmspoor::{
    module::{CodeOffset, FuncIndex, Op},
    trace::Trace,
    values::Activation,
};

use super::super::places::Places;

/// The column of a listing behind which lines of the source stand.
const SOURCE_COLUMN: usize = 40;

/// The instructions of a function.
pub(super) fn ops(trace: &Trace, func: FuncIndex) -> &[Op] {
    let module = trace.modules.first();
    module.and_then(|module| module.code(func).ok()).map_or(&[][..], |code| code.ops())
}

/// The line of an instruction, from 1; 0 if there is none.
pub(super) fn line_of(trace: &Trace, func: FuncIndex, offset: CodeOffset) -> usize {
    ops(trace, func).iter().position(|op| op.offset == offset).map_or(0, |position| position + 1)
}

/// The text of a function: what a debugger shows as its source.
pub(super) fn text(places: &Places<'_>, func: FuncIndex) -> String {
    lines(places, ops(places.trace, func)).map(|line| line + "\n").collect()
}

/// An instruction with its immediates.
pub(super) fn instruction(places: &Places<'_>, op: &Op) -> String {
    let module = places.trace.modules.first();
    let immediates = module.map_or_else(String::new, |module| module.immediates(op.offset));
    format!("{} {immediates}", op.opcode.mnemonic()).trim_end().to_owned()
}

/// Instructions with their offsets, each that begins a line of the source with that.
fn lines<'a>(places: &'a Places<'_>, ops: &'a [Op]) -> impl Iterator<Item = String> + 'a {
    let mut before = String::new();
    ops.iter().map(move |op| {
        let line = format!("{:#08x}  {}", op.offset.0, instruction(places, op));
        let source = places.source(op.offset);
        if source.is_empty() || source == before {
            return line;
        }
        before.clone_from(&source);
        format!("{line:<SOURCE_COLUMN$}  ;;{}", &source[1..])
    })
}

/// Prints the instructions around the one that is next.
pub(super) fn around(places: &Places<'_>, frame: &Activation, out: &mut impl Write) -> io::Result<()> {
    let ops = ops(places.trace, frame.function);
    let Some(position) = ops.iter().position(|op| op.offset == frame.offset) else { return Ok(()) };
    let shown = &ops[position.saturating_sub(4)..];
    let shown = &shown[..shown.len().min(9)];
    for (op, line) in shown.iter().zip(lines(places, shown)) {
        let mark = if op.offset == frame.offset { '>' } else { ' ' };
        writeln!(out, "{mark} {line}")?;
    }
    Ok(())
}
