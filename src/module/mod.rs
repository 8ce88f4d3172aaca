//! The static view of a module: its functions, their names and types, and their code as basic blocks.
//!
//! [`Module::parse`] reads the sections and notes where function bodies lie; a body is decoded when it is
//! first asked for ([`Module::code`]) and kept. Nothing is validated beyond what the reading needs: the
//! engine validates. Hostile bytes give an error, never a panic, and memory follows the bytes that are there,
//! not the counts they claim.
//!
//! Not here: execution, and what an analysis makes of the code.

pub(crate) mod atomic;
pub mod cfg;
pub mod classes;
mod code;
pub(crate) mod component;
mod decode;
#[cfg(feature = "analysis")]
mod demangle;
mod diagnosis;
#[cfg(feature = "analysis")]
mod dwarf;
mod error;
mod extent;
mod features;
#[cfg(feature = "cli")]
mod immediates;
mod in_file;
mod index;
pub(crate) mod limits;
mod lines;
pub(crate) mod lower;
mod names;
pub(crate) mod objects;
mod opcode;
mod place;
mod sections;
pub mod signatures;
pub(crate) mod spin;
pub(crate) mod tags;
pub(crate) mod threads;
#[cfg(feature = "analysis")]
pub mod view;
pub(crate) mod weight;

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

pub(crate) use code::PadExit;
pub use code::{Block, BranchTable, Chain, Code, Exit, Meeting, Op, Takes};
#[cfg(feature = "analysis")]
pub use demangle::demangled;
pub use diagnosis::LoadError;
pub(crate) use diagnosis::{diagnose, to_binary};
#[cfg(all(test, feature = "analysis"))]
pub(crate) use dwarf::tests::with_debug_information;
#[cfg(feature = "analysis")]
pub use dwarf::{DebugFeatures, Dwarf, SourceFrame};
pub use error::{ParseError, ParseErrorKind};
pub use extent::extent;
#[cfg(feature = "scan")]
pub(crate) use extent::{HEAD, is_cut, sections};
pub(crate) use features::{engine_features, lowered_features};
#[cfg(feature = "cli")]
pub(crate) use immediates::Line;
pub use in_file::InFile;
pub use index::{
    BlockIndex, CodeOffset, FuncIndex, GlobalIndex, MemoryIndex, OpIndex, TableIndex, TypeIndex,
};
pub use lines::Lines;
pub use opcode::{OPCODES, Opcode};
pub use place::Place;
#[cfg(feature = "analysis")]
pub(crate) use place::{BothKeys, both_keys};
pub use sections::{Export, Import, ItemKind};
pub use wasmparser::{FuncType, ValType};
use wasmparser::{GlobalType, Payload, TypeRef};

use component::{Component, Core};
use decode::Space;
use names::Names;
use objects::Objects;
use sections::Sections;
use tags::Tags;
use weight::Heavy;

/// A parsed module. Shared between threads behind an [`Arc`]; decoding on first use is the only thing that
/// changes in it.
pub struct Module {
    bytes: Arc<[u8]>,
    /// What offsets are in: the file, and behind it what several modules of a component became.
    image: Arc<[u8]>,
    sections: Sections,
    /// Imported functions, as positions in the list of imports.
    imported: Box<[usize]>,
    codes: Box<[OnceLock<Decoded>]>,
    tags: Tags,
    /// Whether it begins threads.
    is_threaded: bool,
    names: OnceLock<Names>,
    objects: OnceLock<Objects>,
    /// What it is the program of.
    component: Option<Box<Component>>,
    heavy: Heavy,
    /// Set when its bytes were found valid.
    is_valid: OnceLock<()>,
    /// Positions of exports, by their names.
    exports_sorted: OnceLock<Box<[usize]>>,
}

/// The code of a function that was asked for.
type Decoded = Result<Box<Code>, ParseError>;

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("len_bytes", &self.bytes.len())
            .field("imported_functions", &self.imported_functions())
            .field("functions", &self.functions())
            .finish_non_exhaustive()
    }
}

impl Module {
    /// Parses a module in the binary format. Of a component, this is the module of its program, at its place
    /// in the file. If instances of other modules do part of its work, it is the module that all of them
    /// become; its offsets go on where the file ends. Its imports have the names of the functions that they
    /// are, whatever the module calls them.
    ///
    /// # Errors
    /// When the sections do not follow the binary format, or the file is larger than 4 GiB. Also for a
    /// component that instantiates no module. Function bodies are not looked at.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Self, ParseError> {
        let bytes = bytes.into();
        let component = match Component::read(&bytes) {
            Some(Ok(component)) => Some(Box::new(component)),
            Some(Err(_)) => return Err(ParseError::new(ParseErrorKind::Component, 4)),
            None => None,
        };
        let linkage = component.as_ref().and_then(|component| component.linkage.as_ref());
        let image = linkage.map_or_else(|| Arc::clone(&bytes), |linkage| Arc::clone(&linkage.image));
        let core = Core::of(&bytes, component.as_deref());
        let mut sections = Sections::parse(core)?;
        let heavy = Heavy::of_core(core);
        if let Some(component) = &component {
            sections.name_imports(&component.main.imports);
        }
        let is_function = |(position, import): (usize, &Import)| import.is_function().then_some(position);
        let imported = sections.imports.iter().enumerate().filter_map(is_function).collect();
        let codes = sections.functions.iter().map(|_| OnceLock::new()).collect();
        let tags = Tags::of(&sections.types, &sections.imports, &sections.tags);
        let functions = sections.imports.iter().filter(|import| import.is_function());
        let is_threaded =
            threads::begins_threads(functions.map(|import| &*import.name), sections.imports_shared);
        let (names, objects, is_valid, exports_sorted) = Default::default();
        Ok(Self {
            bytes,
            image,
            sections,
            imported,
            codes,
            tags,
            is_threaded,
            names,
            objects,
            component,
            heavy,
            is_valid,
            exports_sorted,
        })
    }

    /// The functions that nobody validates.
    pub(crate) fn heavy(&self) -> &Heavy {
        &self.heavy
    }

    /// Validates all of the file but the bodies of heavy functions, with what can be run or written anew. A
    /// part that was found valid is not looked at again.
    pub(crate) fn validate(&self) -> wasmparser::Result<()> {
        if self.is_valid.get().is_none() {
            self.heavy.validate_around(self.core(), &self.bytes, lowered_features())?;
            self.set_valid();
        }
        Ok(())
    }

    /// Validates the bodies of heavy functions, too: all of what [`Self::validate`] leaves out.
    pub(crate) fn validate_heavy(&self) -> wasmparser::Result<()> {
        self.validate()?;
        self.heavy.validate_heavy(self.core(), &self.bytes, lowered_features())
    }

    /// Notes that somebody else validated it.
    pub(crate) fn set_valid(&self) {
        _ = self.is_valid.set(());
    }

    /// The component whose program this is.
    pub(crate) fn component(&self) -> Option<&Component> {
        self.component.as_deref()
    }

    /// The export that a component runs, as a command or for a request over HTTP; `None` if this is none's
    /// program.
    pub fn program(&self) -> Option<&str> {
        Some(&self.component()?.main.program.as_ref()?.export)
    }

    /// The module itself: all of the file unless that is a component.
    pub(crate) fn core(&self) -> Core<'_> {
        Core::of(&self.bytes, self.component())
    }

    /// What offsets are in: the file, and behind it the module that several of a component became, if they
    /// did.
    pub(crate) fn image(&self) -> &[u8] {
        &self.image
    }

    /// The file that it was read from: the module, or the component that it is in.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Whether it imports what begins a thread: its atomic operators are places where threads meet.
    pub fn is_threaded(&self) -> bool {
        self.is_threaded
    }

    /// Whether it declares types that are none of functions.
    pub(crate) fn has_objects(&self) -> bool {
        self.sections.types.iter().any(Option::is_none)
    }

    /// Its types of objects; none if it is not valid.
    pub(crate) fn objects(&self) -> &Objects {
        self.objects.get_or_init(|| {
            let objects = self.has_objects().then(|| Objects::of(self.core()));
            let objects = objects.filter(Objects::are_there);
            objects.unwrap_or_else(|| Objects::without_types(self.core()))
        })
    }

    /// The imported globals: both parts of the name, the type, and to what a reference refers.
    pub(crate) fn imported_globals(&self) -> Vec<(&str, &str, GlobalType, Option<objects::Hierarchy>)> {
        let imports = self.core().payloads().map_while(Result::ok).find_map(|payload| match payload {
            Payload::ImportSection(imports) => Some(imports.into_imports()),
            _ => None,
        });
        let refers = |ty| match ty {
            ValType::Ref(ty) => Some(self.objects().hierarchy(ty.heap_type())),
            _ => None,
        };
        let globals =
            imports.into_iter().flatten().map_while(Result::ok).filter_map(|import| match import.ty {
                TypeRef::Global(ty) => Some((import.module, import.name, ty, refers(ty.content_type))),
                _ => None,
            });
        globals.collect()
    }

    /// Number of memories, imported and defined, with those of its objects and of tables of them.
    pub(crate) fn memories(&self) -> u64 {
        self.own_memories(true) + u64::from(self.has_objects())
    }

    /// Index of the memory of objects of the module for the engine, if the host may know it.
    pub(crate) fn object_memory(&self) -> Option<u32> {
        let is_there = self.has_objects() && self.objects().are_there();
        (is_there && self.export(objects::EXPORT).is_none()).then(|| self.own_memories(false) as u32)
    }

    /// The same without that of objects, and with those of tables of objects or without.
    fn own_memories(&self, with_tables: bool) -> u64 {
        let is_code = |payload: &Payload<'_>| matches!(payload, Payload::CodeSectionStart { .. });
        let before_code =
            self.core().payloads().map_while(Result::ok).take_while(|payload| !is_code(payload));
        let counts = before_code.map(|payload| match payload {
            Payload::MemorySection(memories) => u64::from(memories.count()),
            Payload::ImportSection(imports) => {
                let imports = imports.into_imports().map_while(Result::ok);
                let is_memory = |ty| match ty {
                    TypeRef::Memory(_) => true,
                    TypeRef::Table(table) => with_tables && self.objects().refer(table.element_type),
                    _ => false,
                };
                imports.filter(|import| is_memory(import.ty)).count() as u64
            }
            Payload::TableSection(tables) if with_tables => {
                let tables = tables.into_iter().map_while(Result::ok);
                tables.filter(|table| self.objects().refer(table.ty.element_type)).count() as u64
            }
            _ => 0,
        });
        counts.sum()
    }

    /// Number of imported functions; the function space begins with them.
    pub fn imported_functions(&self) -> u32 {
        self.imported.len() as u32
    }

    /// Number of functions that the module defines.
    pub fn defined_functions(&self) -> u32 {
        self.sections.functions.len() as u32
    }

    /// Number of all functions.
    pub fn functions(&self) -> u32 {
        self.imported_functions() + self.defined_functions()
    }

    /// The functions that the module defines.
    pub fn defined(&self) -> impl Iterator<Item = FuncIndex> + use<> {
        (self.imported_functions()..self.functions()).map(FuncIndex)
    }

    /// All imports in order.
    pub fn imports(&self) -> &[Import] {
        &self.sections.imports
    }

    /// The import that function `func` is; `None` if the module defines it.
    pub fn imported_function(&self, func: FuncIndex) -> Option<&Import> {
        self.imported.get(func.position()).map(|&position| &self.sections.imports[position])
    }

    /// All exports in order.
    pub fn exports(&self) -> &[Export] {
        &self.sections.exports
    }

    /// The export of a name: a search among names that are sorted at the first call.
    pub fn export(&self, name: &str) -> Option<&Export> {
        let exports = self.exports();
        let sorted = self.exports_sorted.get_or_init(|| {
            let mut sorted: Vec<usize> = (0..exports.len()).collect();
            sorted.sort_by(|&a, &b| exports[a].name.cmp(&exports[b].name));
            sorted.into()
        });
        let at = sorted.partition_point(|&position| *exports[position].name < *name);
        exports.get(*sorted.get(at)?).filter(|export| *export.name == *name)
    }

    /// The start function.
    pub fn start(&self) -> Option<FuncIndex> {
        self.sections.start
    }

    /// The tags of exceptions.
    pub(crate) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// What an exception with the tag of this number carries.
    pub(crate) fn tag_params(&self, number: u32) -> &[ValType] {
        let ty = self.tags.tag(number).and_then(|(_, ty)| self.sections.types.get(ty.position())?.as_ref());
        ty.map_or(&[], FuncType::params)
    }

    /// The name under which a tag with this number is exported, or else imported.
    pub(crate) fn tag_name(&self, number: u32) -> Option<&str> {
        let is_it = |index: &u32| self.tags.number(*index) == Some(number);
        let exported = self.sections.tag_exports.iter().find(|(index, _)| is_it(index));
        let imports = self.imports().iter().filter(|import| import.kind == ItemKind::Tag);
        let imported = || (0..).zip(imports).find(|(index, _)| is_it(index)).map(|(_, import)| &*import.name);
        exported.map(|(_, name)| &**name).or_else(imported)
    }

    /// The type of a function; `None` if the function does not exist or its type is not a function type.
    pub fn func_type(&self, func: FuncIndex) -> Option<&FuncType> {
        self.sections.types.get(self.func_type_index(func)?.position())?.as_ref()
    }

    /// The index of the type of a function.
    fn func_type_index(&self, func: FuncIndex) -> Option<TypeIndex> {
        match self.imported_function(func) {
            Some(import) => match import.kind {
                ItemKind::Function(index) => Some(index),
                _ => None,
            },
            None => self.sections.functions.get(self.defined_position(func)?).copied(),
        }
    }

    /// The number of the type of a function; 0 if it has none.
    pub(crate) fn function_number(&self, func: FuncIndex) -> u32 {
        self.func_type_index(func).map_or(0, |ty| self.objects().function(ty.0))
    }

    /// Where the body of a function lies in the module file: from its local declarations to past its `end`.
    pub fn body(&self, func: FuncIndex) -> Option<Range<u32>> {
        self.sections.bodies.get(self.defined_position(func)?).cloned()
    }

    /// Where the code of a function stands in the file, if it is one of several modules of a component that
    /// became one; the offsets of any other are those of the file. Reads the body.
    pub fn in_file(&self, func: FuncIndex) -> Option<InFile> {
        InFile::of(self, func)
    }

    /// Whether it is what several modules of a component became.
    pub fn is_linked(&self) -> bool {
        self.component().is_some_and(|component| component.linkage.is_some())
    }

    /// The function whose body holds the byte at `offset`. A binary search.
    pub fn function_at(&self, offset: CodeOffset) -> Option<FuncIndex> {
        let bodies = &self.sections.bodies;
        let position = bodies.partition_point(|body| body.end <= offset.0);
        let body = bodies.get(position)?;
        body.contains(&offset.0).then_some(FuncIndex(self.imported_functions() + position as u32))
    }

    /// The name of a function in the name section, which is read at the first call. Anyone can write anything
    /// there.
    pub fn name(&self, func: FuncIndex) -> Option<&str> {
        self.names
            .get_or_init(|| Names::read(&self.image, self.sections.names.clone()))
            .get(&self.image, func)
    }

    /// The code of a defined function, decoded at the first call.
    ///
    /// # Errors
    /// When `func` has no body, or its body does not follow the binary format.
    pub fn code(&self, func: FuncIndex) -> Result<&Code, ParseError> {
        let position = self.defined_position(func).filter(|&position| position < self.sections.bodies.len());
        let position = position.ok_or_else(|| {
            let (first, end) = (self.imported_functions(), self.functions());
            ParseError::new(ParseErrorKind::NoBody { func, first, end }, 0)
        })?;
        let code = self.codes[position].get_or_init(|| self.decode(position).map(Box::new));
        code.as_deref().map_err(ParseError::clone)
    }

    fn decode(&self, position: usize) -> Result<Code, ParseError> {
        let body = &self.sections.bodies[position];
        let bytes = &self.image[body.start as usize..body.end as usize];
        decode::decode(
            bytes,
            body.start,
            Space {
                imported: self.imported_functions(),
                functions: self.functions(),
                is_threaded: self.is_threaded,
            },
        )
    }

    /// Position among the defined functions.
    fn defined_position(&self, func: FuncIndex) -> Option<usize> {
        let position = func.0.checked_sub(self.imported_functions())? as usize;
        (position < self.codes.len()).then_some(position)
    }
}

#[cfg(test)]
mod tests;
