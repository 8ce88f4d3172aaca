//! To what the operand of an operator refers that does not say so, such as `ref.is_null`. That takes the
//! types of operands, and so the validator. It is asked only of bodies that have such an operator.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, FuncValidatorAllocations, HeapType, Operator, Parser, ValType, ValidPayload,
    Validator, types::TypesRef,
};

use crate::module::{Module, features::lowered_features, objects::Hierarchy};

use super::{refusal::Refused, survey::Survey};

/// For each the position of its function among those defined, and its offset in the body.
pub(super) type Unnamed = HashMap<(u32, u32), Hierarchy>;

/// Those of all bodies but of what is never reached, where an operand may be anything.
pub(super) fn unnamed(sample: &Module, surveys: &[Survey]) -> Result<Unnamed, Refused> {
    let mut found = HashMap::new();
    if !surveys.iter().any(|survey| survey.has_unnamed) {
        return Ok(found);
    }
    let mut validator = Validator::new_with_features(lowered_features());
    let (mut surveys, mut allocations) = ((0..).zip(surveys), FuncValidatorAllocations::default());
    for payload in Parser::new(0).parse_all(sample.core().bytes) {
        let ValidPayload::Func(to_validate, body) = validator.payload(&payload?)? else { continue };
        let Some((position, _)) = surveys.next().filter(|(_, survey)| survey.has_unnamed) else { continue };
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
            let is_unnamed = matches!(
                operator,
                Operator::RefIsNull
                    | Operator::RefAsNonNull
                    | Operator::BrOnNull { .. }
                    | Operator::BrOnNonNull { .. }
            );
            let operand = if is_unnamed { function.get_operand_type(0).flatten() } else { None };
            if let Some(ValType::Ref(ty)) = operand
                && let Some(types) = validator.types(0)
            {
                let hierarchy = hierarchy(ty.heap_type(), sample, types);
                found.insert((position, (offset - start) as u32), hierarchy);
            }
            function.op(offset, &operator)?;
        }
        allocations = function.into_allocations();
    }
    Ok(found)
}

/// To what a type refers, as the validator has it: types of the module are ids there.
fn hierarchy(ty: HeapType, sample: &Module, types: TypesRef<'_>) -> Hierarchy {
    let id = match ty {
        HeapType::Concrete(index) | HeapType::Exact(index) => index.as_core_type_id(),
        _ => None,
    };
    match id.map(|id| &types[id].composite_type.inner) {
        Some(CompositeInnerType::Func(_)) => Hierarchy::Function,
        Some(_) => Hierarchy::Object,
        None => sample.objects().hierarchy(ty),
    }
}
