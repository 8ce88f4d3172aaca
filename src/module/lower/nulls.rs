//! Which `ref.is_null`s ask of an exception, which is no reference to the engine. That takes the types of
//! operands, and so the validator. It is asked only of bodies that have such an operator.

use std::collections::HashSet;

use wasmparser::{FuncValidatorAllocations, Operator, Parser, ValidPayload, Validator};

use crate::module::{Module, features::lowered_features};

use super::{lacking::is_exception_ref, refusal::Refused, survey::Survey};

/// For each the position of its function among those defined, and its offset in the body.
pub(super) fn of_exceptions(sample: &Module, surveys: &[Survey]) -> Result<HashSet<(u32, u32)>, Refused> {
    let mut found = HashSet::new();
    if !surveys.iter().any(|survey| survey.has_is_null) {
        return Ok(found);
    }
    let mut validator = Validator::new_with_features(lowered_features());
    let (mut surveys, mut allocations) = ((0..).zip(surveys), FuncValidatorAllocations::default());
    for payload in Parser::new(0).parse_all(sample.core().bytes) {
        let ValidPayload::Func(to_validate, body) = validator.payload(&payload?)? else { continue };
        let Some((position, _)) = surveys.next().filter(|(_, survey)| survey.has_is_null) else { continue };
        let mut function = to_validate.into_validator(allocations);
        let (mut locals, start) = (body.get_locals_reader()?, body.range().start);
        for _ in 0..locals.get_count() {
            let offset = locals.original_position();
            let (count, ty) = locals.read()?;
            function.define_locals(offset, count, ty)?;
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            let is_null = matches!(operator, Operator::RefIsNull);
            let operand = if is_null { function.get_operand_type(0).flatten() } else { None };
            if operand.is_some_and(is_exception_ref) {
                found.insert((position, (offset - start) as u32));
            }
            function.op(offset, &operator)?;
        }
        allocations = function.into_allocations();
    }
    Ok(found)
}
