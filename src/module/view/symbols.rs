//! Names and lines that an analyst has beside a sample: the module as it was before it was stripped, a file
//! of its debug information, or a source map.

use std::sync::Arc;

use super::{
    CODE, View,
    contents::Contents,
    debug_information, dwarf,
    limits::DEMANGLED,
    section::{Anomalies, Frames},
};
use crate::module::{Dwarf, FuncIndex, Module, demangled, names::Names};

/// Names and lines from a file of their own.
#[derive(Debug, Default)]
pub struct Symbols {
    names: Vec<(FuncIndex, Box<str>)>,
    lines: Option<Arc<Dwarf>>,
}

/// Why a file has none for a sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolsError {
    /// It is a module with other functions.
    #[error("it is of another module: it has {theirs} functions, the sample has {ours}")]
    OtherModule {
        /// Functions in it.
        theirs: u32,
        /// Functions of the sample.
        ours: u32,
    },
    /// It is a module that names nothing and has no lines.
    #[error("it has neither a name section nor debug information")]
    Nothing,
    /// It is no module, and no source map either.
    #[error("it is neither a module nor a source map: {0}")]
    Unknown(String),
}

impl Symbols {
    /// Reads what `file` has for the sample that `view` is of. The file is a module or a source map.
    ///
    /// # Errors
    ///
    /// If it has nothing for this sample.
    pub fn read(file: &[u8], view: &View) -> Result<Self, SymbolsError> {
        let code = view.sections.iter().find(|section| !section.is_custom && section.name == "code");
        Self::beside(file, view.total_functions(), code.map_or(0, |section| section.offset))
    }

    /// The same, for the sample that was parsed as `module`.
    ///
    /// # Errors
    ///
    /// If it has nothing for this sample.
    pub fn read_for(file: &[u8], module: &Module) -> Result<Self, SymbolsError> {
        let frames = program(module);
        let code = frames.frames.iter().find(|frame| frame.id == CODE);
        Self::beside(file, module.functions(), code.map_or(0, |frame| frame.offset))
    }

    /// The lines that a module has itself. Its names it knows.
    pub fn own(module: &Module) -> Self {
        Self { names: Vec::new(), lines: dwarf(&program(module).frames) }
    }

    /// Reads what `file` has for a sample of so many functions, the contents of whose code begin at `code`.
    fn beside(file: &[u8], ours: u32, code: u64) -> Result<Self, SymbolsError> {
        if !file.starts_with(b"\0asm") {
            let lines = Dwarf::of_source_map(file).map_err(SymbolsError::Unknown)?;
            return Ok(Self { names: Vec::new(), lines: Some(lines) });
        }
        let frames = Frames::read(file, 0, &mut Anomalies::default()).frames;
        let contents = Contents::read(&frames, &mut Anomalies::default());
        let theirs = contents.functions();
        // A file of debug information alone has no functions.
        if theirs != 0 && theirs != ours {
            return Err(SymbolsError::OtherModule { theirs, ours });
        }
        let names = Names::read(file, contents.names.clone());
        let named = |func| Some((FuncIndex(func), names.get(file, FuncIndex(func))?.into()));
        let names: Vec<_> = (0..ours).filter_map(named).collect();
        // Its addresses count from the contents of the code section, wherever that lies.
        let lines = u32::try_from(code).ok().and_then(|code| debug_information(&frames, code));
        match names.is_empty() && lines.is_none() {
            true => Err(SymbolsError::Nothing),
            false => Ok(Self { names, lines }),
        }
    }

    /// The functions that it names, each with its name.
    pub fn names(&self) -> &[(FuncIndex, Box<str>)] {
        &self.names
    }

    /// The lines of its code, if it has any.
    pub fn lines(&self) -> Option<&Dwarf> {
        self.lines.as_deref()
    }
}

/// The sections of a module, or of the program of a component.
fn program(module: &Module) -> Frames<'_> {
    let core = module.core();
    Frames::read(core.bytes, core.offset, &mut Anomalies::default())
}

impl View {
    /// Takes names and lines in place of the sample's own. Nothing else of it changes.
    pub fn take_symbols(&mut self, symbols: &Symbols) {
        let mut room = DEMANGLED;
        for (func, name) in &symbols.names {
            let position = func.0.checked_sub(self.imported_functions).map(|position| position as usize);
            let Some(function) = position.and_then(|position| self.functions.get_mut(position)) else {
                continue;
            };
            function.demangled = demangled(name).map(String::into_boxed_str).filter(|name| {
                room = room.saturating_sub(name.len());
                room > 0
            });
            function.name = Some(name.clone());
        }
        if let Some(lines) = &symbols.lines {
            self.dwarf = Some(Arc::clone(lines));
        }
    }
}
