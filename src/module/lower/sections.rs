//! All sections but custom ones: what of a module must be known before any of it is written. How each is
//! written stands in `written`.

mod filled;
mod written;

use std::collections::{BTreeMap, HashSet};

use wasm_encoder::{BlockType, reencode::Reencode as _};
use wasmparser::{FunctionBody, MemArg, MemArgTarget, Payload, TypeRef, ValType};

use crate::module::{
    FuncIndex, Module as Sample,
    limits::{LOWERED_BYTES, LOWERED_MOST, LOWERED_PER_BYTE},
    weight::Heavy,
};

use self::filled::Filled;
use super::{
    atomics::Memory,
    globals::Globals,
    lacking::is_exception,
    nulls,
    refusal::{Refused, refused},
    survey::Survey,
    threads::{self, Meetings},
};

/// Bytes of code that a module of so many bytes may become.
pub(super) fn room(len: usize) -> usize {
    len.saturating_mul(LOWERED_PER_BYTE).saturating_add(LOWERED_BYTES).min(LOWERED_MOST)
}

/// What of a module is known while it is written anew.
pub(super) struct Sections<'m> {
    sample: &'m Sample,
    heavy: &'m Heavy,
    memories: Vec<Memory>,
    /// Initial values of globals, of those that are defined and never change.
    initial: Vec<Option<Vec<u8>>>,
    /// How many of them were written, with those that are imported.
    defined_globals: usize,
    /// What the bodies need, in their order.
    surveys: Vec<Survey>,
    are_thrown: bool,
    /// The `ref.is_null`s that ask of an exception: position of the function, and offset in its body.
    of_exceptions: HashSet<(u32, u32)>,
    /// Types of our own, behind the sample's: of the `try`s and of the functions that have each type.
    pad_types: BTreeMap<u32, u32>,
    body_types: BTreeMap<u32, u32>,
    /// Of a module that begins threads.
    pub(super) meetings: Option<Meetings>,
    /// Globals of our own, and whether they are written.
    pub(super) globals: Globals,
    are_globals_written: bool,
    /// Tables whose elements begin with something, and whether that is written.
    filled: Filled,
    /// Of each table, whether it holds exceptions.
    of_exception_tables: Vec<bool>,
    /// Bytes of code that may still be written.
    pub(super) room: usize,
    /// Operators that throw: position of the function, and offset in its body.
    places: Vec<(u32, u32)>,
}

impl<'m> Sections<'m> {
    /// What of a valid module must be known before any of it is written.
    pub(super) fn of<'w>(
        sample: &'m Sample,
        heavy: &'m Heavy,
        payloads: impl Iterator<Item = wasmparser::Result<Payload<'w>>>,
    ) -> Result<Self, Refused> {
        let room = room(sample.core().bytes.len());
        let mut sections = Self {
            sample,
            heavy,
            memories: Vec::new(),
            initial: Vec::new(),
            defined_globals: 0,
            surveys: Vec::new(),
            are_thrown: false,
            of_exceptions: HashSet::new(),
            pad_types: BTreeMap::new(),
            body_types: BTreeMap::new(),
            meetings: None,
            globals: Globals::default(),
            are_globals_written: false,
            filled: Filled::default(),
            of_exception_tables: Vec::new(),
            room,
            places: Vec::new(),
        };
        for payload in payloads {
            sections.note(payload?)?;
        }
        sections.settle();
        sections.of_exceptions = nulls::of_exceptions(sample, &sections.surveys)?;
        Ok(sections)
    }

    /// What all of the module asks for.
    fn settle(&mut self) {
        self.are_thrown = self.surveys.iter().any(|survey| survey.throws);
        let globals = self.initial.len() as u32;
        self.meetings = self
            .sample
            .is_threaded()
            .then(|| Meetings { first: self.sample.imported_functions(), ticks: globals });
        if !self.are_thrown {
            return;
        }
        let of = |ty: u32| self.sample.sections.types.get(ty as usize).and_then(Option::as_ref);
        let pads = self.surveys.iter().flat_map(|survey| &survey.types);
        let pads = pads.filter(|ty| of(**ty).is_some_and(|ty| !ty.params().is_empty()));
        let throwing = self.surveys.iter().zip(&self.sample.sections.functions);
        let bodies = throwing.filter(|(survey, _)| survey.can_throw).map(|(_, ty)| ty.0);
        let bodies = bodies.filter(|ty| of(*ty).is_some_and(|ty| ty.results().len() > 1));
        let mut next = self.sample.sections.types.len() as u32..;
        let mut number = |types: BTreeMap<u32, u32>| -> BTreeMap<u32, u32> {
            types.into_keys().zip(next.by_ref()).collect()
        };
        let pads = number(pads.map(|&ty| (ty, 0)).collect());
        let bodies = number(bodies.map(|ty| (ty, 0)).collect());
        (self.pad_types, self.body_types) = (pads, bodies);
        self.globals = Globals::of(
            self.sample,
            globals + if self.meetings.is_some() { threads::FIRST_TICKS.len() as u32 } else { 0 },
        );
    }

    /// Functions of ours that are imported behind the sample's own.
    pub(super) fn more_imports(&self) -> u32 {
        if self.meetings.is_some() { threads::COUNT } else { 0 }
    }

    /// Index of the first type of our functions.
    fn first_meeting_type(&self) -> u32 {
        (self.sample.sections.types.len() + self.pad_types.len() + self.body_types.len()) as u32
    }

    /// Whether the `ref.is_null` at `offset` in the body at `position` asks of an exception.
    pub(super) fn is_of_exception(&self, position: u32, offset: u32) -> bool {
        self.of_exceptions.contains(&(position, offset))
    }

    /// Whether something is thrown anywhere in the module.
    pub(super) fn are_thrown(&self) -> bool {
        self.are_thrown
    }

    /// Index of the defined function at `position`.
    pub(super) fn function(&self, position: u32) -> FuncIndex {
        FuncIndex(self.sample.imported_functions().saturating_add(position))
    }

    /// What the body at `position` has.
    pub(super) fn take_survey(&mut self, position: u32) -> Survey {
        self.surveys.get_mut(position as usize).map(std::mem::take).unwrap_or_default()
    }

    fn type_of(&self, position: u32) -> Option<&'m wasmparser::FuncType> {
        self.sample.func_type(self.function(position))
    }

    /// Parameters of the defined function at `position`.
    pub(super) fn params(&self, position: u32) -> &'m [ValType] {
        self.type_of(position).map_or(&[], wasmparser::FuncType::params)
    }

    /// Zeros and nulls for its results.
    pub(super) fn zeros(
        &mut self,
        position: u32,
    ) -> Result<Vec<wasm_encoder::Instruction<'static>>, Refused> {
        use wasm_encoder::Instruction as I;
        let results = self.type_of(position).map_or(&[][..], wasmparser::FuncType::results);
        let zero = |&ty: &ValType| {
            Ok(match self.val_type(ty)? {
                wasm_encoder::ValType::I32 => I::I32Const(0),
                wasm_encoder::ValType::I64 => I::I64Const(0),
                wasm_encoder::ValType::F32 => I::F32Const(0.0.into()),
                wasm_encoder::ValType::F64 => I::F64Const(0.0.into()),
                wasm_encoder::ValType::V128 => I::V128Const(0),
                wasm_encoder::ValType::Ref(ty) => I::RefNull(ty.heap_type),
            })
        };
        results.iter().map(zero).collect()
    }

    /// The type of a block in which all of its code stands.
    pub(super) fn body_type(&mut self, position: u32) -> Result<BlockType, Refused> {
        Ok(match *self.type_of(position).map_or(&[][..], wasmparser::FuncType::results) {
            [] => BlockType::Empty,
            [one] => BlockType::Result(self.val_type(one)?),
            _ => {
                let ty = self.sample.sections.functions.get(position as usize);
                let index = ty.and_then(|ty| self.body_types.get(&ty.0));
                index.map_or(BlockType::Empty, |&index| BlockType::FunctionType(index))
            }
        })
    }

    /// The type of a block that takes what one of this type takes, and gives nothing.
    pub(super) fn pad_type(&self, ty: wasmparser::BlockType) -> BlockType {
        let index = match ty {
            wasmparser::BlockType::FuncType(index) => self.pad_types.get(&index),
            _ => None,
        };
        index.map_or(BlockType::Empty, |&index| BlockType::FunctionType(index))
    }

    /// Whether an operator calls an imported function by its index.
    pub(super) fn is_import(&self, operator: &wasmparser::Operator<'_>) -> bool {
        matches!(operator, wasmparser::Operator::Call { function_index }
            if *function_index < self.sample.imported_functions())
    }

    /// The number of the tag with this index.
    pub(super) fn number(&self, tag: u32) -> u32 {
        self.sample.tags().number(tag).unwrap_or(0)
    }

    /// What an exception with the tag of this index carries.
    pub(super) fn tag_params(&self, tag: u32) -> &'m [ValType] {
        self.sample.tag_params(self.number(tag))
    }

    /// How many tags are small, how many there are, and in how many bits one is recorded.
    pub(super) fn tags(&self) -> (u32, u32, u32) {
        let tags = self.sample.tags();
        (tags.small(), tags.len(), tags.bits())
    }

    /// The globals that operands of these types are kept in.
    pub(super) fn slots(&self, params: &[ValType]) -> Vec<u32> {
        self.globals.slots(self.sample, params)
    }

    /// A number for the operator at `offset` in the body at `position`, which throws.
    pub(super) fn place(&mut self, position: u32, offset: u32) -> u32 {
        self.places.push((position, offset));
        self.places.len() as u32 - 1
    }

    pub(super) fn into_places(self) -> Vec<(u32, u32)> {
        self.places
    }

    /// Notes what other sections must know.
    fn note(&mut self, payload: Payload<'_>) -> Result<(), Refused> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Memory(ty) => self.note_memory(ty),
                        TypeRef::Table(ty) => self.note_table(ty),
                        TypeRef::Global(_) => {
                            self.initial.push(None);
                            self.defined_globals += 1;
                        }
                        _ => {}
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                self.initial.extend((0..globals.count()).map(|_| None));
            }
            Payload::TableSection(tables) => {
                self.filled.imported = self.of_exception_tables.len() as u32;
                for table in tables {
                    self.note_table(table?.ty);
                }
            }
            Payload::CodeSectionEntry(body) => self.survey(&body)?,
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.note_memory(memory?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn survey(&mut self, body: &FunctionBody<'_>) -> Result<(), Refused> {
        let function = self.function(self.surveys.len() as u32);
        let survey = if self.heavy.has(function.0) { Survey::default() } else { Survey::of(body)? };
        self.surveys.push(survey);
        Ok(())
    }

    fn note_table(&mut self, ty: wasmparser::TableType) {
        self.of_exception_tables.push(is_exception(ty.element_type.heap_type()));
    }

    /// Whether an operator moves exceptions from or to a table: there they are nothing.
    pub(super) fn is_of_exception_table(&self, operator: &wasmparser::Operator<'_>) -> bool {
        use wasmparser::Operator as O;
        let (O::TableGet { table } | O::TableSet { table } | O::TableGrow { table } | O::TableFill { table }) =
            *operator
        else {
            return false;
        };
        self.of_exception_tables.get(table as usize).copied().unwrap_or_default()
    }

    fn note_memory(&mut self, ty: wasmparser::MemoryType) {
        self.memories.push(Memory { is_64: ty.memory64, is_shared: ty.shared });
    }

    /// The memory that an operator works on.
    pub(super) fn memory(&self, memarg: &MemArg) -> Result<(u32, Memory), Refused> {
        match memarg.target {
            MemArgTarget::Memory(index) => {
                Ok((index, self.memories.get(index as usize).copied().unwrap_or_default()))
            }
            MemArgTarget::Array(_) => refused("an atomic access to an array"),
        }
    }
}
