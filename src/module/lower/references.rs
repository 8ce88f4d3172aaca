//! References, in code that has only those to functions and to things of the host's.
//!
//! A function that is called by reference is put into the first element of a table of ours, and called from
//! there: the engine records its key as of any indirect call. A branch on a reference is one on a number, of
//! which the engine records the same bit.
//!
//! All added operators but the first are silent. So a run is cut short before such an operator, or after it,
//! and never with half of it done.

use wasm_encoder::{BlockType, Instruction as I, reencode::Reencode as _};
use wasmparser::{HeapType, Operator, UnpackedIndex};

use crate::module::objects::{Hierarchy, Takes};

use super::{body::Reader, refusal::Refused, sites::Stop, temps::Temps};

/// The function of ours, behind those of threads, that tells the number of the type of the function that a
/// reference refers to. It has no record.
pub(crate) const FUNCTION_NUMBER: &str = "function.number";

impl Reader<'_, '_> {
    /// Writes an operator on references that the engine lacks; whether it is one that can be.
    pub(super) fn reference(&mut self, operator: &Operator<'_>) -> Result<bool, Refused> {
        let Some(temps) = self.temps else { return Ok(false) };
        match *operator {
            Operator::RefAsNonNull | Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => {
                match self.sections.unnamed(self.position, self.body.offset()) {
                    Some(hierarchy) => self.on_null(operator, temps, hierarchy),
                    // It is never reached, and may be of any type.
                    None => self.body.own(&I::Unreachable),
                }
            }
            Operator::CallRef { type_index } => {
                self.take_callee(temps);
                let (type_index, table_index) = (type_index, self.sections.kept.functions.unwrap_or(0));
                self.body.own(&I::CallIndirect { type_index, table_index });
                self.look();
            }
            Operator::ReturnCallRef { type_index } => {
                self.take_callee(temps);
                let (type_index, table_index) = (type_index, self.sections.kept.functions.unwrap_or(0));
                self.body.own(&I::ReturnCallIndirect { type_index, table_index });
            }
            ref operator => return self.object(operator, temps),
        }
        Ok(true)
    }

    /// Before a call through a table, with the index on the stack: stops if the function has another type
    /// than the one that is called, and the engine would not see it.
    pub(super) fn tell_apart(&mut self, ty: u32, table: u32) {
        let Some(temps) = self.temps.filter(|_| self.sections.is_alike(ty, table)) else { return };
        let takes = self.sections.objects().takes(HeapType::Concrete(UnpackedIndex::Module(ty)));
        let (Takes::Functions(first, last), Some(function)) = (takes, self.sections.function_number()) else {
            return;
        };
        let (index, number) = (temps.number(0), temps.number(1));
        self.begin_made(&[I::LocalTee(index)]);
        self.silent(&[I::Block(BlockType::Empty), I::LocalGet(index), I::TableSize(table)]);
        self.silent(&[I::I32GeU, I::BrIf(0), I::LocalGet(index), I::TableGet(table), I::Call(function)]);
        // Null is found by the call.
        self.silent(&[I::LocalTee(number), I::I32Eqz, I::BrIf(0)]);
        self.silent(&[I::LocalGet(number), I::I32Const(first as i32), I::I32Sub]);
        self.silent(&[I::I32Const((last - first) as i32), I::I32LeU, I::BrIf(0)]);
        self.body.stop(Stop::Signature);
        self.silent(&[I::End]);
    }

    /// Operators of our own: the first may be where a run is cut short.
    pub(super) fn begin_made(&mut self, instructions: &[I<'_>]) {
        for (position, instruction) in instructions.iter().enumerate() {
            match position {
                0 => self.body.made(instruction, None),
                _ => self.body.silent(instruction),
            }
        }
    }

    pub(super) fn silent(&mut self, instructions: &[I<'_>]) {
        instructions.iter().for_each(|instruction| self.body.silent(instruction));
    }

    /// Stops unless what the instructions give is not 0.
    pub(super) fn demand(&mut self, condition: &[I<'_>], stop: Stop) {
        self.body.silent(&I::Block(BlockType::Empty));
        self.silent(condition);
        self.body.silent(&I::BrIf(0));
        self.body.stop(stop);
        self.body.silent(&I::End);
    }

    /// `ref.null`.
    pub(super) fn null(&mut self, ty: HeapType) -> Result<(), Refused> {
        let null = match self.sections.objects().hierarchy(ty) {
            Hierarchy::Exception => I::V128Const(0),
            Hierarchy::Object => I::I32Const(0),
            _ => I::RefNull(self.sections.heap_type(ty)?),
        };
        self.body.own(&null);
        Ok(())
    }

    /// `ref.is_null`.
    pub(super) fn is_null(&mut self) {
        match self.sections.unnamed(self.position, self.body.offset()) {
            Some(Hierarchy::Exception) => {
                self.body.made(&I::V128AnyTrue, None);
                self.body.own(&I::I32Eqz);
            }
            Some(Hierarchy::Object) => self.body.own(&I::I32Eqz),
            _ => self.body.own(&I::RefIsNull),
        }
    }

    /// Whether a reference is null, or whether not.
    pub(super) fn nullness(hierarchy: Hierarchy, is_null: bool) -> &'static [I<'static>] {
        match (hierarchy, is_null) {
            (Hierarchy::Exception, true) => &[I::V128AnyTrue, I::I32Eqz],
            (Hierarchy::Exception, false) => &[I::V128AnyTrue],
            (Hierarchy::Object, true) => &[I::I32Eqz],
            (Hierarchy::Object, false) => &[I::I32Const(0), I::I32Ne],
            (_, true) => &[I::RefIsNull],
            (_, false) => &[I::RefIsNull, I::I32Eqz],
        }
    }

    /// `ref.as_non_null`, and branches on null.
    fn on_null(&mut self, operator: &Operator<'_>, temps: Temps, hierarchy: Hierarchy) {
        let temp = temps.reference(hierarchy);
        match *operator {
            Operator::BrOnNull { relative_depth } => {
                self.begin_made(&[I::LocalTee(temp)]);
                self.silent(Self::nullness(hierarchy, true));
                let label = self.label(relative_depth);
                self.body.own(&I::BrIf(label));
                self.body.silent(&I::LocalGet(temp));
            }
            Operator::BrOnNonNull { relative_depth } => {
                self.begin_made(&[I::LocalTee(temp), I::LocalGet(temp)]);
                self.silent(Self::nullness(hierarchy, false));
                let label = self.label(relative_depth);
                self.body.own(&I::BrIf(label));
                self.body.silent(&I::Drop);
            }
            _ => {
                self.begin_made(&[I::LocalTee(temp)]);
                self.demand_some(temp, hierarchy, Stop::NullReference);
            }
        }
    }

    /// Stops if the reference in a local is null.
    pub(super) fn demand_some(&mut self, local: u32, hierarchy: Hierarchy, stop: Stop) {
        let mut condition = vec![I::LocalGet(local)];
        condition.extend_from_slice(Self::nullness(hierarchy, false));
        self.demand(&condition, stop);
    }

    /// Puts the callee of a call by reference into its table, and its index there onto the stack.
    fn take_callee(&mut self, temps: Temps) {
        let callee = temps.reference(Hierarchy::Function);
        self.begin_made(&[I::LocalSet(callee)]);
        self.demand_some(callee, Hierarchy::Function, Stop::NullFunction);
        let table = self.sections.kept.functions.unwrap_or(0);
        let put = [I::I32Const(0), I::LocalGet(callee), I::TableSet(table), I::I32Const(0)];
        self.silent(&put);
    }
}
