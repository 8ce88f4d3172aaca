//! Reading what stands in the sections of a module.
//!
//! Each section is read for itself, as far as it goes. The first broken item ends that section with an
//! anomaly, and the next is read as if nothing had been. So what follows a broken section may have wrong
//! indices; [`Validity`](super::Validity) says that the module is invalid.

use std::ops::Range;

use wasmparser::{
    BinaryReader, CompositeInnerType, DataKind, ElementItems, ElementKind, ExternalKind, FromReader,
    FuncType, MemoryType, ProducersSectionReader, SectionLimited, TableInit, TableType, TypeRef,
};

use super::limits::{MAX_IMPORT_TEXT, MAX_ITEMS, MAX_TYPE_TEXT};
use super::{
    DataSegment, ElementSegment, ExportInfo, ExternKind, Global, ImportInfo, Memory, Table,
    constant::evaluate,
    custom,
    file::Histogram,
    kinds::{AnomalyKind, Seen},
    proposal::Uses,
    section::{Anomalies, Frame, leb_len},
};
use crate::{
    module::{FuncIndex, MemoryIndex, TableIndex, component::Linked},
    text::{grouped, plural},
};

/// What stands in the sections.
#[derive(Default)]
pub(super) struct Contents<'a> {
    /// Function types by index; `None` for types of other kinds.
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) imports: Vec<ImportInfo>,
    /// Types of imported functions.
    imported: Vec<u32>,
    /// Types of defined functions.
    defined: Vec<u32>,
    /// Bytes of their names so far, and how many were cut for having more than [`MAX_IMPORT_TEXT`].
    import_text: (usize, u64),
    pub(super) exports: Vec<ExportInfo>,
    pub(super) start: Option<FuncIndex>,
    pub(super) memories: Vec<Memory>,
    pub(super) tables: Vec<Table>,
    pub(super) globals: Vec<Global>,
    pub(super) data: Vec<DataSegment>,
    /// The bytes of each data segment.
    pub(super) data_bytes: Vec<&'a [u8]>,
    pub(super) elements: Vec<ElementSegment>,
    pub(super) producers: Vec<(String, String)>,
    pub(super) target_features: Vec<String>,
    /// Bodies of defined functions, each with its offset in the file.
    pub(super) bodies: Vec<(&'a [u8], u64)>,
    /// Contents of the name section in the file.
    pub(super) names: Range<u32>,
    /// Functions that a global or table refers to.
    pub(super) referenced: Vec<FuncIndex>,
    /// Tables whose elements begin as a function, with the function.
    pub(super) table_values: Vec<(TableIndex, FuncIndex)>,
    pub(super) uses: Uses,
    /// Names of imports and exports, each with its offset in the file and what it names.
    pub(super) item_names: Vec<(&'a str, u64, Seen)>,
}

impl<'a> Contents<'a> {
    pub(super) fn read(frames: &[Frame<'a>], anomalies: &mut Anomalies) -> Self {
        let mut contents = Self::default();
        for frame in frames {
            if let Err(error) = contents.section(frame) {
                anomalies.malformed(frame.name, &error);
            }
            if frame.id == 0 {
                custom::check(frame, anomalies);
            }
        }
        contents.memories.sort_by_key(|memory| !memory.imported);
        contents.tables.sort_by_key(|table| !table.imported);
        contents.check_counts(anomalies);
        contents
    }

    fn check_counts(&self, anomalies: &mut Anomalies) {
        let (functions, bodies) = (self.defined.len(), self.bodies.len());
        if functions != bodies {
            let functions = plural(functions as u64, "declared function");
            let bodies = match bodies {
                1 => "1 body".to_owned(),
                bodies => format!("{} bodies", grouped(bodies as u64)),
            };
            let detail = format!("{functions}, {bodies} could be read");
            anomalies.note(AnomalyKind::CountMismatch, self.bodies.first().map_or(0, |body| body.1), detail);
        }
        let unlisted = self.import_text.1;
        if unlisted != 0 {
            let detail = format!("{unlisted} imports beyond {MAX_IMPORT_TEXT} bytes of names are not listed");
            anomalies.note(AnomalyKind::CountMismatch, 0, detail);
        }
    }

    /// Number of imported functions.
    pub(super) fn imported_functions(&self) -> u32 {
        self.imported.len() as u32
    }

    /// Number of functions that are declared or have a body.
    pub(super) fn functions(&self) -> u32 {
        (self.imported.len() + self.defined.len().max(self.bodies.len())) as u32
    }

    /// The index of the type of a function.
    pub(super) fn type_index(&self, func: FuncIndex) -> Option<u32> {
        let position = func.position();
        match position.checked_sub(self.imported.len()) {
            None => self.imported.get(position).copied(),
            Some(position) => self.defined.get(position).copied(),
        }
    }

    /// The type of a function.
    pub(super) fn func_type(&self, func: FuncIndex) -> Option<&FuncType> {
        self.types.get(self.type_index(func)? as usize)?.as_ref()
    }

    fn section(&mut self, frame: &Frame<'a>) -> wasmparser::Result<()> {
        let reader = frame.reader();
        match frame.id {
            0 => self.custom(frame),
            1 => self.types(reader),
            2 => each(reader, |imports: wasmparser::Imports<'a>, offset| self.import_group(imports, offset)),
            3 => each(reader, |ty, _| self.function(ty)),
            4 => each(reader, |table, offset| self.table(&table, offset)),
            5 => each(reader, |memory, offset| {
                self.memory(&memory, false, offset);
                Ok(())
            }),
            6 => each(reader, |global, offset| self.global(&global, offset)),
            7 => each(reader, |export, offset| self.export(&export, offset)),
            8 => self.start(reader),
            9 => each(reader, |element, _| self.element(element)),
            10 => self.code(reader),
            11 => each(reader, |data, _| self.data(&data)),
            12 => self.proposal("bulk memory", frame.offset),
            13 => self.proposal("exceptions", frame.offset),
            _ => Ok(()),
        }
    }

    fn function(&mut self, ty: u32) -> wasmparser::Result<()> {
        self.defined.push(ty);
        Ok(())
    }

    /// A section that only a module with this proposal has.
    fn proposal(&mut self, name: &'static str, offset: u64) -> wasmparser::Result<()> {
        self.uses.named(name, offset);
        Ok(())
    }

    fn types(&mut self, reader: BinaryReader<'a>) -> wasmparser::Result<()> {
        each(reader, |group: wasmparser::RecGroup, offset| {
            for ty in group.into_types() {
                if self.types.len() >= MAX_ITEMS {
                    return Ok(());
                }
                let is_plain = ty.is_final && ty.supertype_idxs.is_empty();
                let ty = match ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => Some(ty),
                    _ => None,
                };
                if ty.as_ref().is_some_and(|ty| ty.results().len() > 1) {
                    self.uses.named("multi value", offset);
                }
                if ty.is_none() || !is_plain {
                    self.uses.named("gc", offset);
                }
                self.types.push(ty);
            }
            Ok(())
        })
    }

    fn one_import(&mut self, import: wasmparser::Import<'a>, offset: u64) {
        let module = offset + leb_len(import.module.len() as u32);
        let name = module + import.module.len() as u64 + leb_len(import.name.len() as u32);
        self.item_names.push((import.module, module, Seen::ImportName));
        self.item_names.push((import.name, name, Seen::ImportName));
        self.import(import, offset);
    }

    fn import_group(&mut self, imports: wasmparser::Imports<'a>, offset: u64) -> wasmparser::Result<()> {
        match imports {
            wasmparser::Imports::Single(_, import) => self.one_import(import, offset),
            // Several items of one module, from the proposal "compact import section".
            wasmparser::Imports::Compact1 { module, items } => {
                self.item_names.push((module, offset, Seen::ImportName));
                for item in items {
                    let item = item?;
                    self.item_names.push((item.name, offset, Seen::ImportName));
                    self.import(wasmparser::Import { module, name: item.name, ty: item.ty }, offset);
                }
            }
            wasmparser::Imports::Compact2 { module, ty, names } => {
                self.item_names.push((module, offset, Seen::ImportName));
                for name in names {
                    let name = name?;
                    self.item_names.push((name, offset, Seen::ImportName));
                    self.import(wasmparser::Import { module, name, ty }, offset);
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>, offset: u64) {
        let (mut kind, mut func) = (ExternKind::Function, None);
        let ty = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                func = Some(FuncIndex(self.imported.len() as u32));
                self.imported.push(ty);
                self.types.get(ty as usize).and_then(Option::as_ref).map(text_of).unwrap_or_default()
            }
            TypeRef::Table(ty) => {
                kind = ExternKind::Table;
                self.tables.push(table_of(&ty, true));
                let maximum = ty.maximum.map(|maximum| format!(" {maximum}")).unwrap_or_default();
                format!("{}{maximum} {}", ty.initial, ty.element_type)
            }
            TypeRef::Memory(ty) => {
                kind = ExternKind::Memory;
                self.memory(&ty, true, offset);
                let maximum = ty.maximum.map(|maximum| format!(" {maximum}")).unwrap_or_default();
                format!("{}{maximum}{}", ty.initial, if ty.shared { " shared" } else { "" })
            }
            TypeRef::Global(ty) => {
                kind = ExternKind::Global;
                if ty.mutable {
                    self.uses.named("mutable global", offset);
                }
                let text = ty.content_type.to_string();
                let shown = if ty.mutable { format!("(mut {text})") } else { text.clone() };
                self.globals.push(Global { ty: text, mutable: ty.mutable, imported: true, value: None });
                shown
            }
            TypeRef::Tag(ty) => {
                kind = ExternKind::Tag;
                self.uses.named("exceptions", offset);
                self.types
                    .get(ty.func_type_idx as usize)
                    .and_then(Option::as_ref)
                    .map(text_of)
                    .unwrap_or_default()
            }
        };
        self.import_text.0 += import.module.len() + import.name.len();
        if self.import_text.0 > MAX_IMPORT_TEXT {
            self.import_text.1 += 1;
            return;
        }
        self.imports.push(ImportInfo {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            kind,
            ty,
            func,
        });
    }

    /// Gives imports the names of what they are.
    pub(super) fn name_imports(&mut self, linked: &[Linked]) {
        for (import, linked) in self.imports.iter_mut().zip(linked) {
            (import.module, import.name) = (linked.module.to_string(), linked.name.to_string());
        }
    }

    fn memory(&mut self, ty: &MemoryType, imported: bool, offset: u64) {
        let mut needs = |needed: bool, proposal| {
            if needed {
                self.uses.named(proposal, offset);
            }
        };
        needs(ty.memory64, "memory64");
        needs(ty.shared, "threads");
        needs(ty.page_size_log2.is_some(), "custom page sizes");
        needs(!self.memories.is_empty(), "multi memory");
        let (initial, maximum, memory64, shared) = (ty.initial, ty.maximum, ty.memory64, ty.shared);
        self.memories.push(Memory { initial, maximum, imported, memory64, shared });
    }

    fn table(&mut self, table: &wasmparser::Table<'a>, offset: u64) -> wasmparser::Result<()> {
        if !self.tables.is_empty() || table.ty.element_type != wasmparser::RefType::FUNCREF {
            self.uses.named("reference types", offset);
        }
        if table.ty.table64 {
            self.uses.named("memory64", offset);
        }
        if let TableInit::Expr(expression) = &table.init {
            let func = evaluate(expression, &self.globals, &mut self.uses).func();
            self.referenced.extend(func);
            self.table_values.extend(func.map(|func| (TableIndex(self.tables.len() as u32), func)));
        }
        self.tables.push(table_of(&table.ty, false));
        Ok(())
    }

    fn global(&mut self, global: &wasmparser::Global<'a>, _: u64) -> wasmparser::Result<()> {
        let value = evaluate(&global.init_expr, &self.globals, &mut self.uses);
        self.referenced.extend(value.func());
        let (ty, mutable) = (global.ty.content_type.to_string(), global.ty.mutable);
        self.globals.push(Global { ty, mutable, imported: false, value: value.integer() });
        Ok(())
    }

    fn export(&mut self, export: &wasmparser::Export<'a>, offset: u64) -> wasmparser::Result<()> {
        let kind = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => ExternKind::Function,
            ExternalKind::Table => ExternKind::Table,
            ExternalKind::Memory => ExternKind::Memory,
            ExternalKind::Global => ExternKind::Global,
            ExternalKind::Tag => ExternKind::Tag,
        };
        if kind == ExternKind::Global
            && self.globals.get(export.index as usize).is_some_and(|global| global.mutable)
        {
            self.uses.named("mutable global", offset);
        }
        self.item_names.push((export.name, offset + leb_len(export.name.len() as u32), Seen::ExportName));
        self.exports.push(ExportInfo { name: export.name.to_owned(), kind, index: export.index });
        Ok(())
    }

    fn start(&mut self, mut reader: BinaryReader<'a>) -> wasmparser::Result<()> {
        self.start = Some(FuncIndex(reader.read_var_u32()?));
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> wasmparser::Result<()> {
        let (table, first) = match &element.kind {
            ElementKind::Active { table_index, offset_expr } => {
                let first = evaluate(offset_expr, &self.globals, &mut self.uses);
                (Some(TableIndex(table_index.unwrap_or(0))), first.address())
            }
            ElementKind::Passive | ElementKind::Declared => {
                self.uses.named("bulk memory", element.range.start);
                (None, None)
            }
        };
        let declared = matches!(element.kind, ElementKind::Declared);
        let mut functions = Vec::new();
        let read = match element.items {
            ElementItems::Functions(items) => collect(items, |func| functions.push(Some(FuncIndex(func)))),
            ElementItems::Expressions(_, items) => {
                self.uses.named("reference types", element.range.start);
                collect(items, |item| functions.push(evaluate(&item, &self.globals, &mut self.uses).func()))
            }
        };
        let len = functions.len() as u64;
        self.elements.push(ElementSegment { table, declared, first, functions, len });
        read
    }

    fn code(&mut self, mut reader: BinaryReader<'a>) -> wasmparser::Result<()> {
        let count = reader.read_var_u32()?;
        for _ in 0..count {
            let mut body = reader.read_reader()?;
            if self.bodies.len() >= MAX_ITEMS {
                break;
            }
            let offset = body.original_position();
            self.bodies.push((body.read_bytes(body.bytes_remaining())?, offset));
        }
        Ok(())
    }

    fn data(&mut self, data: &wasmparser::Data<'a>) -> wasmparser::Result<()> {
        let (memory, address) = match &data.kind {
            DataKind::Active { memory_index, offset_expr } => {
                let address = evaluate(offset_expr, &self.globals, &mut self.uses).address();
                (Some(MemoryIndex(*memory_index)), address)
            }
            DataKind::Passive => {
                self.uses.named("bulk memory", data.range.start);
                (None, None)
            }
        };
        let size = data.data.len() as u64;
        let entropy = Histogram::of(data.data).entropy();
        self.data.push(DataSegment {
            memory,
            address,
            offset: data.range.end.saturating_sub(size),
            size,
            entropy,
        });
        self.data_bytes.push(data.data);
        Ok(())
    }

    fn custom(&mut self, frame: &Frame<'a>) -> wasmparser::Result<()> {
        match frame.name {
            "name" => self.names = frame.offset as u32..(frame.offset + frame.data.len() as u64) as u32,
            "producers" => {
                for field in ProducersSectionReader::new(frame.reader())? {
                    let field = field?;
                    for value in field.values {
                        let value = value?;
                        let text = format!("{} {}", value.name, value.version).trim_end().to_owned();
                        self.producers.push((field.name.to_owned(), text));
                    }
                }
            }
            "target_features" => {
                each(frame.reader(), |Feature(feature), _| {
                    self.target_features.push(feature);
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// An entry of `target_features`.
struct Feature(String);

impl<'a> FromReader<'a> for Feature {
    fn from_reader(reader: &mut BinaryReader<'a>) -> wasmparser::Result<Self> {
        let prefix = char::from(reader.read_u8()?);
        Ok(Self(format!("{prefix}{}", reader.read_string()?)))
    }
}

/// Reads the items of a section, each with its offset in the file.
fn each<'a, T: FromReader<'a>>(
    reader: BinaryReader<'a>,
    mut take: impl FnMut(T, u64) -> wasmparser::Result<()>,
) -> wasmparser::Result<()> {
    for item in SectionLimited::<T>::new(reader)?.into_iter_with_offsets().take(MAX_ITEMS) {
        let (offset, item) = item?;
        take(item, offset)?;
    }
    Ok(())
}

fn collect<'a, T: FromReader<'a>>(
    items: SectionLimited<'a, T>,
    mut take: impl FnMut(T),
) -> wasmparser::Result<()> {
    for item in items {
        take(item?);
    }
    Ok(())
}

fn table_of(ty: &TableType, imported: bool) -> Table {
    Table { initial: ty.initial, maximum: ty.maximum, imported }
}

/// A type such as `(param i32) (result i32)`, without the word `func`; long ones are cut.
pub(super) fn text_of(ty: &FuncType) -> String {
    let part = |name: &str, types: &[wasmparser::ValType]| {
        if types.is_empty() {
            return String::new();
        }
        let shown: String = types.iter().take(MAX_TYPE_TEXT).map(|ty| format!(" {ty}")).collect();
        let cut =
            if types.len() > MAX_TYPE_TEXT { format!(" … {} in all", types.len()) } else { String::new() };
        format!("({name}{shown}{cut})")
    };
    let (params, results) = (part("param", ty.params()), part("result", ty.results()));
    format!("{params} {results}").trim().to_owned()
}
