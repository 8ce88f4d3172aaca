//! A module that asks for more than the engine runs, written anew in what it runs.
//!
//! This is done only for a module that the engine refuses and that validates with the proposals of
//! [`lowered_features`]. All others reach the engine byte for byte. What becomes of what:
//!
//! | in the sample | in the module for the engine |
//! |---|---|
//! | atomic operators, shared memories | plain operators with a check of alignment, memories of one thread |
//! | `throw`, `try`, `try_table`, … | globals and branches (`exceptions`) |
//! | a reference to an exception | a `v128` |
//! | every other operator that the engine lacks | `unreachable`: the run stops there, with the reason |
//! | tags | nothing |
//! | references to functions of any type | `funcref` |
//! | all other references | `externref` |
//! | types that are no functions | a type of functions, so that indices stay |
//! | compact import sections | one import for each |
//!
//! A module that begins threads imports functions of ours behind its own (`threads`), and so does one that
//! casts references to types of functions (`references`). In any other, indices of functions, types, tables,
//! memories, globals and segments stay what they are. No operator is added that decides, calls, grows or
//! moves much. So the engine records what it would record if it ran the sample
//! itself, and replay walks the sample's own code. Only where a run is cut short does an offset of the new
//! code come back; [`Sites`] leads it to the sample's.
//!
//! Not here: whether the sample is valid (`weight`), what a stop is called in a trace (`tracer`).

mod atomics;
mod body;
mod exceptions;
mod globals;
mod lacking;
mod nulls;
mod objects;
pub(crate) mod references;
mod refusal;
mod sections;
mod sites;
mod survey;
mod temps;
pub(crate) mod threads;
mod writer;

use std::sync::Arc;

use wasm_encoder::{Encode as _, Function, SectionId};
use wasmparser::{Parser, Payload};
use wasmspoor_hooks::recorder::bounds::Made;

use super::{Module, features::lowered_features, weight::Heavy};

pub(crate) use refusal::Refused;
use sections::Sections;
pub(crate) use sites::{Sites, Stop};

/// A module for the engine.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// In the binary format.
    pub(crate) wasm: Vec<u8>,
    /// Where its code was made from.
    pub(crate) sites: Sites,
    /// What the engine must know of its code, if there is anything.
    pub(crate) made: Option<Arc<Made>>,
    /// Its exceptions, if any are thrown.
    pub(crate) exceptions: Option<Exceptions>,
    /// Functions of ours that it imports behind the sample's own.
    pub(crate) more_imports: u32,
}

/// How exceptions are thrown in a module for the engine.
#[derive(Debug)]
pub(crate) struct Exceptions {
    /// Operators that throw: position of the defined function, and offset in the body of the sample.
    pub(crate) places: Vec<(u32, u32)>,
}

/// Writes the program of `sample` anew. Its host gives imported globals the values `given`.
///
/// # Errors
///
/// If it is not valid, or has something that nothing else can stand for.
pub(crate) fn lower(sample: &Module, given: &[u128]) -> Result<Lowered, Refused> {
    sample.validate().map_err(Refused::ParseError)?;
    write(sample, sample.core().bytes, sample.heavy(), given)
}

/// The part of a module that nothing can stand for, in words; `None` if the module is not valid to begin
/// with.
pub(crate) fn reason(refused: &Refused) -> Option<String> {
    match refused {
        Refused::ParseError(_) => None,
        refused => Some(format!("nothing can stand for {refused}")),
    }
}

fn write(sample: &Module, wasm: &[u8], heavy: &Heavy, given: &[u128]) -> Result<Lowered, Refused> {
    let payloads = || {
        let mut parser = Parser::new(0);
        parser.set_features(lowered_features());
        parser.parse_all(wasm)
    };
    let mut sections = Sections::of((sample, given), heavy, payloads())?;
    let (mut lowered, mut sites) =
        (wasm_encoder::Module::HEADER.to_vec(), Sites::of_module(sections.are_objects_missing()));
    let (mut code, mut operators) = (CodeSection::default(), Vec::new());
    for payload in payloads() {
        match payload? {
            Payload::CodeSectionStart { count, .. } => {
                sections.close_count(&mut lowered);
                code = CodeSection::begin(&mut lowered, count);
            }
            Payload::CodeSectionEntry(body) => {
                let (position, survey) = (code.position, sections.take_survey(code.position));
                let is_heavy = heavy.has(sections.function(position).0);
                let written = body::lower(&mut sections, &body, (position, &survey), is_heavy)?;
                code.function(&mut lowered, &written.function);
                sites.push(written.sites);
                operators.push(written.made);
            }
            payload => sections.section(&mut lowered, payload)?,
        }
    }
    sections.close_data(&mut lowered);
    let has_references = sections.has_references();
    let (are_thrown, more_imports) = (sections.are_thrown(), sections.more_imports());
    let pending = are_thrown.then_some(sections.globals.pending);
    let first = sample.imported_functions() + more_imports;
    let made = (are_thrown || more_imports > 0 || has_references)
        .then(|| Arc::new(Made { first, operators, pending }));
    let exceptions = are_thrown.then(|| Exceptions { places: sections.into_places() });
    Ok(Lowered { wasm: lowered, sites, made, exceptions, more_imports })
}

/// A code section being written where it is to stay: it may take all of the memory that there is for it.
#[derive(Debug, Default)]
struct CodeSection {
    /// Where its size is.
    size: usize,
    /// Bodies written, and how many there are to be.
    position: u32,
    count: u32,
}

impl CodeSection {
    fn begin(wasm: &mut Vec<u8>, count: u32) -> Self {
        wasm.push(SectionId::Code.into());
        let code = Self { size: wasm.len(), position: 0, count };
        wasm.extend_from_slice(&[0; SIZE]);
        count.encode(wasm);
        code.set_size(wasm);
        code
    }

    fn function(&mut self, wasm: &mut Vec<u8>, function: &Function) {
        function.encode(wasm);
        self.position += 1;
        if self.position == self.count {
            self.set_size(wasm);
        }
    }

    /// Says how large it is so far, in as many bytes as there are for that.
    fn set_size(&self, wasm: &mut [u8]) {
        let begin = self.size + SIZE;
        let mut size = (wasm.len() - begin) as u32;
        for (at, byte) in wasm[self.size..begin].iter_mut().enumerate() {
            let goes_on = if at + 1 < SIZE { 0x80 } else { 0 };
            *byte = size as u8 & 0x7f | goes_on;
            size >>= 7;
        }
    }
}

/// Bytes of the size of a section, at most.
const SIZE: usize = 5;

#[cfg(test)]
mod tests;
