//! Locals of ours, in which operators on references keep their operands.

use wasm_encoder::{RefType, ValType};

use crate::module::objects::Hierarchy;

/// Locals of ours, from this one on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Temps(pub(super) u32);

/// Of numbers, and of references to objects.
const NUMBERS: u32 = 7;

impl Temps {
    pub(super) const COUNT: u32 = NUMBERS + 6;

    pub(super) fn types() -> impl Iterator<Item = (u32, ValType)> {
        let others = [
            ValType::I64,
            ValType::F32,
            ValType::F64,
            ValType::V128,
            ValType::Ref(RefType::FUNCREF),
            ValType::Ref(RefType::EXTERNREF),
        ];
        std::iter::once((NUMBERS, ValType::I32)).chain(others.map(|ty| (1, ty)))
    }

    /// The one of numbers at this position.
    pub(super) fn number(self, position: u32) -> u32 {
        self.0 + position
    }

    pub(super) fn i64(self) -> u32 {
        self.0 + NUMBERS
    }

    pub(super) fn f32(self) -> u32 {
        self.0 + NUMBERS + 1
    }

    pub(super) fn f64(self) -> u32 {
        self.0 + NUMBERS + 2
    }

    pub(super) fn v128(self) -> u32 {
        self.0 + NUMBERS + 3
    }

    /// The one of references of a hierarchy.
    pub(super) fn reference(self, hierarchy: Hierarchy) -> u32 {
        match hierarchy {
            Hierarchy::Object => self.0,
            Hierarchy::Exception => self.v128(),
            Hierarchy::Function => self.0 + NUMBERS + 4,
            Hierarchy::Host => self.0 + NUMBERS + 5,
        }
    }
}
