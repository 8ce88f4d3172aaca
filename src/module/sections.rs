//! Reading the sections of a module, without the bodies of its functions.

use std::ops::Range;

use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, FuncType, FunctionBody, KnownCustom, Payload, TypeRef,
};

use super::{
    FuncIndex, ParseError, ParseErrorKind, TypeIndex,
    component::{Core, Linked},
};

/// What an import asks for or an export gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemKind {
    /// A function of this type.
    Function(TypeIndex),
    /// A table.
    Table,
    /// A memory.
    Memory,
    /// A global.
    Global,
    /// An exception tag.
    Tag,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// First part of its name, such as `wasi_snapshot_preview1`.
    pub module: Box<str>,
    /// Second part of its name, such as `fd_write`.
    pub name: Box<str>,
    /// What it is.
    pub kind: ItemKind,
}

impl Import {
    /// Whether it is a function.
    pub fn is_function(&self) -> bool {
        matches!(self.kind, ItemKind::Function(_))
    }
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: Box<str>,
    /// The function it gives; `None` for an export of another kind.
    pub func: Option<FuncIndex>,
}

/// What the sections hold.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// Function types by index; `None` for types of other kinds.
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) imports: Vec<Import>,
    /// Whether a memory among them is shared.
    pub(super) imports_shared: bool,
    /// Types of the defined functions.
    pub(super) functions: Vec<TypeIndex>,
    /// Types of the tags, imported ones first.
    pub(super) tags: Vec<TypeIndex>,
    /// Tags that are exported, by index, and their names.
    pub(super) tag_exports: Vec<(u32, Box<str>)>,
    pub(super) exports: Vec<Export>,
    pub(super) start: Option<FuncIndex>,
    /// Bodies of the defined functions, in file order.
    pub(super) bodies: Vec<Range<u32>>,
    /// Contents of the name section.
    pub(super) names: Range<u32>,
}

impl Sections {
    pub(super) fn parse(core: Core<'_>) -> Result<Self, ParseError> {
        let len_bytes = core.offset + core.bytes.len() as u64;
        if len_bytes > u64::from(u32::MAX) {
            return Err(ParseError::new(ParseErrorKind::TooBig { len_bytes }, 0));
        }
        let mut sections = Self::default();
        for payload in core.payloads() {
            sections.read(payload?)?;
        }
        Ok(sections)
    }

    /// Gives imports the names of what they are.
    pub(super) fn name_imports(&mut self, linked: &[Linked]) {
        for (import, linked) in self.imports.iter_mut().zip(linked) {
            import.module.clone_from(&linked.module);
            import.name.clone_from(&linked.name);
        }
    }

    fn read(&mut self, payload: Payload<'_>) -> Result<(), ParseError> {
        match payload {
            Payload::Version { encoding: Encoding::Component, range, .. } => {
                return Err(ParseError::new(ParseErrorKind::Component, range.start));
            }
            Payload::TypeSection(groups) => {
                for group in groups {
                    let types = group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty),
                        _ => None,
                    });
                    self.types.extend(types);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(types) => {
                for ty in types {
                    self.functions.push(TypeIndex(ty?));
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags {
                    self.tags.push(TypeIndex(tag?.func_type_idx));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.export(export?);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(FuncIndex(func)),
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(_) = custom.as_known() {
                    self.names =
                        narrow(custom.data_offset()..custom.data_offset() + custom.data().len() as u64);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        let kind = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => ItemKind::Function(TypeIndex(ty)),
            TypeRef::Table(_) => ItemKind::Table,
            TypeRef::Memory(memory) => {
                self.imports_shared |= memory.shared;
                ItemKind::Memory
            }
            TypeRef::Global(_) => ItemKind::Global,
            TypeRef::Tag(ty) => {
                self.tags.push(TypeIndex(ty.func_type_idx));
                ItemKind::Tag
            }
        };
        self.imports.push(Import { module: import.module.into(), name: import.name.into(), kind });
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        let is_function = matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact);
        if export.kind == ExternalKind::Tag {
            self.tag_exports.push((export.index, export.name.into()));
        }
        self.exports
            .push(Export { name: export.name.into(), func: is_function.then_some(FuncIndex(export.index)) });
    }

    fn body(&mut self, body: &FunctionBody<'_>) {
        self.bodies.push(narrow(body.range()));
    }
}

/// Offsets in a module of at most `u32::MAX` bytes.
fn narrow(range: Range<u64>) -> Range<u32> {
    range.start as u32..range.end as u32
}
