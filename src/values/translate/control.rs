//! Blocks, branches and calls.

use wasmparser::{BlockType, HeapType, UnpackedIndex, ValType};
use wasmspoor_hooks::recorder::stream;

use crate::module::objects::Takes;

use super::super::code::{BranchTarget, CallSite, Code, Instr, JumpTable, Place, Ty};
use super::{Control, Entry, Kind, Patch, Result, Translator, Where};

impl Translator<'_> {
    pub(super) fn block_params(&self, ty: BlockType) -> Result<&[ValType]> {
        match ty {
            BlockType::FuncType(index) => Ok(self.func_type(index)?.params()),
            _ => Ok(&[]),
        }
    }

    pub(super) fn func_type(&self, index: u32) -> Result<&wasmparser::FuncType> {
        self.layout.types.get(index as usize).and_then(Option::as_ref).ok_or_else(|| self.invalid())
    }

    pub(super) fn push_results(&mut self, ty: BlockType, kind: Kind) -> Result<()> {
        let results: Vec<Ty> = match (kind, ty) {
            (Kind::Func, _) => self.ty.results().iter().map(|&ty| self.layout.ty(ty)).collect(),
            (_, BlockType::Empty) => return Ok(()),
            (_, BlockType::Type(one)) => vec![self.layout.ty(one)],
            (_, BlockType::FuncType(index)) => {
                self.func_type(index)?.results().iter().map(|&ty| self.layout.ty(ty)).collect()
            }
        };
        results.into_iter().for_each(|ty| self.push(Where::Home, ty));
        Ok(())
    }

    pub(super) fn begin_block(&mut self, ty: BlockType) -> Result<()> {
        self.spill_all()?;
        self.note(None, Place::None);
        self.enter(Kind::Block, ty)
    }

    pub(super) fn enter(&mut self, kind: Kind, ty: BlockType) -> Result<()> {
        let params = self.block_params(ty)?.len();
        let base = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        let base_slot = self.stack.get(base).map_or_else(|| self.next_slot(), |entry| entry.home);
        let start = self.body.code.len() as u32;
        let (patches, otherwise) = (Vec::new(), None);
        let (scope, pad, kept) = (self.scope(), None, None);
        self.controls.push(Control {
            kind,
            ty,
            base,
            base_slot,
            start,
            patches,
            otherwise,
            scope,
            pad,
            kept,
        });
        Ok(())
    }

    /// Operands that a branch to the control at `depth` carries: how many, their slots, and where they go.
    pub(super) fn way(&self, depth: u32) -> Result<(usize, usize, BranchTarget)> {
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
        let way = BranchTarget { pc: control.start, from, to: control.base_slot, len };
        Ok((index, count, way))
    }

    pub(super) fn target(&mut self, control: usize, patch: Patch) {
        if self.controls[control].kind != Kind::Loop {
            self.controls[control].patches.push(patch);
        }
    }

    pub(super) fn add_way(&mut self, control: usize, way: BranchTarget) -> u32 {
        let index = self.body.ways.len();
        self.body.ways.push(way);
        self.target(control, Patch::BranchTarget(index));
        index as u32
    }

    pub(super) fn br(&mut self, depth: u32) -> Result<()> {
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

    pub(super) fn br_if(&mut self, depth: u32) -> Result<()> {
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
    pub(super) fn fuse(&mut self, condition: Entry, holds: bool) -> Option<usize> {
        let pc = self.redirect(condition)?;
        let (taken, inverse) = self.body.code[pc].code.branches()?;
        let instr = &mut self.body.code[pc];
        let (a, b) = (instr.b, instr.c);
        *instr = Instr { code: if holds { taken } else { inverse }, a, b, c: 0, ..*instr };
        self.cover_after(pc, None);
        Some(pc)
    }

    pub(super) fn begin_if(&mut self, ty: BlockType) -> Result<()> {
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

    pub(super) fn begin_else(&mut self) -> Result<()> {
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
        let params: Vec<Ty> = self.block_params(ty)?.iter().map(|&ty| self.layout.ty(ty)).collect();
        params.into_iter().for_each(|ty| self.push(Where::Home, ty));
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<()> {
        if self.dead == 0 {
            match self.controls.last().is_some_and(|control| control.kept.is_some()) {
                true => self.end_handler()?,
                false => self.spill_all()?,
            }
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
    pub(super) fn die(&mut self) -> Result<()> {
        self.dead = 1;
        self.last = None;
        let base = self.controls.last().map_or(0, |control| control.base);
        self.truncate(base)
    }

    pub(super) fn br_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<()> {
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
        let width = if is_same { 0 } else { stream::index_bits(len) };
        let table = self.body.tables.len() as u32;
        self.body.tables.push(JumpTable { first, len, width, is_loop });
        self.own(Code::BrTable, slot, table, 0, None)?;
        self.die()
    }

    pub(super) fn returns(&mut self) -> Result<()> {
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

    pub(super) fn call(&mut self, code: Code, ty: u32, b: u32, c: u32, is_tail: bool) -> Result<()> {
        let (params, results) = {
            let ty = self.func_type(ty)?;
            let results: Vec<Ty> = ty.results().iter().map(|&ty| self.layout.ty(ty)).collect();
            (ty.params().len(), results)
        };
        let first = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let base = self.stack.get(first).map_or_else(|| self.next_slot(), |entry| entry.home);
        let pc = self.own(code, base, b, c, None)?;
        if is_tail {
            return self.die();
        }
        self.lands(pc);
        self.truncate(first)?;
        results.into_iter().for_each(|ty| self.push(Where::Home, ty));
        Ok(())
    }

    pub(super) fn call_direct(&mut self, func: u32, is_tail: bool) -> Result<()> {
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

    pub(super) fn call_indirect(&mut self, ty: u32, table: u32, is_tail: bool) -> Result<()> {
        let index = self.pop()?;
        // The arguments first: where the index goes is above them.
        let params = self.func_type(ty)?.params().len();
        let first = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let slot = self.slot(index)?;
        let site = self.body.sites.len() as u32;
        let index_of = table;
        let table = *self.linked.tables.get(table as usize).ok_or_else(|| self.invalid())?;
        let number = *self.linked.types.get(ty as usize).ok_or_else(|| self.invalid())?;
        self.index.set(self.table_index(index_of));
        let is_64 = self.table_index(index_of) == Ty::I64;
        let takes = match self.layout.objects.takes(HeapType::Concrete(UnpackedIndex::Module(ty))) {
            Takes::Functions(first, last) if !is_64 => Some((first, last)),
            _ => None,
        };
        self.body.sites.push(CallSite { table, ty: number, takes });
        self.body.slots = self.body.slots.max(index.home + 1);
        let code = if is_tail { Code::ReturnCallIndirect } else { Code::CallIndirect };
        self.call(code, ty, slot, site, is_tail)
    }
}
