//! Functions and instructions of a trace as the command line shows them: with names and lines of the sample,
//! or of a file beside it.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use wasmspoor::{
    module::{CodeOffset, FuncIndex, Place, SourceFrame, demangled, view::Symbols},
    report,
    sandbox::Entry,
    text::{import_name, line},
    trace::{Callee, FuncKey, Trace},
};

use super::{Exit, Failure, names};

/// Names and lines of a trace.
#[derive(Debug)]
pub(super) struct Places<'t> {
    pub(super) trace: &'t Trace,
    /// By a file beside the sample.
    names: HashMap<FuncIndex, Box<str>>,
    symbols: Symbols,
    /// The lines that were asked for: a loop asks for the same again and again.
    known: RefCell<HashMap<CodeOffset, Rc<[SourceFrame]>>>,
    /// What is said of an instruction whose line is not known.
    nowhere: Rc<[SourceFrame]>,
    /// How the last entry point of the run ended, if that is known.
    pub(super) ended: Option<Box<Entry>>,
}

impl<'t> Places<'t> {
    /// With the names of the sample, and these of a file beside it.
    pub(super) fn new(trace: &'t Trace, symbols: Symbols) -> Self {
        let names = symbols.names().iter().map(|(func, name)| (*func, name.clone())).collect();
        Self { trace, names, symbols, known: RefCell::default(), nowhere: [].into(), ended: None }
    }

    /// Where an instruction comes from in the source, the innermost inlined call first; empty if that is not
    /// known.
    pub(super) fn frames(&self, offset: CodeOffset) -> Rc<[SourceFrame]> {
        let Some(lines) = self.symbols.lines() else { return Rc::clone(&self.nowhere) };
        let mut known = self.known.borrow_mut();
        Rc::clone(known.entry(offset).or_insert_with(|| lines.frames(offset).into()))
    }

    /// The line of an instruction behind two blanks, or nothing.
    pub(super) fn source(&self, offset: CodeOffset) -> String {
        report::source(&self.frames(offset)).map(|source| format!("  {source}")).unwrap_or_default()
    }

    /// How the run ended: `: _start trapped: unreachable, at wasm-function[3]:0x41`, or nothing.
    pub(super) fn ended(&self) -> String {
        let Some(entry) = &self.ended else { return String::new() };
        let place = |site: Place| format!(", at {site}{}", self.source(site.offset));
        let site = entry.site.map(place).unwrap_or_default();
        format!(": {}{site}", line(&format!("{} {}", entry.name, entry.end)))
    }

    /// The name of a function: of the file beside the sample, the name section, or an export.
    pub(super) fn name(&self, func: FuncIndex) -> Option<&str> {
        if let Some(name) = self.names.get(&func) {
            return Some(name);
        }
        let module = self.trace.modules.first()?;
        module.name(func).or_else(|| {
            let export = module.exports().iter().find(|export| export.func == Some(func))?;
            Some(&*export.name)
        })
    }

    /// A function of the sample: `wasm-function[3] name`.
    pub(super) fn function(&self, func: FuncIndex) -> String {
        match self.name(func) {
            Some(name) => {
                let demangled = demangled(name);
                format!("wasm-function[{func}] {}", line(demangled.as_deref().unwrap_or(name)))
            }
            None => format!("wasm-function[{func}]"),
        }
    }

    /// A function by its key: that of the sample, or `module.name` of the host.
    pub(super) fn callee(&self, key: FuncKey) -> String {
        match self.trace.resolve(key) {
            Some(Callee::Defined(_, func)) => self.function(func),
            Some(Callee::Host(host)) => line(&import_name(&host.module, &host.name)),
            None => "an unknown function".into(),
        }
    }

    /// The function with code that is meant by its index or one of its names.
    pub(super) fn defined(&self, given: &str) -> Result<FuncIndex, Failure> {
        let is_it = |name: &str| name == given || demangled(name).as_deref() == Some(given);
        let mut named = self.names.iter().filter(|(_, name)| is_it(name));
        let index = match (named.next(), named.next()) {
            (Some((func, _)), None) => func.to_string(),
            _ => given.to_owned(),
        };
        match self.trace.modules.first() {
            Some(module) => names::defined(module, &index),
            None => Err(Failure::new(Exit::NotExecutable, anyhow::anyhow!("nothing ran"))),
        }
    }
}
