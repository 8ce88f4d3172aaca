//! Casts, small numbers, and what refers to the host.

use wasm_encoder::{BlockType, Instruction as I};
use wasmparser::{HeapType, Operator};

use crate::module::objects::{Hierarchy, Takes};

use super::super::{body::Reader, refusal::Refused, sites::Stop, temps::Temps};

/// The local of a reference whose type is asked for.
const ASKED: u32 = 0;

/// The null of what is of the host's.
const NULL: I<'static> = I::RefNull(wasm_encoder::HeapType::EXTERN);

impl Reader<'_, '_> {
    pub(super) fn cast(&mut self, operator: &Operator<'_>, temps: Temps) -> Result<bool, Refused> {
        use Operator as O;
        match *operator {
            O::ArrayLen => self.len(temps),
            O::RefI31 => self.begin_made(&[I::I32Const(1), I::I32Shl, I::I32Const(1), I::I32Or]),
            O::I31GetS => self.small(temps, I::I32ShrS),
            O::I31GetU => self.small(temps, I::I32ShrU),
            O::RefEq => self.body.own(&I::I32Eq),
            O::RefTestNonNull { hty } => return Ok(self.test(hty, false, temps)),
            O::RefTestNullable { hty } => return Ok(self.test(hty, true, temps)),
            O::RefCastNonNull { hty } => return Ok(self.cast_to(hty, false, temps)),
            O::RefCastNullable { hty } => return Ok(self.cast_to(hty, true, temps)),
            O::BrOnCast { relative_depth, to_ref_type, .. } => {
                let target = (to_ref_type.heap_type(), to_ref_type.is_nullable());
                return Ok(self.branch(relative_depth, target, temps, false));
            }
            O::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                let target = (to_ref_type.heap_type(), to_ref_type.is_nullable());
                return Ok(self.branch(relative_depth, target, temps, true));
            }
            O::AnyConvertExtern => self.convert(Hierarchy::Host, temps),
            O::ExternConvertAny => self.convert(Hierarchy::Object, temps),
            ref operator => return self.table(operator, temps),
        }
        Ok(true)
    }

    /// The number in a reference.
    fn small(&mut self, temps: Temps, shift: I<'static>) {
        let reference = temps.number(ASKED);
        self.begin_made(&[I::LocalSet(reference)]);
        self.demand_some(reference, Hierarchy::Object, Stop::NullI31);
        self.silent(&[I::LocalGet(reference), I::I32Const(1), shift]);
    }

    /// Puts onto the stack whether the reference in its local is of a type.
    fn ask(&mut self, ty: HeapType, is_nullable: bool, temps: Temps) -> bool {
        let hierarchy = self.sections.objects().hierarchy(ty);
        let asked = temps.reference(hierarchy);
        let is_some = Self::nullness(hierarchy, false);
        match self.sections.objects().takes(ty) {
            Takes::Unknown => return false,
            Takes::All => {
                self.silent(&[I::LocalGet(asked)]);
                self.silent(is_some);
            }
            Takes::Nothing => self.silent(&[I::I32Const(0)]),
            // Only what is the host's has bit 1 alone. Null has no bit; it may be asked for below.
            Takes::Comparable => {
                self.silent(&[I::LocalGet(asked), I::I32Const(0), I::I32Ne]);
                self.silent(&[I::LocalGet(asked), I::I32Const(0b11), I::I32And, I::I32Const(0b10), I::I32Ne]);
                self.silent(&[I::I32And]);
            }
            Takes::I31 => self.silent(&[I::LocalGet(asked), I::I32Const(1), I::I32And]),
            Takes::Numbers(first, last) => self.ask_number(asked, (first, last)),
            Takes::Functions(first, last) => {
                let Some(function) = self.sections.function_number() else { return false };
                // The number of null is 0.
                self.silent(&[I::LocalGet(asked), I::Call(function), I::I32Const(first as i32), I::I32Sub]);
                self.silent(&[I::I32Const((last - first) as i32), I::I32LeU]);
            }
        }
        if is_nullable {
            self.silent(&[I::LocalGet(asked)]);
            self.silent(Self::nullness(hierarchy, true));
            self.silent(&[I::I32Or]);
        }
        true
    }

    /// Whether a reference is to an object whose type has one of these numbers. What is no object has the
    /// number at address 0.
    fn ask_number(&mut self, asked: u32, (first, last): (u32, u32)) {
        if self.sections.kept.memory.is_none() || last < first {
            return self.silent(&[I::I32Const(0)]);
        }
        let is_object = [I::LocalGet(asked), I::I32Const(0b111), I::I32And, I::I32Eqz];
        self.silent(&[I::LocalGet(asked), I::I32Const(0)]);
        self.silent(&is_object);
        let load = I::I32Load(self.at(0));
        self.silent(&[I::Select, load, I::I32Const(first as i32), I::I32Sub]);
        self.silent(&[I::I32Const((last - first) as i32), I::I32LeU]);
    }

    fn can_ask(&self, ty: HeapType) -> bool {
        self.sections.objects().takes(ty) != Takes::Unknown
    }

    /// `ref.test`.
    fn test(&mut self, ty: HeapType, is_nullable: bool, temps: Temps) -> bool {
        if !self.can_ask(ty) {
            return false;
        }
        let asked = temps.reference(self.sections.objects().hierarchy(ty));
        self.begin_made(&[I::LocalSet(asked)]);
        self.ask(ty, is_nullable, temps)
    }

    /// `ref.cast`.
    fn cast_to(&mut self, ty: HeapType, is_nullable: bool, temps: Temps) -> bool {
        if !self.can_ask(ty) {
            return false;
        }
        let asked = temps.reference(self.sections.objects().hierarchy(ty));
        self.begin_made(&[I::LocalTee(asked), I::Block(BlockType::Empty)]);
        self.ask(ty, is_nullable, temps);
        self.silent(&[I::BrIf(0)]);
        self.body.stop(Stop::Cast);
        self.silent(&[I::End]);
        true
    }

    /// `br_on_cast`, or `br_on_cast_fail`.
    fn branch(
        &mut self,
        depth: u32,
        (ty, is_nullable): (HeapType, bool),
        temps: Temps,
        is_on_failure: bool,
    ) -> bool {
        if !self.can_ask(ty) {
            return false;
        }
        let asked = temps.reference(self.sections.objects().hierarchy(ty));
        self.begin_made(&[I::LocalTee(asked)]);
        self.ask(ty, is_nullable, temps);
        if is_on_failure {
            self.silent(&[I::I32Eqz]);
        }
        let label = self.label(depth);
        self.body.own(&I::BrIf(label));
        true
    }

    /// `any.convert_extern`, `extern.convert_any`. Where there are types of objects both refer alike;
    /// elsewhere only null goes there and back.
    fn convert(&mut self, from: Hierarchy, temps: Temps) {
        if self.sections.objects().are_alike() {
            return;
        }
        let (temp, to) = (temps.reference(from), if from == Hierarchy::Host { I::I32Const(0) } else { NULL });
        self.begin_made(&[I::LocalSet(temp)]);
        let mut is_null = vec![I::LocalGet(temp)];
        is_null.extend_from_slice(Self::nullness(from, true));
        self.demand(&is_null, Stop::Unsupported);
        self.silent(&[to]);
    }
}
