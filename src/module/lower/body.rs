//! One function body.

use wasm_encoder::{Function, Instruction, ValType, reencode::Reencode as _};
use wasmparser::{BlockType, Catch, FunctionBody, Operator};

use crate::module::{atomic::Atomic, limits::MAX_LOCALS, spin::Spins};

use super::{
    atomics::{self, SCRATCH, Scratch},
    lacking::is_lacking,
    refusal::{Refused, refused},
    sections::Sections,
    sites::{FunctionSites, Stop},
    survey::Survey,
    temps::Temps,
    writer::{Writer, Written},
};

/// Code that is left out.
#[derive(Debug, Clone, Copy)]
struct Skip {
    /// Constructs that began in it.
    depth: u32,
    /// Whether it is handlers, to the end of their `try`, or what follows a stop.
    is_handlers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The function, a `block`, an `if`, or a `try` that nothing is thrown in.
    Block,
    Loop,
    /// The body of a `try` or `try_table`.
    Try,
    /// Handlers of a `try`.
    Handlers,
}

/// A construct of the sample.
///
/// Blocks are named by how many are open where they begin, themselves included; 0 is the function.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// What a branch to it names.
    pub(super) label: u32,
    /// Of a `try`: the block behind whose end its landing pad is.
    pub(super) pad: u32,
    /// Position of the innermost frame, from this one outwards, that gets what is thrown here.
    pub(super) scope: Option<usize>,
    /// Of a `try_table`.
    pub(super) clauses: Vec<Catch>,
    /// Of a `try`: the local that keeps its exception.
    pub(super) kept: Option<u32>,
    /// Whether a handler is open that takes one tag, or what it takes all of.
    pub(super) is_one: bool,
    pub(super) takes_all: bool,
}

/// A body being read.
pub(super) struct Reader<'s, 'm> {
    pub(super) sections: &'s mut Sections<'m>,
    pub(super) body: Writer,
    pub(super) survey: &'s Survey,
    scratch: Scratch,
    /// Locals of ours for operators on references.
    pub(super) temps: Option<Temps>,
    /// The first local that keeps an exception; `None` if none is kept.
    pub(super) first_kept: Option<u32>,
    /// Whether exceptions are thrown and caught in it.
    pub(super) is_thrown: bool,
    skip: Option<Skip>,
    pub(super) frames: Vec<Frame>,
    /// Blocks that are open.
    pub(super) open: u32,
    /// Position among the defined functions.
    pub(super) position: u32,
    /// Of a module that begins threads.
    spins: Option<Spins>,
}

/// Writes a body anew. One that is too heavy is never translated, and so nothing is left of it.
pub(super) fn lower(
    sections: &mut Sections<'_>,
    body: &FunctionBody<'_>,
    (position, survey): (u32, &Survey),
    is_heavy: bool,
) -> Result<Written, Refused> {
    if is_heavy {
        let mut function = Function::new([]);
        function.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
        return Ok(Written { function, sites: FunctionSites::default(), made: Box::default() });
    }
    let start = body.range().start;
    let params = sections.params(position);
    let (mut encoded, mut count) = (Vec::new(), params.len() as u32);
    for group in body.get_locals_reader()? {
        let (number, ty) = group?;
        count = count.saturating_add(number);
        encoded.push((number, sections.val_type(ty)?));
    }
    let scratch = Scratch(count);
    if survey.has_atomics && count.saturating_add(SCRATCH) <= MAX_LOCALS {
        encoded.extend(Scratch::types());
        count += SCRATCH;
    }
    let kept = survey.locals();
    let first_kept = (kept > 0 && count.saturating_add(kept) <= MAX_LOCALS).then_some(count);
    if first_kept.is_some() {
        encoded.push((kept, ValType::V128));
    }
    if first_kept.is_some() {
        count += kept;
    }
    let has_references = survey.has_references
        || survey.has_tables && sections.has_object_tables()
        || sections.calls_alike(survey);
    let has_temps = has_references && count.saturating_add(Temps::COUNT) <= MAX_LOCALS;
    let temps = has_temps.then_some(Temps(count));
    if has_temps {
        encoded.extend(Temps::types());
    }
    let is_thrown = sections.are_thrown() && survey.can_throw;
    let spins = sections.meetings.is_some().then(|| Spins::of(body));
    let mut reader = Reader {
        sections,
        body: Writer::new(encoded),
        survey,
        scratch,
        temps,
        first_kept,
        is_thrown,
        skip: None,
        frames: Vec::new(),
        open: 0,
        position,
        spins,
    };
    let mut operators = body.get_operators_reader()?;
    reader.body.at((operators.original_position() - start) as u32);
    reader.begin()?;
    while !operators.eof() {
        reader.body.at((operators.original_position() - start) as u32);
        reader.operator(operators.read()?)?;
        if reader.body.len() > reader.sections.room {
            return refused("code that is too large with its exceptions");
        }
    }
    reader.sections.room -= reader.body.len();
    Ok(reader.body.finish())
}

impl Reader<'_, '_> {
    fn operator(&mut self, operator: Operator<'_>) -> Result<(), Refused> {
        let is_loop = matches!(operator, Operator::Loop { .. });
        let can_spin = is_loop && self.spins.as_mut().is_some_and(Spins::next);
        if self.is_skipped(&operator) {
            return Ok(());
        }
        if let Operator::CallIndirect { type_index, table_index }
        | Operator::ReturnCallIndirect { type_index, table_index } = operator
        {
            self.tell_apart(type_index, table_index);
        }
        match operator {
            Operator::Block { .. } | Operator::If { .. } => self.enter(operator, Kind::Block)?,
            Operator::Loop { .. } => {
                self.enter(operator, Kind::Loop)?;
                if let Some(meetings) = self.sections.meetings.filter(|_| can_spin) {
                    meetings.round(&mut self.body);
                }
            }
            Operator::Try { blockty } => self.enter_try(blockty, Vec::new())?,
            Operator::TryTable { try_table } => self.enter_try(try_table.ty, try_table.catches)?,
            Operator::Catch { tag_index } => self.catch(Some(tag_index)),
            Operator::CatchAll => self.catch(None),
            Operator::Delegate { relative_depth } => self.delegate(relative_depth),
            Operator::End => self.end()?,
            Operator::Br { relative_depth } => self.body.own(&Instruction::Br(self.label(relative_depth))),
            Operator::BrIf { relative_depth } => {
                self.body.own(&Instruction::BrIf(self.label(relative_depth)))
            }
            Operator::BrTable { targets } => {
                let labels = targets.targets().map(|depth| Ok(self.label(depth?)));
                let labels = labels.collect::<wasmparser::Result<Vec<_>>>()?;
                let default = self.label(targets.default());
                self.body.own(&Instruction::BrTable(labels.into(), default));
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                let instruction = self.sections.instruction(operator)?;
                self.body.own(&instruction);
                self.look();
            }
            Operator::Throw { tag_index } if self.is_thrown => {
                self.throw(tag_index);
                self.die();
            }
            Operator::ThrowRef if self.is_thrown => {
                self.throw_ref();
                self.die();
            }
            Operator::Rethrow { relative_depth } if self.is_thrown => {
                self.rethrow(relative_depth);
                self.die();
            }
            Operator::RefNull { hty } => self.null(hty)?,
            Operator::RefIsNull => self.is_null(),
            Operator::AtomicFence { .. } => {}
            operator => self.plain(operator)?,
        }
        Ok(())
    }

    fn plain(&mut self, operator: Operator<'_>) -> Result<(), Refused> {
        match Atomic::of(&operator) {
            Some(atomic) => self.atomic(atomic)?,
            None if self.reference(&operator)? => {}
            None if is_lacking(&operator) || self.sections.is_of_empty_table(&operator) => self.stop(),
            None => {
                let instruction = self.sections.instruction(operator)?;
                self.body.own(&instruction);
            }
        }
        Ok(())
    }

    /// What names this label of the sample's here.
    pub(super) fn label(&self, depth: u32) -> u32 {
        // It is valid.
        let frame = self.frames.len().checked_sub(1 + depth as usize).and_then(|at| self.frames.get(at));
        self.open - frame.map_or(0, |frame| frame.label)
    }

    pub(super) fn scope(&self) -> Option<usize> {
        self.frames.last().and_then(|frame| frame.scope)
    }

    pub(super) fn push(&mut self, kind: Kind) {
        let (label, scope) = (self.open, self.scope());
        self.frames.push(Frame {
            kind,
            label,
            pad: label,
            scope,
            clauses: Vec::new(),
            kept: None,
            is_one: false,
            takes_all: false,
        });
    }

    fn enter(&mut self, operator: Operator<'_>, kind: Kind) -> Result<(), Refused> {
        let instruction = self.sections.instruction(operator)?;
        self.body.own(&instruction);
        self.open += 1;
        self.push(kind);
        Ok(())
    }

    /// Enters a `try` of this type.
    fn enter_try(&mut self, ty: BlockType, clauses: Vec<Catch>) -> Result<(), Refused> {
        let block = self.sections.block_type(ty)?;
        self.body.own(&Instruction::Block(block));
        self.open += 1;
        self.push(Kind::Block);
        if self.is_thrown {
            self.open_pad(ty, clauses)?;
        }
        Ok(())
    }

    /// The handlers of a `try` that nothing is thrown in are dead.
    pub(super) fn skip_handlers(&mut self) {
        self.body.own(&Instruction::End);
        self.open -= 1;
        self.frames.pop();
        self.skip = Some(Skip { depth: 0, is_handlers: true });
    }

    fn stop(&mut self) {
        self.body.stop(Stop::Unsupported);
        self.die();
    }

    /// What follows is not reached.
    pub(super) fn die(&mut self) {
        self.skip = Some(Skip { depth: 0, is_handlers: false });
    }

    fn atomic(&mut self, atomic: Atomic) -> Result<(), Refused> {
        let memory = self.sections.memory(&atomic.memarg)?;
        let meets = self.sections.meetings.map(|meetings| (meetings, self.position));
        if !atomics::write(&mut self.body, self.scratch, atomic, memory, meets) {
            self.die();
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
