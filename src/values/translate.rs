//! From the bytes of a function body to instructions on slots.
//!
//! The operand stack is followed while translating. An operand that is a local or a constant stays where it
//! is until something takes it; what would change it first (a write to the local, a place that branches lead
//! to) copies it to its own slot before. So everything that is live across a branch is in its own slot.
//!
//! Relies on the module being valid; what validation excludes is an error here, not a panic.

use wasmparser::{BlockType, FunctionBody, MemArg, MemArgTarget, Operator, ValType};

use crate::module::Opcode;

use super::code::{Body, CallSite, Code, Cover, Far, Instr, JumpTable, Op, Place, Ty, Way};
use super::layout::{Layout, ty};
use super::limits::{MAX_COVER, MAX_LOCALS};
use super::shape::Shape;

/// What the indices of a module stand for.
#[derive(Debug, Default)]
pub(super) struct Linked {
    pub(super) funcs: Vec<u32>,
    pub(super) memories: Vec<u32>,
    pub(super) tables: Vec<u32>,
    pub(super) globals: Vec<u32>,
    pub(super) types: Vec<u32>,
    pub(super) first_segment: u32,
    pub(super) first_element: u32,
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
    Way(usize),
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
}

/// Translates a function.
pub(super) fn translate(wasm: &[u8], layout: &Layout, linked: &Linked, func: u32) -> Result<Body> {
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
    };
    translator.locals(&body)?;
    translator.operators(&body)?;
    Ok(translator.body)
}

impl Translator<'_> {
    fn locals(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let mut slot = 0;
        let mut declare = |locals: &mut Vec<Local>, ty: Ty| {
            locals.push(Local { slot, ty, uses: 0 });
            slot += ty.slots();
        };
        for &param in self.ty.params() {
            declare(&mut self.locals, ty(param));
        }
        let params = self.locals.len();
        for group in body.get_locals_reader()? {
            let (count, local) = group?;
            if self.locals.len() + count as usize > MAX_LOCALS {
                return Err(self.invalid());
            }
            (0..count).for_each(|_| declare(&mut self.locals, ty(local)));
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
        });
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            self.offset = offset as u32;
            if self.body.ops.len() - self.pending >= MAX_COVER {
                self.flush()?;
            }
            if self.dead > 0 && self.skip(&operator) {
                continue;
            }
            self.opcode = Opcode::of(&operator).ok_or(Untranslatable::Unknown { offset: self.offset })?;
            self.operator(&operator)?;
        }
        Ok(())
    }

    /// Whether an operator in dead code is passed over; the end of the dead code is not.
    fn skip(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.dead += 1,
            Operator::End if self.dead > 1 => self.dead -= 1,
            Operator::End | Operator::Else if self.dead == 1 => return false,
            _ => {}
        }
        true
    }

    fn invalid(&self) -> Untranslatable {
        Untranslatable::Invalid { offset: self.offset }
    }

    // The operand stack.

    fn next_slot(&self) -> u32 {
        self.stack.last().map_or(self.body.locals, |entry| entry.home + entry.ty.slots())
    }

    fn push(&mut self, at: Where, ty: Ty) {
        let home = self.next_slot();
        self.stack.push(Entry { at, ty, home });
        self.body.slots = self.body.slots.max(home + ty.slots());
        if let Where::Local(index) = at {
            self.locals[index as usize].uses += 1;
        }
    }

    fn pop(&mut self) -> Result<Entry> {
        let entry = self.stack.pop().ok_or_else(|| self.invalid())?;
        self.clean = self.clean.min(self.stack.len());
        if let Where::Local(index) = entry.at {
            self.locals[index as usize].uses -= 1;
        }
        Ok(entry)
    }

    fn truncate(&mut self, len: usize) -> Result<()> {
        while self.stack.len() > len {
            self.pop()?;
        }
        Ok(())
    }

    /// The slot in which an operand is; a constant is put there.
    fn slot(&mut self, entry: Entry) -> Result<u32> {
        Ok(match entry.at {
            Where::Home => entry.home,
            Where::Local(index) => self.locals[index as usize].slot,
            Where::Const(value) => {
                self.constant(entry.home, value)?;
                entry.home
            }
        })
    }

    fn place(&self, entry: Entry) -> Place {
        match entry.at {
            Where::Home => Place::Slot(entry.home),
            Where::Local(index) => Place::Slot(self.locals[index as usize].slot),
            Where::Const(value) => Place::Const(value),
        }
    }

    fn constant(&mut self, to: u32, value: u64) -> Result<usize> {
        self.emit(Code::Const, to, value as u32, (value >> 32) as u32, false)
    }

    /// Puts the entry at `index` into its own slot.
    fn spill(&mut self, index: usize) -> Result<bool> {
        let entry = self.stack[index];
        match entry.at {
            Where::Home => return Ok(false),
            Where::Const(value) => _ = self.constant(entry.home, value)?,
            Where::Local(local) => {
                let local = &mut self.locals[local as usize];
                local.uses -= 1;
                let (code, slot) = (copy(local.ty), local.slot);
                self.emit(code, entry.home, slot, 0, false)?;
            }
        }
        self.stack[index].at = Where::Home;
        Ok(true)
    }

    fn spill_from(&mut self, first: usize) -> Result<()> {
        for index in first.max(self.clean)..self.stack.len() {
            self.spill(index)?;
        }
        if first <= self.clean {
            self.clean = self.stack.len();
        }
        Ok(())
    }

    fn spill_all(&mut self) -> Result<()> {
        self.spill_from(0)
    }

    /// Whether something would have to be spilled.
    fn is_dirty(&self) -> bool {
        self.stack[self.clean..].iter().any(|entry| entry.at != Where::Home)
    }

    /// Spills what is a local that is about to change; whether there was any.
    fn spill_local(&mut self, local: u32) -> Result<bool> {
        let mut spilled = false;
        let mut index = self.stack.len();
        while self.locals[local as usize].uses > 0 && index > 0 {
            index -= 1;
            if self.stack[index].at == Where::Local(local) {
                spilled |= self.spill(index)?;
            }
        }
        Ok(spilled)
    }

    // Instructions.

    fn note(&mut self, ty: Option<Ty>, place: Place) {
        self.body.ops.push(Op { offset: self.offset, opcode: self.opcode, ty, place });
    }

    fn emit(&mut self, code: Code, a: u32, b: u32, c: u32, has_own: bool) -> Result<usize> {
        let n = self.body.ops.len() - self.pending;
        let pc = self.body.code.len();
        if pc >= u32::MAX as usize / 2 {
            return Err(self.invalid());
        }
        let before = (n - usize::from(has_own)) as u16;
        self.body.code.push(Instr { code, n: n as u16, a, b, c });
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
        self.body.code.push(Instr { code: Code::Data, n: 0, a, b, c: 0 });
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
                Patch::Way(at) => self.body.ways[at].pc = pc,
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

    // Control.

    fn block_params(&self, ty: BlockType) -> Result<&[ValType]> {
        match ty {
            BlockType::FuncType(index) => Ok(self.func_type(index)?.params()),
            _ => Ok(&[]),
        }
    }

    fn func_type(&self, index: u32) -> Result<&wasmparser::FuncType> {
        self.layout.types.get(index as usize).and_then(Option::as_ref).ok_or_else(|| self.invalid())
    }

    fn push_results(&mut self, ty: BlockType, kind: Kind) -> Result<()> {
        let results: Vec<Ty> = match (kind, ty) {
            (Kind::Func, _) => self.ty.results().iter().map(|&ty| self::ty(ty)).collect(),
            (_, BlockType::Empty) => return Ok(()),
            (_, BlockType::Type(one)) => vec![self::ty(one)],
            (_, BlockType::FuncType(index)) => {
                self.func_type(index)?.results().iter().map(|&ty| self::ty(ty)).collect()
            }
        };
        results.into_iter().for_each(|ty| self.push(Where::Home, ty));
        Ok(())
    }

    fn enter(&mut self, kind: Kind, ty: BlockType) -> Result<()> {
        let params = self.block_params(ty)?.len();
        let base = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        let base_slot = self.stack.get(base).map_or_else(|| self.next_slot(), |entry| entry.home);
        let start = self.body.code.len() as u32;
        let (patches, otherwise) = (Vec::new(), None);
        self.controls.push(Control { kind, ty, base, base_slot, start, patches, otherwise });
        Ok(())
    }

    /// Operands that a branch to the control at `depth` carries: how many, their slots, and where they go.
    fn way(&self, depth: u32) -> Result<(usize, usize, Way)> {
        let index = self.controls.len().checked_sub(1 + depth as usize).ok_or_else(|| self.invalid())?;
        let control = &self.controls[index];
        let count = match (control.kind, control.ty) {
            (Kind::Func, _) => self.ty.results().len(),
            (Kind::Loop, ty) => self.block_params(ty)?.len(),
            (_, BlockType::Empty) => 0,
            (_, BlockType::Type(_)) => 1,
            (_, BlockType::FuncType(ty)) => self.func_type(ty)?.results().len(),
        };
        let first = self.stack.len().checked_sub(count).ok_or_else(|| self.invalid())?;
        let from = self.stack.get(first).map_or(control.base_slot, |entry| entry.home);
        let len = self.next_slot() - from.min(self.next_slot());
        let len = if count == 0 { 0 } else { len };
        let way = Way { pc: control.start, from, to: control.base_slot, len };
        Ok((index, count, way))
    }

    fn target(&mut self, control: usize, patch: Patch) {
        if self.controls[control].kind != Kind::Loop {
            self.controls[control].patches.push(patch);
        }
    }

    fn add_way(&mut self, control: usize, way: Way) -> u32 {
        let index = self.body.ways.len();
        self.body.ways.push(way);
        self.target(control, Patch::Way(index));
        index as u32
    }

    fn br(&mut self, depth: u32) -> Result<()> {
        let (control, count, _) = self.way(depth)?;
        if count > 0 {
            self.spill_from(self.stack.len() - count)?;
        }
        let (_, _, way) = self.way(depth)?;
        let is_loop = self.controls[control].kind == Kind::Loop;
        if way.len == 0 || way.from == way.to {
            let code = if is_loop { Code::BrLoop } else { Code::Br };
            let pc = self.own(code, 0, 0, way.pc, None)?;
            self.target(control, Patch::Instr(pc));
        } else {
            let way = self.add_way(control, way);
            let code = if is_loop { Code::BrLoopMove } else { Code::BrMove };
            self.own(code, 0, 0, way, None)?;
        }
        self.die()
    }

    fn br_if(&mut self, depth: u32) -> Result<()> {
        let condition = self.pop()?;
        let (control, count, way) = self.way(depth)?;
        let is_dirty =
            count > 0 && self.stack[self.stack.len() - count..].iter().any(|entry| entry.at != Where::Home);
        let moves = way.len > 0 && way.from != way.to;
        if !moves
            && !is_dirty
            && let Some(pc) = self.fuse(condition, true)
        {
            self.body.code[pc].c = way.pc;
            self.target(control, Patch::Instr(pc));
            return Ok(());
        }
        if count > 0 {
            self.spill_from(self.stack.len() - count)?;
        }
        let slot = self.slot(condition)?;
        if moves {
            let way = self.add_way(control, way);
            self.own(Code::BrNonZeroMove, slot, 0, way, None)?;
        } else {
            let pc = self.own(Code::BrNonZero, slot, 0, way.pc, None)?;
            self.target(control, Patch::Instr(pc));
        }
        Ok(())
    }

    /// Makes the comparison that gave `condition` a branch, taken when it holds or when not.
    fn fuse(&mut self, condition: Entry, holds: bool) -> Option<usize> {
        let pc = self.redirect(condition)?;
        let (taken, inverse) = self.body.code[pc].code.branches()?;
        let instr = &mut self.body.code[pc];
        let (a, b) = (instr.b, instr.c);
        *instr = Instr { code: if holds { taken } else { inverse }, a, b, c: 0, ..*instr };
        self.cover_after(pc, None);
        Some(pc)
    }

    fn begin_if(&mut self, ty: BlockType) -> Result<()> {
        let condition = self.pop()?;
        let fused = if self.is_dirty() { None } else { self.fuse(condition, false) };
        let pc = match fused {
            Some(pc) => pc,
            None => {
                self.spill_all()?;
                let slot = self.slot(condition)?;
                self.own(Code::BrZero, slot, 0, 0, None)?
            }
        };
        self.enter(Kind::If, ty)?;
        if let Some(control) = self.controls.last_mut() {
            control.otherwise = Some(pc);
        }
        Ok(())
    }

    fn begin_else(&mut self) -> Result<()> {
        if self.dead == 0 {
            self.spill_all()?;
            let pc = self.emit(Code::Br, 0, 0, 0, false)?;
            let end = self.controls.len() - 1;
            self.target(end, Patch::Instr(pc));
        }
        self.dead = 0;
        let here = self.label()?;
        let (otherwise, base, ty) = match self.controls.last_mut() {
            Some(control) => {
                let otherwise = control.otherwise.take();
                (otherwise, control.base, control.ty)
            }
            None => return Err(self.invalid()),
        };
        if let Some(pc) = otherwise {
            self.body.code[pc].c = here;
        }
        self.truncate(base)?;
        let params: Vec<Ty> = self.block_params(ty)?.iter().map(|&ty| self::ty(ty)).collect();
        params.into_iter().for_each(|ty| self.push(Where::Home, ty));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.dead == 0 {
            self.spill_all()?;
        }
        self.dead = 0;
        let control = self.controls.pop().ok_or_else(|| self.invalid())?;
        if control.kind == Kind::Func || control.otherwise.is_some() || !control.patches.is_empty() {
            let here = self.label()?;
            self.patch(&control.patches, here);
            if let Some(pc) = control.otherwise {
                self.body.code[pc].c = here;
            }
        }
        self.truncate(control.base)?;
        self.push_results(control.ty, control.kind)?;
        self.clean = self.clean.min(control.base);
        if control.kind == Kind::Func {
            let len = self.next_slot() - self.body.locals;
            self.emit(Code::Return, self.body.locals, len, 0, false)?;
        }
        Ok(())
    }

    /// What follows is not reached.
    fn die(&mut self) -> Result<()> {
        self.dead = 1;
        self.last = None;
        let base = self.controls.last().map_or(0, |control| control.base);
        self.truncate(base)
    }

    fn br_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<()> {
        let mut depths = targets.targets().collect::<std::result::Result<Vec<u32>, _>>()?;
        depths.push(targets.default());
        let index = self.pop()?;
        let (control, count, _) = self.way(targets.default())?;
        if count > 0 {
            self.spill_from(self.stack.len() - count)?;
        }
        let slot = self.slot(index)?;
        let is_same = depths.iter().all(|&depth| depth == depths[0]);
        let is_loop = is_same && self.controls[control].kind == Kind::Loop;
        let (first, len) = (self.body.ways.len() as u32, depths.len() as u32);
        for depth in depths {
            let (control, _, way) = self.way(depth)?;
            self.add_way(control, way);
        }
        let width = if is_same { 0 } else { u32::BITS - (len - 1).leading_zeros() };
        let table = self.body.tables.len() as u32;
        self.body.tables.push(JumpTable { first, len, width, is_loop });
        self.own(Code::BrTable, slot, table, 0, None)?;
        self.die()
    }

    fn returns(&mut self) -> Result<()> {
        let count = self.ty.results().len();
        let first = self.stack.len().checked_sub(count).ok_or_else(|| self.invalid())?;
        if count == 1 && self.stack[first].ty != Ty::V128 {
            let entry = self.pop()?;
            let slot = self.slot(entry)?;
            self.own(Code::Return, slot, 1, 0, None)?;
        } else {
            self.spill_from(first)?;
            let from = self.stack.get(first).map_or(0, |entry| entry.home);
            let len = if count == 0 { 0 } else { self.next_slot() - from };
            self.own(Code::Return, from, len, 0, None)?;
        }
        self.die()
    }

    // Calls.

    fn call(&mut self, code: Code, ty: u32, b: u32, c: u32, is_tail: bool) -> Result<()> {
        let (params, results) = {
            let ty = self.func_type(ty)?;
            let results: Vec<Ty> = ty.results().iter().map(|&ty| self::ty(ty)).collect();
            (ty.params().len(), results)
        };
        let first = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let base = self.stack.get(first).map_or_else(|| self.next_slot(), |entry| entry.home);
        self.own(code, base, b, c, None)?;
        if is_tail {
            return self.die();
        }
        self.truncate(first)?;
        results.into_iter().for_each(|ty| self.push(Where::Home, ty));
        Ok(())
    }

    fn call_direct(&mut self, func: u32, is_tail: bool) -> Result<()> {
        let ty = *self.layout.funcs.get(func as usize).ok_or_else(|| self.invalid())?;
        let callee = *self.linked.funcs.get(func as usize).ok_or_else(|| self.invalid())?;
        let code = match (func < self.layout.imported_funcs, is_tail) {
            (true, false) => Code::CallImport,
            (true, true) => Code::ReturnCallImport,
            (false, false) => Code::Call,
            (false, true) => Code::ReturnCall,
        };
        self.call(code, ty, callee, 0, is_tail)
    }

    fn call_indirect(&mut self, ty: u32, table: u32, is_tail: bool) -> Result<()> {
        let index = self.pop()?;
        // The arguments first: where the index goes is above them.
        let params = self.func_type(ty)?.params().len();
        let first = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let slot = self.slot(index)?;
        let site = self.body.sites.len() as u32;
        let table = *self.linked.tables.get(table as usize).ok_or_else(|| self.invalid())?;
        let number = *self.linked.types.get(ty as usize).ok_or_else(|| self.invalid())?;
        self.body.sites.push(CallSite { table, ty: number });
        self.body.slots = self.body.slots.max(index.home + 1);
        let code = if is_tail { Code::ReturnCallIndirect } else { Code::CallIndirect };
        self.call(code, ty, slot, site, is_tail)
    }

    // Everything else.

    fn memory(&self, memory: u32) -> Result<u32> {
        self.linked.memories.get(memory as usize).copied().ok_or_else(|| self.invalid())
    }

    fn table(&self, table: u32) -> Result<(u32, Ty)> {
        let number = self.linked.tables.get(table as usize).copied().ok_or_else(|| self.invalid())?;
        Ok((number, self.layout.table_types.get(table as usize).copied().unwrap_or(Ty::Func)))
    }

    fn memory_index(&self, memory: u32) -> Ty {
        match self.layout.memories.get(memory as usize) {
            Some(memory) if memory.is_64 => Ty::I64,
            _ => Ty::I32,
        }
    }

    fn table_index(&self, table: u32) -> Ty {
        match self.layout.tables.get(table as usize) {
            Some(table) if table.is_64 => Ty::I64,
            _ => Ty::I32,
        }
    }

    fn far(&mut self, arg: MemArg, lane: u8) -> Result<u32> {
        let MemArgTarget::Memory(memory) = arg.target else { return Err(self.invalid()) };
        let memory = self.memory(memory)?;
        self.body.fars.push(Far { opcode: self.opcode, memory, offset: arg.offset, lane });
        Ok(self.body.fars.len() as u32 - 1)
    }

    fn is_near(arg: MemArg) -> bool {
        arg.target == MemArgTarget::Memory(0) && arg.offset <= u64::from(u32::MAX)
    }

    fn shape(&mut self, shape: Shape) -> Result<()> {
        let opcode = self.opcode as u32;
        match shape {
            Shape::Unary { code, result } => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(code, slot, 0, result, None)?;
            }
            Shape::Binary { code, immediate, result } => self.binary(code, immediate, result)?,
            Shape::Load { code, result, arg } => {
                let address = self.pop()?;
                let slot = self.slot(address)?;
                if Self::is_near(arg) {
                    self.result(code, slot, arg.offset as u32, result, None)?;
                } else {
                    let far = self.far(arg, 0)?;
                    self.result(Code::LoadFar, slot, far, result, None)?;
                    self.data(0, 0);
                }
            }
            Shape::Store { code, arg } => {
                let (value, address) = (self.pop()?, self.pop()?);
                let (address, value) = (self.slot(address)?, self.slot(value)?);
                if Self::is_near(arg) {
                    self.own(code, address, value, arg.offset as u32, None)?;
                } else {
                    let far = self.far(arg, 0)?;
                    self.own(Code::StoreFar, address, value, far, None)?;
                }
            }
            Shape::VectorUnary => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorUnary, slot, opcode, Ty::V128, None)?;
            }
            Shape::VectorBinary => self.two(Code::VectorBinary, opcode, 0)?,
            Shape::VectorShift => self.two(Code::VectorShift, opcode, 0)?,
            Shape::VectorReplace { lane } => self.two(Code::VectorReplace, opcode, lane.into())?,
            Shape::VectorTernary => {
                let (c, b, a) = (self.pop()?, self.pop()?, self.pop()?);
                let (a, b, c) = (self.slot(a)?, self.slot(b)?, self.slot(c)?);
                self.result(Code::VectorTernary, a, b, Ty::V128, None)?;
                self.data(opcode, c);
            }
            Shape::VectorTest => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorTest, slot, opcode, Ty::I32, None)?;
            }
            Shape::VectorSplat => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorSplat, slot, opcode, Ty::V128, None)?;
            }
            Shape::VectorExtract { lane, result } => {
                let operand = self.pop()?;
                let slot = self.slot(operand)?;
                self.result(Code::VectorExtract, slot, opcode, result, None)?;
                self.data(opcode, lane.into());
            }
            Shape::VectorLoad { arg } => {
                let address = self.pop()?;
                let slot = self.slot(address)?;
                let far = self.far(arg, 0)?;
                self.result(Code::LoadFar, slot, far, Ty::V128, None)?;
                self.data(0, 0);
            }
            Shape::VectorLoadLane { arg, lane } => {
                let (old, address) = (self.pop()?, self.pop()?);
                let (address, old) = (self.slot(address)?, self.slot(old)?);
                let far = self.far(arg, lane)?;
                self.result(Code::LoadFar, address, far, Ty::V128, None)?;
                self.data(old, 0);
            }
            Shape::VectorStore { arg } => self.store_vector(arg, 0)?,
            Shape::VectorStoreLane { arg, lane } => self.store_vector(arg, lane)?,
        }
        Ok(())
    }

    fn store_vector(&mut self, arg: MemArg, lane: u8) -> Result<()> {
        let (value, address) = (self.pop()?, self.pop()?);
        let (address, value) = (self.slot(address)?, self.slot(value)?);
        let far = self.far(arg, lane)?;
        self.own(Code::StoreFar, address, value, far, None)?;
        Ok(())
    }

    fn two(&mut self, code: Code, opcode: u32, lane: u32) -> Result<()> {
        let (b, a) = (self.pop()?, self.pop()?);
        let (a, b) = (self.slot(a)?, self.slot(b)?);
        self.result(code, a, b, Ty::V128, None)?;
        self.data(opcode, lane);
        Ok(())
    }

    fn binary(&mut self, code: Code, immediate: Option<Code>, result: Ty) -> Result<()> {
        let (right, left) = (self.pop()?, self.pop()?);
        let left = self.slot(left)?;
        let is_32 = self.opcode.mnemonic().starts_with("i32.");
        // An immediate is sign-extended to 64 bits; of an `i32` the upper half is not looked at.
        let fits = |value: u64| {
            let value = value as i64;
            i64::from(value as i32) == value || is_32
        };
        match (immediate, right.at) {
            (Some(code), Where::Const(value)) if fits(value) => {
                self.result(code, left, value as u32, result, None)?;
            }
            _ => {
                let right = self.slot(right)?;
                self.result(code, left, right, result, None)?;
            }
        }
        Ok(())
    }

    fn bulk(&mut self, code: Code, first: u32, second: u32) -> Result<()> {
        let (len, src, dst) = (self.pop()?, self.pop()?, self.pop()?);
        let (dst, src, len) = (self.slot(dst)?, self.slot(src)?, self.slot(len)?);
        self.own(code, dst, src, len, None)?;
        self.data(first, second);
        Ok(())
    }

    fn push_const(&mut self, value: u64, ty: Ty) {
        self.note(Some(ty), Place::Const(value));
        self.push(Where::Const(value), ty);
    }

    fn select(&mut self) -> Result<()> {
        let (condition, b, a) = (self.pop()?, self.pop()?, self.pop()?);
        let ty = a.ty;
        let (a, b, condition) = (self.slot(a)?, self.slot(b)?, self.slot(condition)?);
        let code = if ty == Ty::V128 { Code::SelectWide } else { Code::Select };
        self.result(code, a, b, ty, Some(ty))?;
        self.data(condition, 0);
        Ok(())
    }

    fn wide(&mut self, code: Code, operands: usize) -> Result<()> {
        let first = self.stack.len().checked_sub(operands).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let from = self.stack[first].home;
        self.own(code, from, from, self.opcode as u32, None)?;
        self.truncate(first)?;
        self.push(Where::Home, Ty::I64);
        self.push(Where::Home, Ty::I64);
        Ok(())
    }

    fn global(&self, global: u32) -> Result<(u32, Ty)> {
        let number = self.linked.globals.get(global as usize).copied().ok_or_else(|| self.invalid())?;
        Ok((number, self.layout.globals.get(global as usize).copied().ok_or_else(|| self.invalid())?))
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<()> {
        use Operator as O;
        if let Some(shape) = Shape::of(operator) {
            return self.shape(shape);
        }
        match operator {
            O::Nop => self.note(None, Place::None),
            O::Unreachable => {
                self.own(Code::Unreachable, 0, 0, 0, None)?;
                self.die()?;
            }
            O::Block { blockty } => {
                self.spill_all()?;
                self.note(None, Place::None);
                self.enter(Kind::Block, *blockty)?;
            }
            O::Loop { blockty } => {
                self.spill_all()?;
                self.label()?;
                self.enter(Kind::Loop, *blockty)?;
                self.note(None, Place::None);
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
            _ => return self.plain(operator),
        }
        Ok(())
    }

    /// Operators without control.
    fn plain(&mut self, operator: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match *operator {
            O::Drop => {
                let entry = self.pop()?;
                let place = self.place(entry);
                self.note(Some(entry.ty), place);
                self.last = None;
            }
            O::Select | O::TypedSelect { .. } | O::TypedSelectMulti { .. } => self.select()?,
            O::LocalGet { local_index } => {
                let local = *self.locals.get(local_index as usize).ok_or_else(|| self.invalid())?;
                self.note(Some(local.ty), Place::Slot(local.slot));
                self.push(Where::Local(local_index), local.ty);
            }
            O::LocalSet { local_index } => self.set_local(local_index)?,
            O::LocalTee { local_index } => {
                let ty = self.stack.last().ok_or_else(|| self.invalid())?.ty;
                self.set_local(local_index)?;
                self.push(Where::Local(local_index), ty);
            }
            O::GlobalGet { global_index } => {
                let (global, ty) = self.global(global_index)?;
                let code = if ty == Ty::V128 { Code::GlobalGetWide } else { Code::GlobalGet };
                self.result(code, global, 0, ty, Some(ty))?;
            }
            O::GlobalSet { global_index } => {
                let (global, ty) = self.global(global_index)?;
                let entry = self.pop()?;
                let slot = self.slot(entry)?;
                let code = if ty == Ty::V128 { Code::GlobalSetWide } else { Code::GlobalSet };
                self.own(code, slot, global, 0, Some(ty))?;
            }
            O::I32Const { value } => self.push_const(u64::from(value as u32), Ty::I32),
            O::I64Const { value } => self.push_const(value as u64, Ty::I64),
            O::F32Const { value } => self.push_const(u64::from(value.bits()), Ty::F32),
            O::F64Const { value } => self.push_const(value.bits(), Ty::F64),
            O::RefNull { hty } => {
                let ty = ty(ValType::Ref(wasmparser::RefType::new(true, hty).ok_or_else(|| self.invalid())?));
                self.push_const(0, ty);
            }
            O::RefFunc { function_index } => {
                let func = self.linked.funcs.get(function_index as usize).ok_or_else(|| self.invalid())?;
                self.push_const(u64::from(*func) + 1, Ty::Func);
            }
            O::RefIsNull => {
                let entry = self.pop()?;
                let slot = self.slot(entry)?;
                self.result(Code::RefIsNull, slot, 0, Ty::I32, Some(entry.ty))?;
            }
            O::V128Const { value } => {
                let value = u128::from_le_bytes(*value.bytes());
                let wide = self.add_wide(value);
                self.result(Code::ConstWide, wide, 0, Ty::V128, None)?;
            }
            O::I8x16Shuffle { lanes } => {
                let (b, a) = (self.pop()?, self.pop()?);
                let (a, b) = (self.slot(a)?, self.slot(b)?);
                let wide = self.add_wide(u128::from_le_bytes(lanes));
                self.result(Code::VectorShuffle, a, b, Ty::V128, None)?;
                self.data(wide, 0);
            }
            O::I64Add128 | O::I64Sub128 => self.wide(Code::Wide4, 4)?,
            O::I64MulWideS | O::I64MulWideU => self.wide(Code::Wide2, 2)?,
            _ => self.storage(operator)?,
        }
        Ok(())
    }

    fn add_wide(&mut self, value: u128) -> u32 {
        self.body.wides.push([value as u64, (value >> 64) as u64]);
        self.body.wides.len() as u32 - 1
    }

    /// Operators on memories, tables and segments.
    fn storage(&mut self, operator: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match *operator {
            O::MemorySize { mem } => {
                let memory = self.memory(mem)?;
                self.result(
                    Code::MemorySize,
                    memory,
                    0,
                    self.memory_index(mem),
                    Some(self.memory_index(mem)),
                )?;
            }
            O::MemoryGrow { mem } => {
                let entry = self.pop()?;
                let (slot, memory) = (self.slot(entry)?, self.memory(mem)?);
                let ty = self.memory_index(mem);
                self.result(Code::MemoryGrow, slot, memory, ty, Some(ty))?;
                self.last = None;
            }
            O::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(Code::MemoryCopy, self.memory(dst_mem)?, self.memory(src_mem)?)?;
            }
            O::MemoryFill { mem } => self.bulk(Code::MemoryFill, self.memory(mem)?, 0)?,
            O::MemoryInit { data_index, mem } => {
                let segment = self.linked.first_segment + data_index;
                self.bulk(Code::MemoryInit, segment, self.memory(mem)?)?;
            }
            O::DataDrop { data_index } => {
                _ = self.own(Code::DataDrop, self.linked.first_segment + data_index, 0, 0, None)?;
            }
            O::ElemDrop { elem_index } => {
                _ = self.own(Code::ElemDrop, self.linked.first_element + elem_index, 0, 0, None)?;
            }
            O::TableCopy { dst_table, src_table } => {
                self.bulk(Code::TableCopy, self.table(dst_table)?.0, self.table(src_table)?.0)?;
            }
            O::TableFill { table } => self.bulk(Code::TableFill, self.table(table)?.0, 0)?,
            O::TableInit { elem_index, table } => {
                let element = self.linked.first_element + elem_index;
                self.bulk(Code::TableInit, element, self.table(table)?.0)?;
            }
            O::TableSize { table } => {
                let (number, ty) = (self.table(table)?.0, self.table_index(table));
                self.result(Code::TableSize, number, 0, ty, Some(ty))?;
            }
            O::TableGet { table } => {
                let entry = self.pop()?;
                let (slot, (number, ty)) = (self.slot(entry)?, self.table(table)?);
                self.result(Code::TableGet, slot, number, ty, Some(ty))?;
            }
            O::TableSet { table } => {
                let (value, index) = (self.pop()?, self.pop()?);
                let (index, value) = (self.slot(index)?, self.slot(value)?);
                let (number, ty) = self.table(table)?;
                self.own(Code::TableSet, index, value, number, Some(ty))?;
            }
            O::TableGrow { table } => {
                let (delta, value) = (self.pop()?, self.pop()?);
                let (value, delta) = (self.slot(value)?, self.slot(delta)?);
                let number = self.table(table)?.0;
                let ty = self.table_index(table);
                self.result(Code::TableGrow, value, delta, ty, Some(ty))?;
                self.data(number, 0);
                self.last = None;
            }
            _ => return Err(Untranslatable::Unknown { offset: self.offset }),
        }
        Ok(())
    }
}

fn copy(ty: Ty) -> Code {
    if ty == Ty::V128 { Code::CopyWide } else { Code::Copy }
}
