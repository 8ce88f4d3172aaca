//! All sections but custom ones: what of a module must be known before any of it is written. How each is
//! written stands in `written`.

mod alike;
mod filled;
mod kept;
mod written;

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, reencode::Reencode as _};
use wasmparser::{FunctionBody, MemArg, MemArgTarget, Payload, TypeRef, ValType};

use crate::module::{
    FuncIndex, Module as Sample,
    limits::{LOWERED_BYTES, LOWERED_MOST, LOWERED_PER_BYTE, LOWERED_REFERENCES_PER_BYTE},
    objects::{Hierarchy, Objects, Statics},
    weight::Heavy,
};

use self::filled::Filled;
use super::{
    atomics::Memory,
    globals::Globals,
    nulls::{self, Unnamed},
    refusal::{Refused, refused},
    survey::Survey,
    threads::{self, Meetings},
};

/// Bytes of code that a module of so many bytes may become.
pub(super) fn room(len: usize, per_byte: usize) -> usize {
    len.saturating_mul(per_byte).saturating_add(LOWERED_BYTES).min(LOWERED_MOST)
}

/// Where a segment for tables goes.
pub(super) enum Goes {
    Passive,
    /// Nowhere.
    Declared,
    /// Into a table, at an offset.
    Active(u32, wasm_encoder::ConstExpr),
}

/// Where objects are kept: indices behind the sample's own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    /// The memory, if there are types of objects.
    pub(super) memory: Option<u32>,
    /// The table of functions. Its first element is the one that is called by reference.
    pub(super) functions: Option<u32>,
    /// The first memory of those that keep what is in tables of objects.
    first_table: u32,
    /// The first segment of data of those that keep what is in segments for such tables.
    first_data: u32,
    /// Whether operators on references are written anew at all.
    are_there: bool,
    /// What is written of it.
    are_tables_written: bool,
    is_memory_written: bool,
    is_exported: bool,
    is_count_written: bool,
    are_elements_written: bool,
    is_data_written: bool,
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
    imported_globals: usize,
    /// What the bodies need, in their order.
    surveys: Vec<Survey>,
    are_thrown: bool,
    /// To what the operands of operators refer that do not say so.
    unnamed: Unnamed,
    /// Where objects are kept.
    pub(super) kept: Kept,
    statics: Statics,
    /// Elements of segments, and bytes of those of data.
    pub(super) element_lens: Vec<u32>,
    pub(super) data_lens: Vec<u32>,
    /// Types of our own, behind the sample's: of the `try`s and of the functions that have each type.
    pad_types: BTreeMap<u32, u32>,
    body_types: BTreeMap<u32, u32>,
    /// Of a module that begins threads.
    pub(super) meetings: Option<Meetings>,
    /// Whether references are cast to types of functions: a function of ours tells what they are.
    asks_functions: bool,
    /// Types that are called through tables and that the engine takes for others.
    alike: Vec<u32>,
    are_imports_written: bool,
    /// Globals of our own, and whether they are written.
    pub(super) globals: Globals,
    are_globals_written: bool,
    /// Tables whose elements begin with something, and whether that is written.
    filled: Filled,
    /// The tables: their sizes, and to what their elements refer.
    tables: Vec<(wasmparser::TableType, Hierarchy)>,
    /// Where each segment for tables goes.
    goes: Vec<Goes>,
    /// Bytes of code that may still be written.
    pub(super) room: usize,
    /// Operators that throw: position of the function, and offset in its body.
    places: Vec<(u32, u32)>,
}

impl<'m> Sections<'m> {
    /// What of a valid module must be known before any of it is written.
    pub(super) fn of<'w>(
        (sample, given): (&'m Sample, &[u128]),
        heavy: &'m Heavy,
        payloads: impl Iterator<Item = wasmparser::Result<Payload<'w>>>,
    ) -> Result<Self, Refused> {
        let room = room(sample.core().bytes.len(), LOWERED_PER_BYTE);
        let mut sections = Self {
            sample,
            heavy,
            memories: Vec::new(),
            initial: Vec::new(),
            defined_globals: 0,
            imported_globals: 0,
            surveys: Vec::new(),
            are_thrown: false,
            unnamed: Unnamed::new(),
            kept: Kept::default(),
            statics: Statics::default(),
            element_lens: Vec::new(),
            data_lens: Vec::new(),
            pad_types: BTreeMap::new(),
            body_types: BTreeMap::new(),
            meetings: None,
            asks_functions: false,
            alike: Vec::new(),
            are_imports_written: false,
            globals: Globals::default(),
            are_globals_written: false,
            filled: Filled::default(),
            tables: Vec::new(),
            goes: Vec::new(),
            room,
            places: Vec::new(),
        };
        for payload in payloads {
            sections.note(payload?)?;
        }
        sections.settle(given);
        sections.check_tables()?;
        sections.unnamed = nulls::unnamed(sample, &sections.surveys)?;
        Ok(sections)
    }

    /// What all of the module asks for.
    fn settle(&mut self, given: &[u128]) {
        self.settle_objects(given);
        self.are_thrown = self.surveys.iter().any(|survey| survey.throws);
        let objects = self.sample.objects();
        let mut cast_to = self.surveys.iter().flat_map(|survey| &survey.cast_to);
        let is_cast = cast_to.any(|&ty| objects.function(ty) > 0);
        let called = self.surveys.iter().flat_map(|survey| survey.called.iter().copied());
        self.alike = alike::of(self.sample, called);
        self.asks_functions = is_cast || !self.alike.is_empty();
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

    /// Where objects are kept, and what is there at the beginning.
    fn settle_objects(&mut self, given: &[u128]) {
        let objects = self.sample.objects();
        self.statics = Statics::of(self.sample.core(), objects, given);
        if objects.are_there() {
            self.kept.memory = Some(self.memories.len() as u32);
        }
        self.kept.first_table = self.memories.len() as u32 + u32::from(self.kept.memory.is_some());
        self.kept.first_data = self.data_lens.len() as u32;
        let any = |of: fn(&Survey) -> bool| self.surveys.iter().any(of);
        if any(|survey| survey.calls_ref) || objects.have_functions() {
            self.kept.functions = Some(self.tables.len() as u32);
        }
        if any(|survey| survey.has_references) {
            self.room = room(self.sample.core().bytes.len(), LOWERED_REFERENCES_PER_BYTE);
        }
        self.kept.are_there = self.has_object_tables() || any(|survey| survey.has_references);
    }

    /// The memory that keeps what is in a table of objects; `None` of any other table.
    pub(super) fn table_memory(&self, table: u32) -> Option<u32> {
        let of_objects = |(_, refers): &&(wasmparser::TableType, Hierarchy)| *refers == Hierarchy::Object;
        self.tables.get(table as usize).as_ref().filter(|table| of_objects(table))?;
        let before = self.tables.iter().take(table as usize).filter(of_objects).count();
        Some(self.kept.first_table + before as u32)
    }

    /// Whether objects are missing that the module begins with.
    pub(super) fn are_objects_missing(&self) -> bool {
        self.statics.are_cut
    }

    /// Whether there are tables or segments of objects.
    pub(super) fn has_object_tables(&self) -> bool {
        let tables = self.tables.iter().any(|(_, refers)| *refers == Hierarchy::Object);
        tables || self.statics.elements.iter().any(Option::is_some)
    }

    /// Whether a table has 64-bit indices.
    pub(super) fn is_table_64(&self, table: u32) -> bool {
        self.tables.get(table as usize).is_some_and(|(ty, _)| ty.table64)
    }

    /// The segment of data that keeps what is in a segment of objects; `None` of any other.
    pub(super) fn element_data(&self, element: u32) -> Option<u32> {
        self.statics.elements.get(element as usize)?.as_ref()?;
        let before = self.statics.elements.iter().take(element as usize).filter(|items| items.is_some());
        Some(self.kept.first_data + before.count() as u32)
    }

    /// Types of objects.
    pub(super) fn objects(&self) -> &'m Objects {
        self.sample.objects()
    }

    /// Whether operators on references are written anew.
    pub(super) fn has_references(&self) -> bool {
        self.kept.are_there
    }

    /// Functions of ours that are imported behind the sample's own.
    pub(super) fn more_imports(&self) -> u32 {
        let of_threads = if self.meetings.is_some() { threads::COUNT } else { 0 };
        of_threads + u32::from(self.asks_functions)
    }

    /// Index of the function of ours that tells the number of a function's type, if there is one.
    pub(super) fn function_number(&self) -> Option<u32> {
        let last = (self.sample.imported_functions() + self.more_imports()).checked_sub(1);
        last.filter(|_| self.asks_functions)
    }

    /// Whether a call of this type through a table must be told from others that the engine takes for it.
    pub(super) fn is_alike(&self, ty: u32, table: u32) -> bool {
        self.alike.binary_search(&ty).is_ok() && !self.is_table_64(table)
    }

    /// Whether a body calls such types.
    pub(super) fn calls_alike(&self, survey: &Survey) -> bool {
        survey.called.iter().any(|ty| self.alike.binary_search(ty).is_ok())
    }

    /// Index of the first type of our functions.
    fn first_meeting_type(&self) -> u32 {
        (self.sample.sections.types.len() + self.pad_types.len() + self.body_types.len()) as u32
    }

    /// To what the operand of the operator at `offset` in the body at `position` refers; `None` if that is
    /// never reached.
    pub(super) fn unnamed(&self, position: u32, offset: u32) -> Option<Hierarchy> {
        self.unnamed.get(&(position, offset)).copied()
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
                            self.imported_globals += 1;
                        }
                        _ => {}
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                self.initial.extend((0..globals.count()).map(|_| None));
            }
            Payload::TableSection(tables) => {
                self.filled.imported = self.tables.len() as u32;
                for table in tables {
                    self.note_table(table?.ty);
                }
            }
            Payload::CodeSectionEntry(body) => self.survey(&body)?,
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.element_lens.push(match element?.items {
                        wasmparser::ElementItems::Functions(items) => items.count(),
                        wasmparser::ElementItems::Expressions(_, items) => items.count(),
                    });
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    self.data_lens.push(segment?.data.len() as u32);
                }
            }
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
        self.tables.push((ty, self.sample.objects().hierarchy(ty.element_type.heap_type())));
    }

    /// Whether an operator moves exceptions from or to a table: there they are nothing. Or objects, in a
    /// function without locals of ours: elsewhere they are kept.
    pub(super) fn is_of_empty_table(&self, operator: &wasmparser::Operator<'_>) -> bool {
        use wasmparser::Operator as O;
        let (O::TableGet { table } | O::TableSet { table } | O::TableGrow { table } | O::TableFill { table }) =
            *operator
        else {
            return false;
        };
        let refers = self.tables.get(table as usize).map(|(_, refers)| *refers);
        matches!(refers, Some(Hierarchy::Exception | Hierarchy::Object))
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
