//! The operators of one function.

use wasmparser::{BinaryReader, Operator, OperatorsReader};

use crate::module::{CodeOffset, FuncIndex, Module};

/// Tells each operator of a function with its offset in the file; of one that is malformed those before.
pub(super) fn for_each_operator(
    module: &Module,
    func: FuncIndex,
    mut each: impl FnMut(CodeOffset, &Operator<'_>),
) {
    let Some(body) = module.body(func) else { return };
    let (start, end) = (body.start as usize, body.end as usize);
    let Some(bytes) = module.image().get(start..end) else { return };
    let body = wasmparser::FunctionBody::new(BinaryReader::new(bytes, start as u64));
    let Ok(operators) = body.get_operators_reader() else { return };
    walk(operators, &mut each);
}

fn walk(mut operators: OperatorsReader<'_>, each: &mut impl FnMut(CodeOffset, &Operator<'_>)) {
    while !operators.eof() {
        let Ok((operator, offset)) = operators.read_with_offset() else { return };
        #[cfg(test)]
        TOLD.set(TOLD.get() + 1);
        each(CodeOffset(offset as u32), &operator);
    }
}

/// Whether an operator loads an integer.
pub(super) fn is_load(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::I32Load { .. }
            | O::I64Load { .. }
            | O::I32Load8U { .. }
            | O::I32Load8S { .. }
            | O::I32Load16U { .. }
            | O::I32Load16S { .. }
            | O::I64Load8U { .. }
            | O::I64Load8S { .. }
            | O::I64Load16S { .. }
            | O::I64Load16U { .. }
            | O::I64Load32U { .. }
            | O::I64Load32S { .. }
    )
}

#[cfg(test)]
thread_local! {
    static TOLD: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Operators that this thread was told while it did something: how much work that is.
#[cfg(test)]
pub(super) fn told_in(work: impl FnOnce()) -> u64 {
    let before = TOLD.get();
    work();
    TOLD.get() - before
}
