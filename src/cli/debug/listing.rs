//! The code of a function as lines: one for each instruction.

use std::io::{self, Write};

use wasmspoor::{
    module::{CodeOffset, FuncIndex, Op},
    trace::Trace,
    values::Activation,
};

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
pub(super) fn text(trace: &Trace, func: FuncIndex) -> String {
    ops(trace, func).iter().map(|op| line(trace, op) + "\n").collect()
}

/// An instruction with its immediates.
fn line(trace: &Trace, op: &Op) -> String {
    let immediates = trace.modules.first().map_or_else(String::new, |module| module.immediates(op.offset));
    format!("{:#08x}  {} {immediates}", op.offset.0, op.opcode.mnemonic()).trim_end().to_owned()
}

/// Prints the instructions around the one that is next.
pub(super) fn around(trace: &Trace, frame: &Activation, out: &mut impl Write) -> io::Result<()> {
    let ops = ops(trace, frame.function);
    let Some(position) = ops.iter().position(|op| op.offset == frame.offset) else { return Ok(()) };
    let first = position.saturating_sub(4);
    for op in ops.iter().skip(first).take(9) {
        let mark = if op.offset == frame.offset { '>' } else { ' ' };
        writeln!(out, "{mark} {}", line(trace, op))?;
    }
    Ok(())
}
