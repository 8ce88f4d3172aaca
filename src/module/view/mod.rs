//! The static view: everything that can be said of a sample without running it.
//!
//! [`View::of`] reads as far as the bytes allow. A module may be invalid, or the engine cannot run it, or it
//! is no module at all. It still gets a view of what was found up to there, and [`View::validity`] says so.
//! Every operator is decoded by wasmparser, none by hand. Of a component, the view is that of its program, or
//! of its largest module if none can be told. Sections are those of both.
//!
//! Memory follows the size of the file. Lists that a hostile file could blow up are cut at a documented
//! length and counted beyond it.
//!
//! Not here: execution, and what a rule makes of these facts.

mod calls;
mod clip;
mod component;
mod constant;
mod contents;
mod crypto;
mod custom;
mod encoding;
mod file;
mod fingerprint;
mod function;
mod go;
mod ioc;
mod items;
mod kinds;
mod laid;
mod libraries;
mod limits;
mod near;
mod proposal;
mod section;
mod symbols;
mod text;
mod unread;
mod validity;
mod wallet;
mod webcil;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use self::clip::{Lengths, clip};
use self::{
    calls::Calls,
    contents::{Contents, text_of},
    crypto::Immediates,
    fingerprint::{Fingerprints, Space as Shapes},
    function::BodyReader,
    laid::Laid,
    section::{Anomalies, Frame, Frames},
    text::{Source, Texts},
};
pub use self::{
    calls::{MAX_INDIRECT_EDGES, StaticCallEdge, StaticCallGraph, StaticCallKind},
    component::{Component, Origin, Part},
    crypto::{CryptoClass, CryptoConstant},
    encoding::TextEncoding,
    file::{File, entropy},
    fingerprint::Fingerprint,
    function::{Function, Loop},
    ioc::Ioc,
    items::{DataSegment, ElementSegment, ExportInfo, ExternKind, Global, ImportInfo, Memory, Table},
    kinds::{AnomalyKind, IocKind, PartRole, Seen},
    libraries::Library,
    proposal::Proposal,
    section::{Anomaly, Section},
    symbols::{Symbols, SymbolsError},
    text::{MAX_STRINGS, Text},
    unread::Unread,
    validity::Validity,
};
pub use super::classes::Classes;
use super::{CodeOffset, DebugFeatures, Dwarf, FuncIndex, Module, SourceFrame, demangled};
use super::{component::Core, decode::Space, names::Names, threads::begins_threads, weight::Heavy};
pub(crate) use ioc::{of_files as iocs_of_files, of_run as iocs_of_run};

/// Id of the code section.
const CODE: u8 = 10;

/// What can be said of a sample without running it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct View {
    /// Hashes, size, entropy.
    pub file: File,
    /// Whether it is a module, and valid.
    pub validity: Validity,
    /// Sections in file order, custom ones too: the first 4,096 custom ones and as many others, and always
    /// the first of each id.
    pub sections: Vec<Section>,
    /// Sections beyond those. Their contents were not looked at.
    pub sections_cut: u64,
    /// What is odd about the order, number and size of sections.
    pub anomalies: Vec<Anomaly>,
    /// Number of imported functions; the function space begins with them.
    pub imported_functions: u32,
    /// What it is made of, if it is a component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// All imports in order; of a component's program by the names of what they are.
    pub imports: Vec<ImportInfo>,
    /// All exports in order.
    pub exports: Vec<ExportInfo>,
    /// The start function.
    pub start: Option<FuncIndex>,
    /// Memories, imported ones first.
    pub memories: Vec<Memory>,
    /// Tables, imported ones first.
    pub tables: Vec<Table>,
    /// Globals, imported ones first.
    pub globals: Vec<Global>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// `producers`: field → `name version`.
    pub producers: Vec<(String, String)>,
    /// `target_features`, with their prefix.
    pub target_features: Vec<String>,
    /// Proposals beyond the first version that the module uses, with the first place of each.
    pub proposals: Vec<Proposal>,
    /// What its debug information consists of; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debug: Option<DebugFeatures>,
    /// The functions that the module defines, in order.
    pub functions: Vec<Function>,
    /// Sums of the classes of all functions.
    pub classes: Classes,
    /// Who calls whom, as far as the code tells.
    pub calls: StaticCallGraph,
    /// Constants of cryptographic algorithms.
    pub crypto: Vec<CryptoConstant>,
    /// Places of constants beyond 100 of one constant in code, or in data.
    pub crypto_cut: u64,
    /// Printable strings of data segments and custom sections, longest lists cut at [`MAX_STRINGS`].
    pub strings: Vec<Text>,
    /// Strings found beyond [`MAX_STRINGS`].
    pub strings_cut: u64,
    /// Indicators of compromise among the strings, decoded ones too.
    pub iocs: Vec<Ioc>,
    /// Indicators found beyond 5,000.
    pub iocs_cut: u64,
    /// What the view did not look at.
    pub limitations: Vec<Unread>,
    /// Lines and inlined calls, if the module has debug information; not part of the JSON.
    #[serde(skip)]
    pub dwarf: Option<Arc<Dwarf>>,
    /// What offsets are in, if that is more than the file.
    #[serde(skip)]
    linked: Option<Arc<[u8]>>,
    /// Where `data` lies.
    #[serde(skip)]
    laid: OnceLock<Laid>,
}

impl View {
    /// Reads what can be read of `wasm`, a sample in the binary format.
    pub fn of(wasm: &[u8]) -> Self {
        let component = super::component::Component::read(wasm);
        let is_refused = matches!(component, Some(Err(_)));
        let component = component.and_then(Result::ok);
        let core = Core::of(wasm, component.as_ref());
        let heavy = Heavy::of_core(core);
        let validity = match is_refused {
            true => Validity::of_component(),
            false => Validity::of(wasm, core, &heavy),
        };
        Self::read(wasm, component.as_ref(), &heavy, validity)
    }

    /// As [`Self::of`], of a module that was parsed: what is known of it is not found out again.
    pub fn of_module(module: &Module) -> Self {
        Self::read(module.bytes(), module.component(), module.heavy(), Validity::of_module(module))
    }

    /// The data segment that is put at an address before anything runs, and the place of the address in it.
    pub(crate) fn segment_at(&self, address: u64) -> Option<(&DataSegment, u64)> {
        let segment = self.data.get(self.laid().at(address)?)?;
        Some((segment, address.checked_sub(segment.address?)?))
    }

    /// What offsets are in.
    pub(crate) fn image<'w>(&'w self, wasm: &'w [u8]) -> &'w [u8] {
        self.linked.as_deref().unwrap_or(wasm)
    }

    fn laid(&self) -> &Laid {
        self.laid.get_or_init(|| Laid::of(&self.data))
    }

    /// Copies what is put at an address before anything runs; `false` if nothing is. A byte that no segment
    /// covers stays as it is.
    pub(crate) fn copy_data(&self, wasm: &[u8], address: u64, into: &mut [u8]) -> bool {
        let (mut is_there, wasm) = (false, self.image(wasm));
        for (from, to, segment) in self.laid().within(address, address.saturating_add(into.len() as u64)) {
            let part = self.data.get(segment).and_then(|segment| {
                let at = segment.offset.checked_add(from - segment.address?)?;
                wasm.get(range(at, to - from)?)
            });
            let target = range(from - address, to - from).and_then(|range| into.get_mut(range));
            if let (Some(part), Some(target)) = (part, target) {
                target.copy_from_slice(part);
                is_there = true;
            }
        }
        is_there
    }

    /// The data at an address before anything runs, up to the end of its segment; `wasm` is the sample.
    pub(crate) fn data_at<'w>(&'w self, wasm: &'w [u8], address: u64) -> Option<&'w [u8]> {
        let (segment, at) = self.segment_at(address)?;
        let start = usize::try_from(segment.offset.checked_add(at)?).ok()?;
        let end = usize::try_from(segment.offset.checked_add(segment.size)?).ok()?;
        let wasm = self.image(wasm);
        wasm.get(start..end.min(wasm.len()))
    }

    fn read(
        wasm: &[u8],
        component: Option<&super::component::Component>,
        heavy: &Heavy,
        validity: Validity,
    ) -> Self {
        let mut anomalies = Anomalies::default();
        // Offsets in code have 32 bits.
        let readable = wasm.get(..u32::MAX as usize).unwrap_or(wasm);
        let outer = Frames::read(readable, 0, &mut anomalies);
        let readable = component.map_or(readable, |component| component.image(readable));
        let program = component.and_then(|component| Frame::module(&component.main.bytes, readable));
        let inner = program.or_else(|| outer.core_module());
        let inner = inner.map(|module| Frames::read(module.data, module.offset, &mut anomalies));
        let frames = inner.as_ref().map_or(&outer.frames, |inner| &inner.frames);
        section::judge_custom(frames, wasm.len(), &mut anomalies);
        let mut contents = Contents::read(frames, &mut anomalies);
        if let Some(component) = component {
            contents.name_imports(&component.main.imports);
        }
        let (mut calls, mut immediates) = (Calls::default(), Immediates::default());
        let (mut functions, _) = functions(readable, &mut contents, &mut calls, &mut immediates);
        for (position, function) in functions.iter_mut().enumerate() {
            function.origin = component.and_then(|component| Origin::of(component, position));
        }
        let (crypto, crypto_cut) = immediates.with_data(&contents.data, &contents.data_bytes);
        let mut texts = texts(frames, &contents);
        let webcil = webcil::find(&contents);
        if let Some(found) = webcil {
            texts.iocs.embedded(webcil::KIND, found);
        }
        let (strings, strings_cut, iocs) = texts.finish();
        let (iocs, iocs_cut) = iocs.finish();
        let calls = calls.graph(&contents);
        note_heavy(heavy, &functions, &mut anomalies);
        let dwarf = dwarf(frames);
        let file = File { imphash: file::imphash(&contents.imports), ..File::of(wasm) };
        let sections_cut = outer.cut.saturating_add(inner.as_ref().map_or(0, |inner| inner.cut));
        let mut sections = outer.sections;
        sections.extend(inner.into_iter().flat_map(|inner| inner.sections));
        Self {
            file,
            validity,
            limitations: limitations(sections_cut, webcil),
            sections,
            sections_cut,
            anomalies: anomalies.finish(),
            imported_functions: contents.imported_functions(),
            linked: component.and_then(|component| Some(Arc::clone(&component.linkage.as_ref()?.image))),
            component: component.map(Component::of),
            imports: contents.imports,
            exports: contents.exports,
            start: contents.start,
            memories: contents.memories,
            tables: contents.tables,
            globals: contents.globals,
            data: contents.data,
            elements: contents.elements,
            producers: contents.producers,
            target_features: contents.target_features,
            proposals: contents.uses.finish(),
            debug: dwarf.as_ref().map(|dwarf| dwarf.features().clone()),
            classes: functions.iter().map(|function| *function.classes).sum(),
            functions,
            calls,
            crypto,
            crypto_cut,
            strings,
            strings_cut,
            iocs,
            iocs_cut,
            dwarf,
            laid: OnceLock::new(),
        }
    }

    /// Where the instruction at an offset comes from in the source, the innermost inlined call first. Empty
    /// without debug information.
    pub fn source(&self, offset: CodeOffset) -> Vec<SourceFrame> {
        self.dwarf.as_ref().map(|dwarf| dwarf.frames(offset)).unwrap_or_default()
    }

    /// A defined function whose body could be found.
    pub fn function(&self, func: FuncIndex) -> Option<&Function> {
        let position = func.0.checked_sub(self.imported_functions)?;
        self.functions.get(position as usize)
    }

    /// The import that a function is.
    pub fn import_of(&self, func: FuncIndex) -> Option<&ImportInfo> {
        // Every import of a function has a greater index than the one before it, but others stand between
        // them.
        let from = self.imports.get(func.position()..)?;
        from.iter().find(|import| import.func >= Some(func)).filter(|import| import.func == Some(func))
    }

    /// Whether a function is imported.
    pub fn is_imported(&self, func: FuncIndex) -> bool {
        func.0 < self.imported_functions
    }

    /// Number of all functions that are imported or have a body.
    pub fn total_functions(&self) -> u32 {
        self.imported_functions.saturating_add(self.functions.len() as u32)
    }

    /// The name of a function in a report: `module.name` of an import, else its name as the source has it,
    /// else `func N`. Whoever made the sample chose the names.
    pub fn name_of(&self, func: FuncIndex) -> Cow<'_, str> {
        if let Some(import) = self.import_of(func) {
            return crate::text::import_name(&import.module, &import.name).into();
        }
        match self.function(func).and_then(Function::called) {
            Some(name) => name.into(),
            None => format!("func {func}").into(),
        }
    }
}

fn range(from: u64, len: u64) -> Option<std::ops::Range<usize>> {
    let from = usize::try_from(from).ok()?;
    Some(from..from.checked_add(usize::try_from(len).ok()?)?)
}

/// The debug information among custom sections.
fn dwarf(frames: &[Frame<'_>]) -> Option<Arc<Dwarf>> {
    let code = frames.iter().find(|frame| frame.id == CODE)?;
    debug_information(frames, u32::try_from(code.offset).ok()?)
}

/// That of a module whose code section has its contents at `code`.
fn debug_information(frames: &[Frame<'_>], code: u32) -> Option<Arc<Dwarf>> {
    let sections = frames.iter().filter(|frame| frame.id == 0 && frame.name.starts_with(".debug_"));
    let sections: Vec<_> = sections.map(|frame| (frame.name, frame.data)).collect();
    Dwarf::of(&sections, code)
}

/// Functions that would take a browser hours to compile are there to mislead those who look at the file.
fn note_heavy(heavy: &Heavy, functions: &[Function], anomalies: &mut Anomalies) {
    for (func, steps) in heavy.functions() {
        let position = functions.binary_search_by_key(func, |function| function.index);
        let offset = position.ok().map_or(0, |position| functions[position].offset.0.into());
        let detail = format!("func {func} takes {steps} steps or more to validate: nobody validated it");
        anomalies.note(AnomalyKind::HeavyFunction, offset, detail);
    }
}

/// What was not looked at.
fn limitations(sections_cut: u64, webcil: Option<ioc::Found>) -> Vec<Unread> {
    let webcil = webcil.map(|found| Unread::Webcil { offset: found.offset });
    let cut = (sections_cut != 0).then_some(Unread::Sections { count: sections_cut });
    cut.into_iter().chain(webcil).collect()
}

/// Reads all bodies.
fn functions(
    bytes: &[u8],
    contents: &mut Contents<'_>,
    calls: &mut Calls,
    immediates: &mut Immediates,
) -> (Vec<Function>, Vec<Fingerprint>) {
    let (imported, functions) = (contents.imported_functions(), contents.functions());
    let names = contents.imports.iter().filter(|import| import.kind == ExternKind::Function);
    let is_shared = contents.memories.iter().any(|memory| memory.imported && memory.shared);
    let is_threaded = begins_threads(names.map(|import| &*import.name), is_shared);
    let space = Space { imported, functions, is_threaded };
    let mut uses = std::mem::take(&mut contents.uses);
    let mut fingerprints = Fingerprints::new(Shapes::of(contents));
    let mut reader = BodyReader::new(space, &mut uses, calls, immediates, &mut fingerprints);
    let indices = (imported..).map(FuncIndex);
    let bodies = indices.zip(&contents.bodies);
    let mut functions: Vec<_> =
        bodies.map(|(func, &(body, offset))| reader.read(func, body, offset)).collect();
    contents.uses = uses;
    describe(&mut functions, bytes, contents);
    let fingerprints = fingerprints.finish();
    for (function, fingerprint) in functions.iter_mut().zip(&fingerprints) {
        function.library = libraries::find(fingerprint);
    }
    (functions, fingerprints)
}

/// The functions that a module defines, as far as they are of use without the rest, with their fingerprints:
/// what the table of libraries is made from.
pub fn fingerprints(wasm: &[u8]) -> Vec<(Function, Fingerprint)> {
    let readable = wasm.get(..u32::MAX as usize).unwrap_or(wasm);
    let frames = Frames::read(readable, 0, &mut Anomalies::default()).frames;
    let mut contents = Contents::read(&frames, &mut Anomalies::default());
    let (functions, fingerprints) =
        functions(readable, &mut contents, &mut Calls::default(), &mut Immediates::default());
    functions.into_iter().zip(fingerprints).collect()
}

/// Gives each function its name and its type in words.
fn describe(functions: &mut [Function], bytes: &[u8], contents: &Contents<'_>) {
    let names = Names::read(bytes, contents.names.clone());
    let mut exported: HashMap<u32, &str> = HashMap::new();
    for export in contents.exports.iter().filter(|export| export.kind == ExternKind::Function) {
        exported.entry(export.index).or_insert(&export.name);
    }
    let mut texts: Vec<Option<Arc<str>>> = vec![None; contents.types.len()];
    let mut of_go = go::names(&contents.data, &contents.data_bytes, functions.len());
    let (imported, mut room) = (contents.imported_functions(), limits::DEMANGLED);
    for function in functions {
        let name = names.get(bytes, function.index).or_else(|| exported.get(&function.index.0).copied());
        function.name = name.map(Box::from);
        let of_go = function.index.0.checked_sub(imported).and_then(|position| of_go.remove(&position));
        function.demangled =
            of_go.or_else(|| name.and_then(demangled)).map(String::into_boxed_str).filter(|name| {
                room = room.saturating_sub(name.len());
                room > 0
            });
        let ty = contents.type_index(function.index).and_then(|ty| texts.get_mut(ty as usize));
        if let Some(text) = ty {
            // A type that no function has is not put into words.
            let text = text.get_or_insert_with(|| {
                contents.func_type(function.index).map(text_of).unwrap_or_default().into()
            });
            function.ty = Arc::clone(text);
        }
    }
}

/// Strings of data segments, then of custom sections; the name section's are names.
fn texts(frames: &[Frame<'_>], contents: &Contents<'_>) -> Texts {
    let mut texts = Texts::default();
    for (segment, bytes) in contents.data.iter().zip(&contents.data_bytes) {
        texts.read(&Source { bytes, offset: segment.offset, address: segment.address });
    }
    for frame in frames
        .iter()
        .filter(|frame| frame.id == 0 && !matches!(frame.name, "name" | "producers" | "target_features"))
    {
        texts.iocs.place = Seen::CustomSection;
        texts.read(&Source { bytes: frame.data, offset: frame.offset, address: None });
    }
    for (name, offset, place) in &contents.item_names {
        texts.name(name, *offset, *place);
    }
    texts
}

#[cfg(test)]
mod tests;
