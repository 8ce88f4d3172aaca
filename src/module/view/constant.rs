//! Values of constant expressions: offsets of segments, initial values of globals, elements.

use wasmparser::{ConstExpr, Operator};

use super::{Global, proposal::Uses};
use crate::module::{FuncIndex, GlobalIndex, Opcode};

/// What a constant expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constant {
    I32(i32),
    I64(i64),
    Func(FuncIndex),
    /// Null, a global that is imported, or of a type without a place here.
    Unknown,
}

impl Constant {
    pub(super) fn func(self) -> Option<FuncIndex> {
        match self {
            Self::Func(func) => Some(func),
            _ => None,
        }
    }

    pub(super) fn integer(self) -> Option<i64> {
        match self {
            Self::I32(value) => Some(value.into()),
            Self::I64(value) => Some(value),
            _ => None,
        }
    }

    /// As an address: a 32-bit one has no sign.
    pub(super) fn address(self) -> Option<u64> {
        match self {
            Self::I32(value) => Some(u64::from(value as u32)),
            Self::I64(value) => Some(value as u64),
            _ => None,
        }
    }

    fn calculate(self, other: Self, opcode: Opcode) -> Self {
        match (self, other, opcode) {
            (Self::I32(a), Self::I32(b), Opcode::I32Add) => Self::I32(a.wrapping_add(b)),
            (Self::I32(a), Self::I32(b), Opcode::I32Sub) => Self::I32(a.wrapping_sub(b)),
            (Self::I32(a), Self::I32(b), Opcode::I32Mul) => Self::I32(a.wrapping_mul(b)),
            (Self::I64(a), Self::I64(b), Opcode::I64Add) => Self::I64(a.wrapping_add(b)),
            (Self::I64(a), Self::I64(b), Opcode::I64Sub) => Self::I64(a.wrapping_sub(b)),
            (Self::I64(a), Self::I64(b), Opcode::I64Mul) => Self::I64(a.wrapping_mul(b)),
            _ => Self::Unknown,
        }
    }
}

/// Evaluates an expression; `globals` are those declared so far. A value that cannot be known without linking
/// is unknown, never guessed.
pub(super) fn evaluate(expression: &ConstExpr<'_>, globals: &[Global], uses: &mut Uses) -> Constant {
    let mut reader = expression.get_operators_reader();
    let mut stack: Vec<Constant> = Vec::new();
    while !reader.eof() {
        let offset = reader.original_position();
        let Ok(operator) = reader.read() else { return Constant::Unknown };
        let Some(opcode) = Opcode::of(&operator) else { return Constant::Unknown };
        uses.opcode(opcode, offset);
        let value = match operator {
            Operator::End => break,
            Operator::I32Const { value } => Constant::I32(value),
            Operator::I64Const { value } => Constant::I64(value),
            Operator::RefFunc { function_index } => Constant::Func(FuncIndex(function_index)),
            Operator::GlobalGet { global_index } => global(globals, GlobalIndex(global_index)),
            Operator::I32Add
            | Operator::I32Sub
            | Operator::I32Mul
            | Operator::I64Add
            | Operator::I64Sub
            | Operator::I64Mul => {
                uses.named("extended const", offset);
                let other = stack.pop().unwrap_or(Constant::Unknown);
                stack.pop().unwrap_or(Constant::Unknown).calculate(other, opcode)
            }
            _ => Constant::Unknown,
        };
        stack.push(value);
    }
    stack.pop().filter(|_| stack.is_empty()).unwrap_or(Constant::Unknown)
}

fn global(globals: &[Global], index: GlobalIndex) -> Constant {
    let Some(global) = globals.get(index.position()).filter(|global| !global.mutable) else {
        return Constant::Unknown;
    };
    match (global.value, &*global.ty) {
        (Some(value), "i32") => i32::try_from(value).map_or(Constant::Unknown, Constant::I32),
        (Some(value), "i64") => Constant::I64(value),
        _ => Constant::Unknown,
    }
}
