//! References and objects. Operands of what is done on objects are put in a row first.

use wasmparser::{HeapType, Operator, RefType};

use crate::module::objects::{Shape, Storage, Takes};

use super::super::code::{Act, Asks, BranchSite, Code, ObjectSite, Ty};
use super::{Result, Translator, Where};

/// What an operator does, with the values that it takes and the type of the one that it gives.
type Done = (Act, u32, Option<Ty>);

impl Translator<'_> {
    /// `call_ref`, `return_call_ref`.
    pub(super) fn call_ref(&mut self, ty: u32, is_tail: bool) -> Result<()> {
        let callee = self.pop()?;
        // The arguments first: where the reference goes is above them.
        let params = self.func_type(ty)?.params().len();
        let first = self.stack.len().checked_sub(params).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let slot = self.slot(callee)?;
        self.body.slots = self.body.slots.max(callee.home + 1);
        let code = if is_tail { Code::ReturnCallRef } else { Code::CallRef };
        self.call(code, ty, slot, 0, is_tail)
    }

    /// An operator on references or objects; whether it is one that is done.
    pub(super) fn on_reference(&mut self, operator: &Operator<'_>) -> Result<bool> {
        use Operator as O;
        match *operator {
            O::RefAsNonNull => {
                let entry = self.pop()?;
                let slot = self.slot(entry)?;
                let code = if entry.ty == Ty::V128 { Code::AsNonNullWide } else { Code::AsNonNull };
                self.result(code, slot, 0, entry.ty, Some(entry.ty))?;
                self.last = None;
            }
            O::BrOnNull { relative_depth } => self.branch_on_null(relative_depth, true)?,
            O::BrOnNonNull { relative_depth } => self.branch_on_null(relative_depth, false)?,
            O::BrOnCast { relative_depth, to_ref_type, .. } => {
                return self.branch_on_cast(relative_depth, to_ref_type, false);
            }
            O::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                return self.branch_on_cast(relative_depth, to_ref_type, true);
            }
            _ => return self.on_object(operator),
        }
        Ok(true)
    }

    /// The reference on top, in its own slot, with all below it.
    fn top_in_place(&mut self) -> Result<(u32, Ty)> {
        self.spill_all()?;
        let top = self.stack.last().ok_or_else(|| self.invalid())?;
        Ok((top.home, top.ty))
    }

    fn branch_on_null(&mut self, depth: u32, is_on_null: bool) -> Result<()> {
        let (slot, ty) = self.top_in_place()?;
        let entry = if is_on_null { Some(self.pop()?) } else { None };
        let asks = Asks { takes: Takes::All, is_nullable: false };
        self.branch_on(depth, (slot, ty), asks, is_on_null)?;
        match entry {
            Some(entry) => self.push(Where::Home, entry.ty),
            None => _ = self.pop()?,
        }
        Ok(())
    }

    fn branch_on_cast(&mut self, depth: u32, ty: RefType, is_inverse: bool) -> Result<bool> {
        let Some(asks) = self.asks(ty.heap_type(), ty.is_nullable()) else { return Ok(false) };
        let top = self.top_in_place()?;
        self.branch_on(depth, top, asks, is_inverse)?;
        Ok(true)
    }

    fn branch_on(&mut self, depth: u32, (slot, ty): (u32, Ty), asks: Asks, is_inverse: bool) -> Result<()> {
        let (control, _, way) = self.way(depth)?;
        let way = self.add_way(control, way);
        let site = self.body.branches.len() as u32;
        self.body.branches.push(BranchSite { asks, is_inverse, ty, memory: self.linked.heap.memory });
        self.own(Code::BrOn, slot, site, way, Some(ty))?;
        Ok(())
    }

    /// What is asked of a reference; `None` if nobody can tell.
    fn asks(&self, ty: HeapType, is_nullable: bool) -> Option<Asks> {
        let takes = self.layout.objects.takes(ty);
        (takes != Takes::Unknown).then_some(Asks { takes, is_nullable })
    }

    /// The type of objects at an index.
    fn object_type(&self, ty: u32) -> Result<&Shape> {
        self.layout.objects.shape(ty).ok_or_else(|| self.invalid())
    }

    fn on_object(&mut self, operator: &Operator<'_>) -> Result<bool> {
        let Some((act, count, ty)) = self.act(operator)? else { return Ok(false) };
        let first = self.stack.len().checked_sub(count as usize).ok_or_else(|| self.invalid())?;
        self.spill_from(first)?;
        let from = self.stack.get(first).map_or_else(|| self.next_slot(), |entry| entry.home);
        let operands = self.next_slot() - from;
        let site = self.body.objects.len() as u32;
        let results = ty.map_or(0, Ty::slots);
        self.body.objects.push(ObjectSite { act, operands, results, heap: self.linked.heap });
        let noted = ty.or_else(|| self.stack.last().map(|entry| entry.ty));
        self.truncate(first)?;
        match ty {
            Some(ty) => {
                self.result(Code::Object, from, site, ty, noted)?;
                self.last = None;
            }
            None => _ = self.own(Code::Object, from, from, site, noted)?,
        }
        Ok(true)
    }

    /// What an operator does; `None` of one that is not done.
    fn act(&self, operator: &Operator<'_>) -> Result<Option<Done>> {
        use Operator as O;
        Ok(Some(match *operator {
            O::StructNew { struct_type_index: ty } => {
                (Act::StructNew { ty }, self.object_type(ty)?.fields.len() as u32, Some(Ty::Any))
            }
            O::StructNewDefault { struct_type_index: ty } => (Act::StructNewDefault { ty }, 0, Some(Ty::Any)),
            O::StructGet { struct_type_index: ty, field_index: index }
            | O::StructGetS { struct_type_index: ty, field_index: index }
            | O::StructGetU { struct_type_index: ty, field_index: index } => {
                let field =
                    *self.object_type(ty)?.fields.get(index as usize).ok_or_else(|| self.invalid())?;
                let is_signed = matches!(operator, O::StructGetS { .. });
                (Act::StructGet { field, is_signed }, 1, Some(field.storage.into()))
            }
            O::StructSet { struct_type_index: ty, field_index: index } => {
                let field =
                    *self.object_type(ty)?.fields.get(index as usize).ok_or_else(|| self.invalid())?;
                (Act::StructSet { field }, 2, None)
            }
            ref operator => return self.act_on_array(operator),
        }))
    }

    fn act_on_array(&self, operator: &Operator<'_>) -> Result<Option<Done>> {
        use Operator as O;
        let storage = |ty| self.object_type(ty).map(Shape::element);
        let (segment, element) = (self.linked.first_segment, self.linked.first_element);
        Ok(Some(match *operator {
            O::ArrayNew { array_type_index: ty } => (Act::ArrayNew { ty }, 2, Some(Ty::Any)),
            O::ArrayNewDefault { array_type_index: ty } => (Act::ArrayNewDefault { ty }, 1, Some(Ty::Any)),
            O::ArrayNewFixed { array_type_index: ty, array_size: count } => {
                (Act::ArrayNewFixed { ty, count }, count, Some(Ty::Any))
            }
            O::ArrayNewData { array_type_index: ty, array_data_index: index } => {
                let len = self.layout.segments.get(index as usize).map_or(0, |one| one.bytes.len());
                let most = len as u32 / storage(ty)?.size();
                (Act::ArrayNewData { ty, segment: segment + index, most }, 2, Some(Ty::Any))
            }
            O::ArrayNewElem { array_type_index: ty, array_elem_index: index } => {
                if !self.is_of_references(storage(ty)?) {
                    return Ok(None);
                }
                let most = self.layout.elements.get(index as usize).map_or(0, |one| one.items.len()) as u32;
                (Act::ArrayNewElem { ty, element: element + index, most }, 2, Some(Ty::Any))
            }
            O::ArrayGet { array_type_index: ty }
            | O::ArrayGetS { array_type_index: ty }
            | O::ArrayGetU { array_type_index: ty } => {
                let (storage, is_signed) = (storage(ty)?, matches!(operator, O::ArrayGetS { .. }));
                (Act::ArrayGet { storage, is_signed }, 2, Some(storage.into()))
            }
            O::ArraySet { array_type_index: ty } => (Act::ArraySet { storage: storage(ty)? }, 3, None),
            O::ArrayLen => (Act::ArrayLen, 1, Some(Ty::I32)),
            O::ArrayFill { array_type_index: ty } => (Act::ArrayFill { storage: storage(ty)? }, 4, None),
            O::ArrayCopy { array_type_index_dst: ty, .. } => {
                (Act::ArrayCopy { storage: storage(ty)? }, 5, None)
            }
            O::ArrayInitData { array_type_index: ty, array_data_index: index } => {
                (Act::ArrayInitData { storage: storage(ty)?, segment: segment + index }, 4, None)
            }
            O::ArrayInitElem { array_type_index: ty, array_elem_index: index } => {
                if !self.is_of_references(storage(ty)?) {
                    return Ok(None);
                }
                (Act::ArrayInitElem { storage: storage(ty)?, element: element + index }, 4, None)
            }
            ref operator => return Ok(self.act_on_one(operator)),
        }))
    }

    /// Whether segments have elements of this kind.
    fn is_of_references(&self, storage: Storage) -> bool {
        storage.is_kept_aside() || storage == Storage::Object
    }

    fn act_on_one(&self, operator: &Operator<'_>) -> Option<Done> {
        use Operator as O;
        let top = self.stack.last().map_or(Ty::Any, |entry| entry.ty);
        Some(match *operator {
            O::RefI31 => (Act::NewI31, 1, Some(Ty::Any)),
            O::I31GetS => (Act::GetI31 { is_signed: true }, 1, Some(Ty::I32)),
            O::I31GetU => (Act::GetI31 { is_signed: false }, 1, Some(Ty::I32)),
            O::RefEq => (Act::Equals, 2, Some(Ty::I32)),
            O::RefTestNonNull { hty } => (Act::Test { asks: self.asks(hty, false)? }, 1, Some(Ty::I32)),
            O::RefTestNullable { hty } => (Act::Test { asks: self.asks(hty, true)? }, 1, Some(Ty::I32)),
            O::RefCastNonNull { hty } => (Act::Cast { asks: self.asks(hty, false)? }, 1, Some(top)),
            O::RefCastNullable { hty } => (Act::Cast { asks: self.asks(hty, true)? }, 1, Some(top)),
            O::AnyConvertExtern => (Act::Convert { all: self.layout.objects.are_alike() }, 1, Some(Ty::Any)),
            O::ExternConvertAny => {
                let all = self.layout.objects.are_alike();
                (Act::Convert { all }, 1, Some(if all { Ty::Any } else { Ty::Extern }))
            }
            _ => return None,
        })
    }
}
