//! How functions and places are named for people, everywhere in the same form.

use std::collections::HashMap;

use crate::{
    module::Place,
    module::{
        CodeOffset, FuncIndex, SourceFrame,
        view::{self, View},
    },
};

use super::limits::{LINE_SHOWN, NAME_SHOWN};
use crate::text::{clip, import_name};

/// Where Ghidra's loader for WebAssembly puts the first byte of the module.
pub const GHIDRA_BASE: u64 = 0x8000_0000;

/// Names of functions, and what the static view knows of them.
#[derive(Debug)]
pub struct Names<'v> {
    view: &'v View,
    imports: HashMap<FuncIndex, &'v view::ImportInfo>,
    functions: HashMap<FuncIndex, &'v view::Function>,
}

impl<'v> Names<'v> {
    /// Collects the names of a view.
    pub fn of(view: &'v View) -> Self {
        let imports = view.imports.iter().filter_map(|import| Some((import.func?, import))).collect();
        let functions = view.functions.iter().map(|function| (function.index, function)).collect();
        Self { view, imports, functions }
    }

    /// The import that `func` is.
    pub fn import(&self, func: FuncIndex) -> Option<&'v view::ImportInfo> {
        self.imports.get(&func).copied()
    }

    /// The definition of `func`.
    pub fn function(&self, func: FuncIndex) -> Option<&'v view::Function> {
        self.functions.get(&func).copied()
    }

    /// The name of `func` as the sample gives it, demangled, escaped and cut; `module.name` for an import. A
    /// function without one may have the name of a library's function by its fingerprint, and says so.
    pub fn name(&self, func: FuncIndex) -> Option<String> {
        if let Some(import) = self.import(func) {
            return Some(clip(&import_name(&import.module, &import.name), NAME_SHOWN));
        }
        let function = self.function(func)?;
        let by_fingerprint = || Some(format!("{} by fingerprint", clip(function.library?.name, NAME_SHOWN)));
        function.called().map(|name| clip(name, NAME_SHOWN)).or_else(by_fingerprint)
    }

    /// The module of a component that a function is of, if several became one.
    pub fn module(&self, func: FuncIndex) -> Option<u32> {
        Some(self.function(func)?.origin?.module)
    }

    /// `func 42 (name)`; of a component whose modules became one `func 42 (name) of module 1`.
    pub fn func(&self, func: FuncIndex) -> String {
        let of = self.module(func).map(|module| format!(" of module {module}")).unwrap_or_default();
        match self.name(func) {
            Some(name) => format!("func {func} ({name}){of}"),
            None => format!("func {func}{of}"),
        }
    }

    /// `func 42 (name) wasm-function[42]:0x1a2b`, and `src/a.rs:12` if that is known.
    pub fn place(&self, place: Place) -> String {
        let place_of = format!("{} {}", self.func(place.function), location(place.function, place.offset));
        match self.source(place.offset) {
            Some(source) => format!("{place_of} {source}"),
            None => place_of,
        }
    }

    /// The line of an instruction, `src/a.rs:12`, and from which lines it was inlined:
    /// `src/a.rs:12 (inner) in src/b.rs:3`.
    pub fn source(&self, offset: CodeOffset) -> Option<String> {
        source(&self.view.source(offset))
    }

    /// `func 42 (name)`, or `the host`.
    pub fn caller(&self, func: Option<FuncIndex>) -> String {
        func.map_or_else(|| "the host".to_owned(), |func| self.func(func))
    }
}

/// Frames of the source, innermost first, as `src/a.rs:12 (inner) in src/b.rs:3`; `None` without a file.
pub fn source(frames: &[SourceFrame]) -> Option<String> {
    let mut text = clip(&frames.first()?.line()?, LINE_SHOWN);
    if let [inner, outer, ..] = frames {
        let name = inner.function.as_deref().unwrap_or("inlined");
        text.push_str(&format!(" ({})", clip(name, NAME_SHOWN)));
        text.extend(outer.line().map(|line| format!(" in {}", clip(&line, LINE_SHOWN))));
    }
    Some(text)
}

/// `wasm-function[42]:0x1a2b`, as every browser writes it: the offset counts from the start of the module.
pub fn location(func: FuncIndex, offset: CodeOffset) -> String {
    format!("wasm-function[{func}]:{:#x}", offset.0)
}

/// The address in Ghidra of an offset in the module.
pub fn ghidra(offset: CodeOffset) -> u64 {
    GHIDRA_BASE + u64::from(offset.0)
}
