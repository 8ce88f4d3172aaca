//! Tags of exceptions: which are one, and where what an exception carries is kept.
//!
//! Tags are told apart by *numbers*: two imports of one name and type are one tag and have one number. Small
//! tags come first, those whose operands find room beside the number in one `v128`:
//!
//! ```text
//! byte 0    4           8           12
//!      num  i32 or f32  i32 or f32  i32 or f32      num: the number plus 1; all zeros is null
//!      num  i32 or f32  i64 or f64
//! ```
//!
//! An exception of a small tag is that value, so a reference to one needs no store and is never used up. Two
//! with the same operands cannot be told apart anyway. Of others a serial number stands at byte 4: the
//! operands of the last one are kept elsewhere.
//!
//! Not here: what throws and catches (`code`), how the engine does it (`lower`).

use std::collections::HashMap;

use wasmparser::{FuncType, ValType};

use super::{Import, ItemKind, TypeIndex};

/// Bytes of the number, and of all of an exception.
const NUMBER_BYTES: u8 = 4;
const ALL_BYTES: u8 = 16;

/// The tags of a module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tags {
    /// The number of each tag, by index.
    numbers: Box<[u32]>,
    /// By number: the first tag that has it, and its type.
    first: Box<[(u32, TypeIndex)]>,
    small: u32,
}

impl Tags {
    /// The tags of these types, which `imports` begin.
    pub(super) fn of(types: &[Option<FuncType>], imports: &[Import], tags: &[TypeIndex]) -> Self {
        let imported = imports.iter().filter(|import| import.kind == ItemKind::Tag);
        let mut names = imported.map(|import| (&import.module, &import.name));
        if tags.is_empty() {
            return Self::default();
        }
        let of = |ty: TypeIndex| types.get(ty.position()).and_then(Option::as_ref);
        // Types are compared once each, however many tags have them.
        let mut equal = HashMap::new();
        let types: Vec<u32> = (0..).zip(types).map(|(index, ty)| *equal.entry(ty).or_insert(index)).collect();
        let shape = |ty: TypeIndex| types.get(ty.position());
        let (mut same, mut known) = (Vec::with_capacity(tags.len()), HashMap::new());
        for (index, &ty) in (0u32..).zip(tags) {
            let first = names.next().map_or(index, |name| *known.entry(name).or_insert(index));
            let is_one = tags.get(first as usize).is_some_and(|&other| shape(other) == shape(ty));
            same.push(if is_one { first } else { index });
        }
        let own = || same.iter().zip(0u32..).zip(tags).filter(|((first, index), _)| **first == *index);
        let is_small = |ty: TypeIndex| of(ty).is_some_and(|ty| places(ty.params()).is_some());
        let small = own().filter(|(_, ty)| is_small(**ty));
        let mut first: Vec<_> = small.map(|((_, index), &ty)| (index, ty)).collect();
        let small = first.len() as u32;
        first.extend(own().filter(|(_, ty)| !is_small(**ty)).map(|((_, index), &ty)| (index, ty)));
        let mut numbers = vec![0; tags.len()];
        for (number, (index, _)) in (0..).zip(&first) {
            numbers[*index as usize] = number;
        }
        // The first of those that are one stands before them.
        for (index, first) in same.iter().enumerate() {
            numbers[index] = numbers[*first as usize];
        }
        Self { numbers: numbers.into(), first: first.into(), small }
    }

    /// The number of the tag with this index.
    pub(crate) fn number(&self, index: u32) -> Option<u32> {
        self.numbers.get(index as usize).copied()
    }

    /// The first tag that has a number, and its type.
    pub(crate) fn tag(&self, number: u32) -> Option<(u32, TypeIndex)> {
        self.first.get(number as usize).copied()
    }

    /// How many differ.
    pub(crate) fn len(&self) -> u32 {
        self.first.len() as u32
    }

    /// How many of them are small.
    pub(crate) fn small(&self) -> u32 {
        self.small
    }

    /// Bits that say which of them it is.
    pub(crate) fn bits(&self) -> u32 {
        u32::BITS - self.len().saturating_sub(1).leading_zeros()
    }
}

/// At which byte each operand of a small tag stands; `None` if there is no room for them.
pub(crate) fn places(params: &[ValType]) -> Option<Vec<u8>> {
    let width = |ty: &ValType| match ty {
        ValType::I32 | ValType::F32 => Some(4),
        ValType::I64 | ValType::F64 => Some(8),
        ValType::V128 | ValType::Ref(_) => None,
    };
    if params.len() > usize::from((ALL_BYTES - NUMBER_BYTES) / 4) {
        return None;
    }
    // A wide one is last, so that it is aligned; so there is one at most.
    let mut free = NUMBER_BYTES;
    let mut places = Vec::with_capacity(params.len());
    let mut wide = 0;
    for ty in params {
        match width(ty)? {
            8 => {
                wide += 1;
                places.push(ALL_BYTES - 8);
            }
            narrow => {
                places.push(free);
                free += narrow;
            }
        }
    }
    (wide == 0 || (wide == 1 && free <= ALL_BYTES - 8)).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_do_not_overlap() {
        use ValType::{F32, F64, I32, I64, V128};
        for (params, expected) in [
            (&[][..], Some(&[][..])),
            (&[I32], Some(&[4])),
            (&[I32, F32, I32], Some(&[4, 8, 12])),
            (&[I32, F64], Some(&[4, 8])),
            (&[I64, I32], Some(&[8, 4])),
            (&[I64, I64], None),
            (&[I32, I64, I32], None),
            (&[I32, I32, I32, I32], None),
            (&[V128], None),
            (&[ValType::FUNCREF], None),
        ] {
            assert_eq!(places(params).as_deref(), expected, "{params:?}");
        }
    }

    #[test]
    fn imports_of_one_name_and_type_are_one_tag() {
        let types =
            [FuncType::new([], []), FuncType::new([ValType::V128], []), FuncType::new([], [])].map(Some);
        let import = |name: &str| Import { module: "m".into(), name: name.into(), kind: ItemKind::Tag };
        let imports = [import("a"), import("a"), import("a"), import("b")];
        let tags = Tags::of(&types, &imports, &[0, 1, 2, 0, 0].map(TypeIndex));
        let numbers: Vec<_> = (0..6).map(|index| tags.number(index)).collect();
        assert_eq!(numbers, [Some(0), Some(3), Some(0), Some(1), Some(2), None]);
        assert_eq!((tags.len(), tags.small(), tags.bits()), (4, 3, 2));
        assert_eq!(tags.tag(3), Some((1, TypeIndex(1))));
        assert_eq!(Tags::default().bits(), 0);
    }
}
