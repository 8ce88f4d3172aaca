//! What a module has, by sections.

use std::{collections::HashMap, ops::Range};

use wasmparser::{
    DataSectionReader, ElementSectionReader, ExternalKind, FunctionBody, GlobalSectionReader, KnownCustom,
    MemorySectionReader, NameSectionReader, Parser, Payload, TableSectionReader, TagSectionReader, TypeRef,
    TypeSectionReader,
};

use super::super::{limits::MAX_LINKED_ITEMS, problem::Problem};

/// What a module has, by sections.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) types: Option<TypeSectionReader<'a>>,
    pub(super) imports: Vec<TypeRef>,
    /// Types of the functions that it defines.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Option<TableSectionReader<'a>>,
    pub(super) memories: Option<MemorySectionReader<'a>>,
    pub(super) tags: Option<TagSectionReader<'a>>,
    pub(super) globals: Option<GlobalSectionReader<'a>>,
    pub(super) exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(super) start: Option<u32>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    pub(super) data: Option<DataSectionReader<'a>>,
    /// Whether it says beforehand how many segments of data it has.
    pub(super) counts_data: bool,
    pub(super) names: Option<NameSectionReader<'a>>,
}

impl<'a> Sections<'a> {
    /// Reads the module at a place in the file.
    pub(super) fn read(file: &'a [u8], place: Range<usize>) -> Result<Self, Problem> {
        let mut parser = Parser::new(place.start as u64);
        parser.set_features(wasmparser::WasmFeatures::all());
        let mut sections = Self::default();
        let bytes = file.get(place).ok_or(Problem::Dangling("a module"))?;
        for payload in parser.parse_all(bytes) {
            sections.section(payload?)?;
        }
        // Each function has a body, so that those behind it keep their numbers.
        if sections.functions.len() != sections.bodies.len() {
            return Err(Problem::Dangling("a function"));
        }
        Ok(sections)
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<(), Problem> {
        match payload {
            Payload::TypeSection(types) => self.types = Some(types),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.imports.push(import?.ty);
                }
            }
            Payload::FunctionSection(types) => {
                if types.count() > MAX_LINKED_ITEMS {
                    return Err(Problem::TooManyOf("functions"));
                }
                self.functions = types.into_iter().collect::<wasmparser::Result<_>>()?;
            }
            Payload::TableSection(tables) => self.tables = Some(tables),
            Payload::MemorySection(memories) => self.memories = Some(memories),
            Payload::TagSection(tags) => self.tags = Some(tags),
            Payload::GlobalSection(globals) => self.globals = Some(globals),
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports.insert(export.name, (export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => self.elements = Some(elements),
            Payload::CodeSectionEntry(body) => {
                if self.bodies.len() >= self.functions.len() {
                    return Err(Problem::Dangling("a function"));
                }
                self.bodies.push(body);
            }
            Payload::DataCountSection { .. } => self.counts_data = true,
            Payload::DataSection(data) => self.data = Some(data),
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(names) = custom.as_known() {
                    self.names = Some(names);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
