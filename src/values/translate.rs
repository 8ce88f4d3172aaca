//! From the bytes of a function body to instructions on slots.
//!
//! The operand stack is followed while translating. An operand that is a local or a constant stays where it
//! is until something takes it. A write to the local would change it first, and so might a place that
//! branches lead to. Both copy it to its own slot before. So everything that is live across a branch is in
//! its own slot.
//!
//! Relies on the module being valid; what validation excludes is an error here, not a panic.

mod control;
mod exceptions;
mod objects;
mod operators;
mod stack;

use std::cell::Cell;

use wasmparser::{BlockType, FunctionBody, Operator};

use crate::module::{Opcode, Takes, spin::Spins};

use super::code::{AFTER, Body, Code, Cover, Heap, IF, Instr, OWN, Op, Place, Ty};
use super::layout::Layout;
use super::limits::{MAX_COVER, MAX_LOCALS};
use super::shape::Shape;

/// What the indices of a module stand for.
#[derive(Debug, Clone, Default)]
pub(super) struct Linked {
    pub(super) funcs: Vec<u32>,
    pub(super) memories: Vec<u32>,
    pub(super) tables: Vec<u32>,
    pub(super) globals: Vec<u32>,
    pub(super) types: Vec<u32>,
    pub(super) first_segment: u32,
    pub(super) first_element: u32,
    /// Where its objects are.
    pub(super) heap: Heap,
}

/// Why a function cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untranslatable {
    #[error("{0}")]
    Malformed(String),
    #[error("the operator at {offset:#x} is none that the engine runs")]
    Unknown { offset: u32 },
    #[error("a function is too large or not valid (at {offset:#x})")]
    Invalid { offset: u32 },
}

impl From<wasmparser::BinaryReaderError> for Untranslatable {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed(error.to_string())
    }
}

type Result<T, E = Untranslatable> = std::result::Result<T, E>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Home,
    Local(u32),
    Const(u64),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Where,
    ty: Ty,
    home: u32,
}

#[derive(Debug, Clone, Copy)]
struct Local {
    slot: u32,
    ty: Ty,
    /// Entries of the stack that are this local.
    uses: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Func,
    Block,
    Loop,
    If,
}

#[derive(Debug, Clone, Copy)]
enum Patch {
    Instr(usize),
    BranchTarget(usize),
    /// Of a landing pad, and which of its ways.
    Caught(u32, usize),
}

#[derive(Debug)]
struct Control {
    kind: Kind,
    ty: BlockType,
    /// Entries below its parameters, and the slot after them.
    base: usize,
    base_slot: u32,
    /// Of a loop.
    start: u32,
    patches: Vec<Patch>,
    otherwise: Option<usize>,
    /// The landing pad of what is thrown in it.
    scope: Option<u32>,
    /// Its own, and in a handler the slot that keeps the exception.
    pad: Option<u32>,
    kept: Option<u32>,
}

struct Translator<'a> {
    layout: &'a Layout,
    linked: &'a Linked,
    ty: &'a wasmparser::FuncType,
    body: Body,
    locals: Vec<Local>,
    stack: Vec<Entry>,
    /// Entries from the bottom that are known to be in their own slots.
    clean: usize,
    controls: Vec<Control>,
    /// The first operator that no instruction covers yet.
    pending: usize,
    /// The instruction that made the top entry, if its result can go elsewhere.
    last: Option<usize>,
    /// Depth of blocks in code that is not reached; 0 in code that is.
    dead: u32,
    offset: u32,
    opcode: Opcode,
    /// The type of indices of the memory or table that the operator works on.
    index: Cell<Ty>,
    /// As [`Op::top`] and [`Op::names`] of the operator.
    top: u32,
    names: u32,
    /// The operator before which the translation ends.
    end: u32,
    /// Of a module that begins threads.
    spins: Option<Spins>,
}

/// Where the values of a frame are, before some operator.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) locals: Vec<(Ty, Place)>,
    /// The operand stack, bottom first, each with the slot that is its own.
    pub(super) operands: Vec<(Ty, Place, u32)>,
}

/// Translates a function.
pub(super) fn translate(wasm: &[u8], layout: &Layout, linked: &Linked, func: u32) -> Result<Body> {
    let mut body = translate_until(wasm, layout, linked, func, u32::MAX)?.body;
    body.pads.iter_mut().for_each(|pad| pad.sort(&layout.tags));
    Ok(body)
}

/// Where the values of a frame are before the operator at `offset` of the module file.
pub(super) fn places(
    wasm: &[u8],
    layout: &Layout,
    linked: &Linked,
    func: u32,
    offset: u32,
) -> Result<Places> {
    let translator = translate_until(wasm, layout, linked, func, offset)?;
    let locals = translator.locals.iter().map(|local| (local.ty, Place::Slot(local.slot))).collect();
    // An exception that a handler keeps to throw it again is none of the sample's.
    let is_kept = |entry: &&Entry| translator.controls.iter().any(|control| control.kept == Some(entry.home));
    let own = translator.stack.iter().filter(|entry| !is_kept(entry));
    let operands = own.map(|entry| (entry.ty, translator.place(*entry), entry.home)).collect();
    Ok(Places { locals, operands })
}

/// Translates up to the operator at `end`.
fn translate_until<'a>(
    wasm: &[u8],
    layout: &'a Layout,
    linked: &'a Linked,
    func: u32,
    end: u32,
) -> Result<Translator<'a>> {
    let invalid = Untranslatable::Invalid { offset: 0 };
    let position = func.checked_sub(layout.imported_funcs).ok_or(invalid.clone())? as usize;
    let range = layout.bodies.get(position).cloned().ok_or(invalid.clone())?;
    let bytes = wasm.get(range.clone()).ok_or(invalid.clone())?;
    let ty = layout.func_type(func).ok_or(invalid)?;
    let body = FunctionBody::new(wasmparser::BinaryReader::new(bytes, range.start as u64));
    let mut translator = Translator {
        layout,
        linked,
        ty,
        body: Body { start: range.start as u32, ..Body::default() },
        locals: Vec::new(),
        stack: Vec::new(),
        clean: 0,
        controls: Vec::new(),
        pending: 0,
        last: None,
        dead: 0,
        offset: 0,
        opcode: Opcode::Nop,
        index: Cell::new(Ty::I32),
        top: 0,
        names: 0,
        end,
        spins: layout.is_threaded.then(|| Spins::of(&body)),
    };
    translator.locals(&body)?;
    translator.operators(&body)?;
    Ok(translator)
}

impl Translator<'_> {
    fn locals(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let mut slot = 0;
        let mut declare = |locals: &mut Vec<Local>, ty: Ty| {
            locals.push(Local { slot, ty, uses: 0 });
            slot += ty.slots();
        };
        for &param in self.ty.params() {
            declare(&mut self.locals, self.layout.ty(param));
        }
        let params = self.locals.len();
        for group in body.get_locals_reader()? {
            let (count, local) = group?;
            if self.locals.len() + count as usize > MAX_LOCALS {
                return Err(self.invalid());
            }
            let ty = self.layout.ty(local);
            (0..count).for_each(|_| declare(&mut self.locals, ty));
        }
        self.body.params = self.locals[..params].iter().map(|local| local.ty.slots()).sum();
        self.body.locals = slot;
        self.body.slots = slot;
        Ok(())
    }

    fn operators(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        self.controls.push(Control {
            kind: Kind::Func,
            ty: BlockType::Empty,
            base: 0,
            base_slot: self.body.locals,
            start: 0,
            patches: Vec::new(),
            otherwise: None,
            scope: None,
            pad: None,
            kept: None,
        });
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            self.offset = offset as u32;
            self.index.set(Ty::I32);
            if self.offset == self.end {
                return Ok(());
            }
            if self.body.ops.len() - self.pending >= MAX_COVER {
                self.flush()?;
            }
            if self.dead > 0 && self.skip(&operator) {
                continue;
            }
            self.opcode = Opcode::of(&operator).ok_or(Untranslatable::Unknown { offset: self.offset })?;
            (self.top, self.names) = (self.next_slot(), self.named(&operator));
            self.operator(&operator)?;
        }
        Ok(())
    }

    /// What an operator names, as [`Op::names`].
    fn named(&self, operator: &Operator<'_>) -> u32 {
        use Operator as O;
        match *operator {
            O::LocalGet { local_index } | O::LocalSet { local_index } | O::LocalTee { local_index } => {
                self.locals.get(local_index as usize).map_or(0, |local| local.slot)
            }
            O::GlobalGet { global_index } | O::GlobalSet { global_index } => {
                self.linked.globals.get(global_index as usize).copied().unwrap_or(0)
            }
            O::MemoryInit { data_index, .. } | O::DataDrop { data_index } => data_index,
            _ => match Shape::of(operator) {
                Some(
                    Shape::VectorExtract { lane, .. }
                    | Shape::VectorReplace { lane }
                    | Shape::VectorLoadLane { lane, .. }
                    | Shape::VectorStoreLane { lane, .. },
                ) => u32::from(lane),
                _ => 0,
            },
        }
    }

    /// Whether an operator in dead code is passed over; the end of the dead code is not.
    fn skip(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            operator if begins(operator) => {
                self.dead += 1;
                if let (Operator::Loop { .. }, Some(spins)) = (operator, &mut self.spins) {
                    spins.next();
                }
            }
            Operator::End | Operator::Delegate { .. } if self.dead > 1 => self.dead -= 1,
            Operator::End
            | Operator::Else
            | Operator::Delegate { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
                if self.dead == 1 =>
            {
                return false;
            }
            _ => {}
        }
        true
    }

    fn invalid(&self) -> Untranslatable {
        Untranslatable::Invalid { offset: self.offset }
    }

    // Instructions.

    fn note(&mut self, ty: Option<Ty>, place: Place) {
        let (offset, opcode, index) = (self.offset, self.opcode, self.index.get());
        let (top, names) = (self.top, self.names);
        self.body.ops.push(Op { offset, opcode, ty, index, top, names, place });
    }

    fn emit(&mut self, code: Code, a: u32, b: u32, c: u32, has_own: bool) -> Result<usize> {
        let n = self.body.ops.len() - self.pending;
        let pc = self.body.code.len();
        if pc >= u32::MAX as usize / 2 {
            return Err(self.invalid());
        }
        let before = (n - usize::from(has_own)) as u16;
        let flags = if has_own { OWN } else { 0 };
        self.body.code.push(Instr { code, n: n as u8, flags, a, b, c });
        self.body.covers.push(Cover { first: self.pending as u32, before, has_own, has_after: false });
        self.pending = self.body.ops.len();
        self.last = None;
        Ok(pc)
    }

    fn own(&mut self, code: Code, a: u32, b: u32, c: u32, ty: Option<Ty>) -> Result<usize> {
        self.note(ty, Place::None);
        self.emit(code, a, b, c, true)
    }

    fn data(&mut self, a: u32, b: u32) {
        let first = self.pending as u32;
        self.body.code.push(Instr::data(a, b));
        self.body.covers.push(Cover { first, ..Cover::default() });
    }

    /// An instruction with one result, which may be redirected.
    fn result(&mut self, code: Code, b: u32, c: u32, ty: Ty, noted: Option<Ty>) -> Result<usize> {
        let to = self.next_slot();
        let pc = self.own(code, to, b, c, noted)?;
        self.push(Where::Home, ty);
        self.last = Some(pc);
        Ok(pc)
    }

    /// Covers what is not covered yet.
    fn flush(&mut self) -> Result<()> {
        if self.body.ops.len() > self.pending {
            self.emit(Code::Cover, 0, 0, 0, false)?;
        }
        self.last = None;
        Ok(())
    }

    fn label(&mut self) -> Result<u32> {
        self.flush()?;
        Ok(self.body.code.len() as u32)
    }

    fn patch(&mut self, patches: &[Patch], pc: u32) {
        for patch in patches {
            match *patch {
                Patch::Instr(at) => self.body.code[at].c = pc,
                Patch::BranchTarget(at) => self.body.ways[at].pc = pc,
                Patch::Caught(pad, way) => self.body.pads[pad as usize].ways[way].pc = pc,
            }
        }
    }

    /// Redirects what made `entry` to another slot, if nothing came between: the operator of now is done by
    /// it too.
    fn redirect(&mut self, entry: Entry) -> Option<usize> {
        let pc = self.last.filter(|_| self.pending == self.body.ops.len() && entry.at == Where::Home)?;
        let n = self.body.code[pc].n;
        (usize::from(n) < MAX_COVER + 2 && !self.body.covers[pc].has_after).then_some(pc)
    }

    fn cover_after(&mut self, pc: usize, ty: Option<Ty>) {
        self.note(ty, Place::None);
        self.pending = self.body.ops.len();
        self.body.code[pc].n += 1;
        self.body.code[pc].flags |= if self.opcode == Opcode::If { AFTER | IF } else { AFTER };
        self.body.covers[pc].has_after = true;
        self.last = None;
    }

    fn set_local(&mut self, local: u32) -> Result<()> {
        let entry = self.pop()?;
        let spilled = self.spill_local(local)?;
        let Local { slot, ty, .. } = *self.locals.get(local as usize).ok_or_else(|| self.invalid())?;
        match (self.redirect(entry).filter(|_| !spilled), entry.at) {
            (Some(pc), _) => {
                self.body.code[pc].a = slot;
                self.cover_after(pc, Some(ty));
            }
            (None, Where::Const(value)) => {
                self.own(Code::Const, slot, value as u32, (value >> 32) as u32, Some(ty))?;
            }
            (None, _) => {
                let from = self.slot(entry)?;
                self.own(copy(ty), slot, from, 0, Some(ty))?;
            }
        }
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<()> {
        use Operator as O;
        if let Some(shape) = Shape::of(operator) {
            return self.shape(shape);
        }
        match operator {
            O::Nop | O::AtomicFence { .. } => self.note(None, Place::None),
            O::Unreachable => {
                self.own(Code::Unreachable, 0, 0, 0, None)?;
                self.die()?;
            }
            O::Block { blockty } => self.begin_block(*blockty)?,
            O::Try { blockty } => self.begin_try(*blockty, &[])?,
            O::TryTable { try_table } => self.begin_try(try_table.ty, &try_table.catches)?,
            O::Catch { tag_index } => self.begin_catch(Takes::Tag(*tag_index))?,
            O::CatchAll => self.begin_catch(Takes::All)?,
            O::Delegate { relative_depth } => self.delegate(*relative_depth)?,
            O::Throw { tag_index } => self.throw(*tag_index)?,
            O::ThrowRef => self.throw_ref()?,
            O::Rethrow { relative_depth } => self.rethrow(*relative_depth)?,
            O::Loop { blockty } => {
                self.spill_all()?;
                self.label()?;
                self.enter(Kind::Loop, *blockty)?;
                if self.spins.as_mut().is_some_and(Spins::next) {
                    self.own(Code::Round, 0, 0, 0, None)?;
                } else {
                    self.note(None, Place::None);
                }
            }
            O::If { blockty } => self.begin_if(*blockty)?,
            O::Else => self.begin_else()?,
            O::End => self.end()?,
            O::Br { relative_depth } => self.br(*relative_depth)?,
            O::BrIf { relative_depth } => self.br_if(*relative_depth)?,
            O::BrTable { targets } => self.br_table(targets)?,
            O::Return => self.returns()?,
            O::Call { function_index } => self.call_direct(*function_index, false)?,
            O::ReturnCall { function_index } => self.call_direct(*function_index, true)?,
            O::CallIndirect { type_index, table_index } => {
                self.call_indirect(*type_index, *table_index, false)?;
            }
            O::ReturnCallIndirect { type_index, table_index } => {
                self.call_indirect(*type_index, *table_index, true)?;
            }
            O::CallRef { type_index } => self.call_ref(*type_index, false)?,
            O::ReturnCallRef { type_index } => self.call_ref(*type_index, true)?,
            _ if self.on_reference(operator)? => {}
            _ => return self.plain(operator),
        }
        Ok(())
    }
}

/// Whether an operator begins what an `end` or a `delegate` ends.
fn begins(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. }
    )
}

fn copy(ty: Ty) -> Code {
    if ty == Ty::V128 { Code::CopyWide } else { Code::Copy }
}
