//! All sections but custom ones.

use std::collections::{BTreeMap, HashSet};

use wasm_encoder::{
    BlockType, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportSection,
    FunctionSection, GlobalSection, HeapType, ImportSection, MemorySection, Section as _, StartSection,
    TableSection, TypeSection, reencode, reencode::Reencode,
};
use wasmparser::{
    CompositeInnerType, ElementItems, ElementKind, ExternalKind, FunctionBody, MemArg, MemArgTarget, Payload,
    TableInit, TypeRef, ValType,
};

use crate::module::{
    FuncIndex, Module as Sample,
    limits::{LOWERED_BYTES, LOWERED_MOST, LOWERED_PER_BYTE, MAX_INLINED},
    weight::Heavy,
};

use super::{
    atomics::Memory,
    globals::Globals,
    lacking::{is_exception, is_exception_ref, is_lacking},
    nulls,
    refusal::{Reason, Refused, refused},
    survey::Survey,
    threads::{self, Meetings},
};

fn encoded(expr: &ConstExpr) -> Vec<u8> {
    let mut bytes = Vec::new();
    wasm_encoder::Encode::encode(expr, &mut bytes);
    bytes
}

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

    /// How many tags are small, and in how many bits one is recorded.
    pub(super) fn tags(&self) -> (u32, u32) {
        let tags = self.sample.tags();
        (tags.small(), tags.bits())
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

    /// Writes a section; those of code are none of them.
    pub(super) fn section(&mut self, wasm: &mut Vec<u8>, payload: Payload<'_>) -> Result<(), Refused> {
        macro_rules! write {
            ($new:expr, $read:ident, $section:expr) => {{
                let mut written = $new;
                self.$read(&mut written, $section)?;
                written.append_to(wasm);
            }};
        }
        if is_behind_globals(&payload) {
            self.close_globals(wasm);
        }
        match payload {
            Payload::TypeSection(all) => write!(TypeSection::new(), parse_type_section, all),
            Payload::ImportSection(all) => write!(ImportSection::new(), parse_import_section, all),
            Payload::FunctionSection(all) => write!(FunctionSection::new(), parse_function_section, all),
            Payload::TableSection(all) => write!(TableSection::new(), parse_table_section, all),
            Payload::MemorySection(all) => write!(MemorySection::new(), parse_memory_section, all),
            Payload::GlobalSection(all) => write!(GlobalSection::new(), parse_global_section, all),
            Payload::ExportSection(all) => write!(ExportSection::new(), parse_export_section, all),
            Payload::ElementSection(all) => write!(ElementSection::new(), parse_element_section, all),
            Payload::DataSection(all) => write!(DataSection::new(), parse_data_section, all),
            // With threads it is called, so that it can be suspended.
            Payload::StartSection { func, .. } if self.meetings.is_none() => {
                StartSection { function_index: func }.append_to(wasm);
            }
            Payload::DataCountSection { count, .. } => DataCountSection { count }.append_to(wasm),
            // Tags stand for nothing without exceptions, custom sections for nothing at all.
            _ => {}
        }
        Ok(())
    }

    /// No section of globals can follow.
    pub(super) fn close_globals(&mut self, wasm: &mut Vec<u8>) {
        if self.has_globals() && !self.are_globals_written {
            let mut written = GlobalSection::new();
            self.write_globals(&mut written);
            written.append_to(wasm);
        }
    }

    fn has_globals(&self) -> bool {
        self.are_thrown || self.meetings.is_some()
    }

    /// Writes the globals of our own.
    pub(super) fn write_globals(&mut self, globals: &mut GlobalSection) {
        if !self.has_globals() || self.are_globals_written {
            return;
        }
        if self.meetings.is_some() {
            let ty = wasm_encoder::GlobalType {
                val_type: wasm_encoder::ValType::I32,
                mutable: true,
                shared: false,
            };
            for ticks in threads::FIRST_TICKS {
                globals.global(ty, &ConstExpr::i32_const(ticks));
            }
        }
        if self.are_thrown {
            self.globals.write(globals);
        }
        self.are_globals_written = true;
    }

    /// Writes the types of our own.
    fn write_types(&mut self, types: &mut TypeSection) -> Result<(), Refused> {
        let of = |index: &u32| self.sample.sections.types.get(*index as usize).and_then(Option::as_ref);
        let pads = self.pad_types.keys().filter_map(of).map(|ty| (ty.params(), &[][..]));
        let bodies = self.body_types.keys().filter_map(of).map(|ty| (&[][..], ty.results()));
        let all: Vec<_> = pads.chain(bodies).collect();
        for (params, results) in all {
            let ty = wasmparser::FuncType::new(params.iter().copied(), results.iter().copied());
            let ty = Reencode::func_type(self, ty)?;
            types.ty().func_type(&ty);
        }
        if self.meetings.is_some() {
            for params in threads::PARAMS {
                types.ty().function(params.iter().copied(), [wasm_encoder::ValType::I32]);
            }
        }
        Ok(())
    }

    /// Whether a heap type is of functions.
    fn is_function(&self, ty: wasmparser::HeapType) -> bool {
        use wasmparser::{AbstractHeapType as A, HeapType as H, UnpackedIndex};
        match ty {
            H::Abstract { ty, .. } => matches!(ty, A::Func | A::NoFunc),
            H::Concrete(UnpackedIndex::Module(index)) | H::Exact(UnpackedIndex::Module(index)) => {
                self.sample.sections.types.get(index as usize).is_some_and(Option::is_some)
            }
            _ => false,
        }
    }

    /// A constant expression of type `ty`: null if it makes something that the engine has not.
    fn constant(&mut self, expr: &wasmparser::ConstExpr<'_>, ty: ValType) -> Result<ConstExpr, Refused> {
        let mut bytes = Vec::new();
        let mut operators = expr.get_operators_reader();
        while !operators.is_end_then_eof() {
            let operator = operators.read()?;
            if matches!(operator, wasmparser::Operator::RefNull { hty } if is_exception(hty)) {
                return self.null(ty);
            }
            if is_lacking(&operator) {
                return self.null(ty);
            }
            // The engine knows the values of imported globals only.
            if let wasmparser::Operator::GlobalGet { global_index } = operator
                && let Some(Some(value)) = self.initial.get(global_index as usize)
            {
                bytes.extend_from_slice(value);
                continue;
            }
            wasm_encoder::Encode::encode(&self.instruction(operator)?, &mut bytes);
        }
        Ok(ConstExpr::raw(bytes))
    }

    fn null(&mut self, ty: ValType) -> Result<ConstExpr, Refused> {
        match ty {
            ty if is_exception_ref(ty) => Ok(ConstExpr::v128_const(0)),
            ValType::Ref(ty) => Ok(ConstExpr::ref_null(self.heap_type(ty.heap_type())?)),
            _ => refused("a number that is made from references"),
        }
    }
}

/// Whether a section stands behind those of globals.
fn is_behind_globals(payload: &Payload<'_>) -> bool {
    matches!(
        payload,
        Payload::ExportSection(_)
            | Payload::StartSection { .. }
            | Payload::ElementSection(_)
            | Payload::DataCountSection { .. }
            | Payload::DataSection(_)
    )
}

impl Reencode for Sections<'_> {
    type Error = Reason;

    fn parse_recursive_type_group(
        &mut self,
        types: wasm_encoder::CoreTypeEncoder<'_>,
        group: wasmparser::RecGroup,
    ) -> Result<(), Refused> {
        let _ = (types, group);
        refused("types are written one by one")
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Refused> {
        for group in section {
            for ty in group?.into_types() {
                match ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => {
                        let ty = Reencode::func_type(self, ty)?;
                        types.ty().func_type(&ty);
                    }
                    _ => types.ty().function([], []),
                }
            }
        }
        self.write_types(types)
    }

    /// Those of ours stand between the imported and the defined.
    fn function_index(&mut self, func: u32) -> Result<u32, Refused> {
        let is_defined = func >= self.sample.imported_functions();
        Ok(if is_defined { func.saturating_add(self.more_imports()) } else { func })
    }

    /// A reference to an exception is what it holds.
    fn val_type(&mut self, ty: ValType) -> Result<wasm_encoder::ValType, Refused> {
        match is_exception_ref(ty) {
            true => Ok(wasm_encoder::ValType::V128),
            false => reencode::utils::val_type(self, ty),
        }
    }

    fn heap_type(&mut self, ty: wasmparser::HeapType) -> Result<HeapType, Refused> {
        Ok(if self.is_function(ty) { HeapType::FUNC } else { HeapType::EXTERN })
    }

    fn ref_type(&mut self, ty: wasmparser::RefType) -> Result<wasm_encoder::RefType, Refused> {
        if is_exception(ty.heap_type()) {
            return refused("a table or segment of exceptions");
        }
        Ok(wasm_encoder::RefType { nullable: true, heap_type: self.heap_type(ty.heap_type())? })
    }

    fn memory_type(&mut self, ty: wasmparser::MemoryType) -> Result<wasm_encoder::MemoryType, Refused> {
        Ok(reencode::utils::memory_type(self, wasmparser::MemoryType { shared: false, ..ty }))
    }

    fn global_type(&mut self, ty: wasmparser::GlobalType) -> Result<wasm_encoder::GlobalType, Refused> {
        reencode::utils::global_type(self, wasmparser::GlobalType { shared: false, ..ty })
    }

    fn table_type(&mut self, ty: wasmparser::TableType) -> Result<wasm_encoder::TableType, Refused> {
        reencode::utils::table_type(self, wasmparser::TableType { shared: false, ..ty })
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Refused> {
        for import in section.into_imports() {
            let import = import?;
            let ty = match import.ty {
                TypeRef::Tag(_) => continue,
                TypeRef::FuncExact(ty) => TypeRef::Func(ty),
                ty => ty,
            };
            imports.import(import.module, import.name, self.entity_type(ty)?);
        }
        if self.meetings.is_some() {
            for (ty, name) in (self.first_meeting_type()..).zip(threads::NAMES) {
                imports.import(threads::MODULE, name, EntityType::Function(ty));
            }
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Refused> {
        for export in section {
            let export = export?;
            let kind = match export.kind {
                ExternalKind::Tag => continue,
                ExternalKind::FuncExact => ExternalKind::Func,
                kind => kind,
            };
            let index = match kind {
                ExternalKind::Func => self.function_index(export.index)?,
                _ => export.index,
            };
            exports.export(export.name, self.export_kind(kind)?, index);
        }
        Ok(())
    }

    fn parse_table(
        &mut self,
        tables: &mut TableSection,
        table: wasmparser::Table<'_>,
    ) -> Result<(), Refused> {
        if let TableInit::Expr(expr) = &table.init {
            let ty = ValType::Ref(table.ty.element_type);
            if encoded(&self.constant(expr, ty)?) != encoded(&self.null(ty)?) {
                return refused("a table that begins with functions");
            }
        }
        tables.table(self.table_type(table.ty)?);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Refused> {
        for global in section {
            self.parse_global(globals, global?)?;
        }
        self.write_globals(globals);
        Ok(())
    }

    fn parse_global(
        &mut self,
        globals: &mut GlobalSection,
        global: wasmparser::Global<'_>,
    ) -> Result<(), Refused> {
        let value = self.constant(&global.init_expr, global.ty.content_type)?;
        let mut bytes = encoded(&value);
        // Without its `end`.
        bytes.pop();
        if !global.ty.mutable
            && bytes.len() <= MAX_INLINED
            && let Some(initial) = self.initial.get_mut(self.defined_globals)
        {
            *initial = Some(bytes);
        }
        self.defined_globals += 1;
        globals.global(self.global_type(global.ty)?, &value);
        Ok(())
    }

    fn const_expr(&mut self, expr: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Refused> {
        self.constant(&expr, ValType::I32)
    }

    fn parse_element(
        &mut self,
        elements: &mut ElementSection,
        element: wasmparser::Element<'_>,
    ) -> Result<(), Refused> {
        let mut exprs = Vec::new();
        let items = match element.items {
            ElementItems::Functions(functions) => {
                let functions = functions.into_iter().map(|function| self.function_index(function?));
                Elements::Functions(functions.collect::<Result<Vec<_>, Refused>>()?.into())
            }
            ElementItems::Expressions(ty, all) => {
                for expr in all {
                    exprs.push(self.constant(&expr?, ValType::Ref(ty))?);
                }
                Elements::Expressions(self.ref_type(ty)?, exprs.into())
            }
        };
        match element.kind {
            ElementKind::Passive => elements.passive(items),
            ElementKind::Declared => elements.declared(items),
            ElementKind::Active { table_index, offset_expr } => {
                let offset = self.const_expr(offset_expr)?;
                elements.active(table_index, &offset, items)
            }
        };
        Ok(())
    }
}
