//! A survey of a body before it is written: what it needs, and which exceptions it throws again.

use std::collections::BTreeMap;

use wasmparser::{BlockType, FunctionBody, HeapType, Operator, UnpackedIndex};

use crate::module::{atomic::Atomic, objects::cast_to};

use super::{lacking::is_of_objects, refusal::Refused};

/// What a body has.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) has_atomics: bool,
    /// Whether an exception can be in it.
    pub(super) can_throw: bool,
    /// Whether it throws one itself.
    pub(super) throws: bool,
    /// Whether it has operators that say of a reference neither by name nor by type to what it refers.
    pub(super) has_unnamed: bool,
    /// Whether it has operators on references that the engine lacks.
    pub(super) has_references: bool,
    /// Whether it has operators on tables.
    pub(super) has_tables: bool,
    /// Of these whether it calls by reference.
    pub(super) calls_ref: bool,
    /// The `try`s whose exception a `rethrow` names, by their offset in the body, each with the number of the
    /// local that keeps it.
    pub(super) kept: BTreeMap<u32, u32>,
    /// Types that it casts references to, and those that it calls through tables, by index.
    pub(super) cast_to: Vec<u32>,
    pub(super) called: Vec<u32>,
    /// Types of its `try`s, of those that are not written in place.
    pub(super) types: Vec<u32>,
}

/// A construct: of a `try`, its offset, and in its handlers how many others hold it.
enum Construct {
    Other,
    Try(u32),
    Handlers(u32, u32),
}

/// Notes a type, but for the one that was noted last.
fn note(types: &mut Vec<u32>, ty: u32) {
    if types.last() != Some(&ty) {
        types.push(ty);
    }
}

impl Survey {
    pub(super) fn of(body: &FunctionBody<'_>) -> Result<Self, Refused> {
        let (mut survey, mut constructs, mut handlers) = (Self::default(), vec![Construct::Other], 0);
        let start = body.range().start;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let offset = (operators.original_position() - start) as u32;
            let operator = operators.read()?;
            match operator {
                Operator::Try { blockty } => {
                    survey.note_type(blockty);
                    constructs.push(Construct::Try(offset));
                }
                Operator::TryTable { ref try_table } => {
                    survey.note_type(try_table.ty);
                    constructs.push(Construct::Other);
                }
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    constructs.push(Construct::Other);
                }
                Operator::Catch { .. } | Operator::CatchAll => {
                    if let Some(construct) = constructs.last_mut()
                        && let Construct::Try(offset) = *construct
                    {
                        *construct = Construct::Handlers(offset, handlers);
                        handlers += 1;
                    }
                }
                Operator::End | Operator::Delegate { .. } => {
                    if let Some(Construct::Handlers(..)) = constructs.pop() {
                        handlers -= 1;
                    }
                }
                Operator::Rethrow { relative_depth } => {
                    survey.throws = true;
                    let named = constructs.len().checked_sub(1 + relative_depth as usize);
                    if let Some(Construct::Handlers(offset, number)) = named.and_then(|at| constructs.get(at))
                    {
                        survey.kept.insert(*offset, *number);
                    }
                }
                Operator::TableGet { .. }
                | Operator::TableSet { .. }
                | Operator::TableGrow { .. }
                | Operator::TableFill { .. }
                | Operator::TableCopy { .. }
                | Operator::TableInit { .. }
                | Operator::ElemDrop { .. } => survey.has_tables = true,
                Operator::RefIsNull => survey.has_unnamed = true,
                Operator::RefAsNonNull | Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => {
                    (survey.has_unnamed, survey.has_references) = (true, true);
                }
                Operator::CallRef { .. } | Operator::ReturnCallRef { .. } => {
                    survey.can_throw |= matches!(operator, Operator::CallRef { .. });
                    (survey.calls_ref, survey.has_references) = (true, true);
                }
                Operator::Throw { .. } | Operator::ThrowRef => survey.throws = true,
                Operator::Call { .. } => survey.can_throw = true,
                Operator::CallIndirect { type_index, .. } => {
                    survey.can_throw = true;
                    note(&mut survey.called, type_index);
                }
                Operator::ReturnCallIndirect { type_index, .. } => note(&mut survey.called, type_index),
                operator => {
                    if let Some(HeapType::Concrete(UnpackedIndex::Module(ty))) = cast_to(&operator) {
                        note(&mut survey.cast_to, ty);
                    }
                    survey.has_references |= is_of_objects(&operator);
                    survey.has_atomics |= Atomic::of(&operator).is_some();
                }
            }
        }
        survey.can_throw |= survey.throws;
        Ok(survey)
    }

    fn note_type(&mut self, ty: BlockType) {
        if let BlockType::FuncType(index) = ty {
            note(&mut self.types, index);
        }
    }

    /// How many locals keep exceptions.
    pub(super) fn locals(&self) -> u32 {
        self.kept.values().max().map_or(0, |last| last + 1)
    }
}
