//! Constant expressions, in which the globals of other instances are their values.

use wasm_encoder::{ConstExpr, Encode as _, Instruction, reencode::Reencode};
use wasmparser::Operator;

use super::super::{limits::MAX_VALUE, problem::Problem};

/// Knows the values of globals that never change.
pub(super) trait Globals: Reencode<Error = Problem> {
    /// The value of a global of the instance that is read.
    fn global(&self, index: u32) -> Result<Value, Problem>;
}

/// What a constant expression, or an operator of it, leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    I32(i32),
    I64(i64),
    /// The code that makes it.
    Code(Vec<u8>),
    /// The same, of what is another each time it is made: it cannot stand for a global.
    Made(Vec<u8>),
}

impl Value {
    /// The operator that leaves it, if it is a number.
    pub(super) fn number(&self) -> Option<Instruction<'static>> {
        match self {
            Self::I32(value) => Some(Instruction::I32Const(*value)),
            Self::I64(value) => Some(Instruction::I64Const(*value)),
            Self::Code(_) | Self::Made(_) => None,
        }
    }

    pub(super) fn expr(&self) -> ConstExpr {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        ConstExpr::raw(bytes)
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Code(code) | Self::Made(code) => bytes.extend_from_slice(code),
            number => number.number().iter().for_each(|number| number.encode(bytes)),
        }
    }
}

/// Reads a constant expression of the instance that is read.
pub(super) fn value(renumber: &mut impl Globals, expr: &wasmparser::ConstExpr<'_>) -> Result<Value, Problem> {
    let mut parts = Vec::new();
    let mut operators = expr.get_operators_reader();
    while !operators.is_end_then_eof() {
        let operator = operators.read()?;
        if sum(&operator, &mut parts) {
            continue;
        }
        parts.push(match operator {
            Operator::I32Const { value } => Value::I32(value),
            Operator::I64Const { value } => Value::I64(value),
            Operator::GlobalGet { global_index } => renumber.global(global_index)?,
            operator => {
                let is_same = is_same_each_time(&operator);
                let mut code = Vec::new();
                renumber.instruction(operator)?.encode(&mut code);
                if is_same { Value::Code(code) } else { Value::Made(code) }
            }
        });
    }
    if let [Value::I32(_) | Value::I64(_)] = parts[..] {
        return parts.pop().ok_or(Problem::Dangling("a value"));
    }
    let mut bytes = Vec::new();
    parts.iter().for_each(|part| part.encode(&mut bytes));
    let is_same = bytes.len() <= MAX_VALUE && !parts.iter().any(|part| matches!(part, Value::Made(_)));
    Ok(if is_same { Value::Code(bytes) } else { Value::Made(bytes) })
}

/// Adds, subtracts or multiplies the two last parts, if both are numbers.
fn sum(operator: &Operator<'_>, parts: &mut Vec<Value>) -> bool {
    let [.., first, second] = &parts[..] else { return false };
    let made = match (operator, first, second) {
        (Operator::I32Add, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_add(*b)),
        (Operator::I32Sub, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_sub(*b)),
        (Operator::I32Mul, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_mul(*b)),
        (Operator::I64Add, Value::I64(a), Value::I64(b)) => Value::I64(a.wrapping_add(*b)),
        (Operator::I64Sub, Value::I64(a), Value::I64(b)) => Value::I64(a.wrapping_sub(*b)),
        (Operator::I64Mul, Value::I64(a), Value::I64(b)) => Value::I64(a.wrapping_mul(*b)),
        _ => return false,
    };
    parts.truncate(parts.len() - 2);
    parts.push(made);
    true
}

/// Whether an operator leaves the same thing each time: an object of GC is another one.
fn is_same_each_time(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::F32Const { .. }
            | O::F64Const { .. }
            | O::V128Const { .. }
            | O::RefNull { .. }
            | O::RefFunc { .. }
            | O::RefI31
    )
}
