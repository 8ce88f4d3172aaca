//! Tables that begin with functions. The engine's begin with null.
//!
//! A segment behind the sample's own fills such a table, so the indices of segments stay. It would take what
//! those of the sample put there, so those that are active in the table come once more behind it.

use wasm_encoder::{ConstExpr, ElementSection, Elements, RefType};

use super::super::refusal::{Refused, refused};

/// Tables to be filled.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Imported tables, which begin the index space.
    pub(super) imported: u32,
    tables: Vec<Table>,
    /// Segments that come once more: the table, the offset, and what there is.
    again: Vec<(u32, ConstExpr, Items)>,
    is_written: bool,
}

#[derive(Debug)]
struct Table {
    index: u32,
    len: u64,
    is_64: bool,
    ty: RefType,
    value: ConstExpr,
}

/// The elements of a segment.
#[derive(Debug, Clone)]
pub(super) enum Items {
    Functions(Vec<u32>),
    Expressions(RefType, Vec<ConstExpr>),
}

impl Items {
    pub(super) fn elements(&self) -> Elements<'_> {
        match self {
            Self::Functions(functions) => Elements::Functions(functions.as_slice().into()),
            Self::Expressions(ty, exprs) => Elements::Expressions(*ty, exprs.as_slice().into()),
        }
    }
}

impl Filled {
    /// A defined table begins with a value.
    ///
    /// # Errors
    ///
    /// If it takes more than the room that is left.
    pub(super) fn table(
        &mut self,
        (position, ty): (u32, wasm_encoder::TableType),
        (value, len_bytes): (ConstExpr, usize),
        room: &mut usize,
    ) -> Result<(), Refused> {
        let bytes = ty.minimum.saturating_mul(len_bytes as u64);
        let Some(left) = usize::try_from(bytes).ok().and_then(|bytes| room.checked_sub(bytes)) else {
            return refused("a table that begins with too many functions");
        };
        *room = left;
        let index = self.imported.saturating_add(position);
        let (len, is_64) = (ty.minimum, ty.table64);
        self.tables.push(Table { index, len, is_64, ty: ty.element_type, value });
        Ok(())
    }

    /// An active segment of the sample's.
    pub(super) fn note(&mut self, table: Option<u32>, offset: &ConstExpr, items: &Items) {
        let index = table.unwrap_or(0);
        if self.tables.iter().any(|table| table.index == index) {
            self.again.push((index, offset.clone(), items.clone()));
        }
    }

    /// Whether there is something that is not written yet.
    pub(super) fn is_due(&self) -> bool {
        !self.is_written && !self.tables.is_empty()
    }

    /// Writes the segments behind those of the sample.
    pub(super) fn write(&mut self, elements: &mut ElementSection) {
        for table in &self.tables {
            let zero = if table.is_64 { ConstExpr::i64_const(0) } else { ConstExpr::i32_const(0) };
            let values = vec![table.value.clone(); usize::try_from(table.len).unwrap_or_default()];
            elements.active(Some(table.index), &zero, Elements::Expressions(table.ty, values.into()));
        }
        for (table, offset, items) in &self.again {
            elements.active(Some(*table), offset, items.elements());
        }
        self.is_written = true;
    }
}
