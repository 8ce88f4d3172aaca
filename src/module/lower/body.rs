//! One function body.

use wasm_encoder::{Function, Instruction, reencode::Reencode as _};
use wasmparser::{FunctionBody, Operator};

use crate::module::{atomic::Atomic, limits::MAX_LOCALS};

use super::{
    atomics::{self, SCRATCH, Scratch},
    lacking::is_lacking,
    sections::{Refused, Sections},
    sites::{FunctionSites, Stop},
    writer::Writer,
};

/// Code that is left out.
#[derive(Debug, Clone, Copy)]
struct Skip {
    /// Constructs that began in it.
    depth: u32,
    /// Whether it is handlers, to the end of their `try`, or what follows a stop.
    is_handlers: bool,
}

/// A body being read.
struct Reader<'s> {
    sections: &'s mut Sections,
    body: Writer,
    scratch: Scratch,
    skip: Option<Skip>,
}

/// Writes a body anew. One that is too heavy is never translated, and so nothing is left of it.
pub(super) fn lower(
    sections: &mut Sections,
    body: &FunctionBody<'_>,
    params: u32,
    is_heavy: bool,
) -> Result<(Function, FunctionSites), Refused> {
    if is_heavy {
        let mut function = Function::new([]);
        function.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
        return Ok((function, FunctionSites::default()));
    }
    let start = body.range().start;
    let (mut locals, mut count) = (Vec::new(), params);
    for group in body.get_locals_reader()? {
        let (number, ty) = group?;
        count = count.saturating_add(number);
        locals.push((number, sections.val_type(ty)?));
    }
    if count.saturating_add(SCRATCH) <= MAX_LOCALS && has_atomics(body)? {
        locals.extend(Scratch::types());
    }
    let mut reader = Reader { sections, body: Writer::new(locals), scratch: Scratch(count), skip: None };
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        reader.body.at((operators.original_position() - start) as u32);
        reader.operator(operators.read()?)?;
    }
    Ok(reader.body.finish())
}

fn has_atomics(body: &FunctionBody<'_>) -> Result<bool, Refused> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        if Atomic::of(&operators.read()?).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Reader<'_> {
    fn operator(&mut self, operator: Operator<'_>) -> Result<(), Refused> {
        if self.is_skipped(&operator) {
            return Ok(());
        }
        match operator {
            Operator::Try { blockty } => self.enter(blockty)?,
            Operator::TryTable { try_table } => self.enter(try_table.ty)?,
            Operator::Catch { .. } | Operator::CatchAll => {
                self.body.own(&Instruction::End);
                self.skip = Some(Skip { depth: 0, is_handlers: true });
            }
            Operator::Delegate { .. } => self.body.own(&Instruction::End),
            Operator::AtomicFence { .. } => {}
            operator => match Atomic::of(&operator) {
                Some(atomic) => self.atomic(atomic)?,
                None if is_lacking(&operator) => self.stop(),
                None => {
                    let instruction = self.sections.instruction(operator)?;
                    self.body.own(&instruction);
                }
            },
        }
        Ok(())
    }

    fn enter(&mut self, ty: wasmparser::BlockType) -> Result<(), Refused> {
        let ty = self.sections.block_type(ty)?;
        self.body.own(&Instruction::Block(ty));
        Ok(())
    }

    fn stop(&mut self) {
        self.body.stop(Stop::Unsupported);
        self.skip = Some(Skip { depth: 0, is_handlers: false });
    }

    fn atomic(&mut self, atomic: Atomic) -> Result<(), Refused> {
        let memory = self.sections.memory(&atomic.memarg)?;
        if !atomics::write(&mut self.body, self.scratch, atomic, memory) {
            self.skip = Some(Skip { depth: 0, is_handlers: false });
        }
        Ok(())
    }

    /// Whether the operator is left out.
    fn is_skipped(&mut self, operator: &Operator<'_>) -> bool {
        let Some(skip) = &mut self.skip else { return false };
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => skip.depth += 1,
            Operator::End | Operator::Delegate { .. } if skip.depth > 0 => skip.depth -= 1,
            // The `end` of a `try` was written before its handlers.
            Operator::End if skip.is_handlers => self.skip = None,
            Operator::End
            | Operator::Delegate { .. }
            | Operator::Else
            | Operator::Catch { .. }
            | Operator::CatchAll
                if skip.depth == 0 && !skip.is_handlers =>
            {
                self.skip = None;
                return false;
            }
            _ => {}
        }
        true
    }
}
