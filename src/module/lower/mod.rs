//! A module that asks for more than the engine runs, written anew in what it runs.
//!
//! Done only for a module that the engine refuses and that validates with the proposals of
//! [`lowered_features`]; all others reach the engine byte for byte. What becomes of what:
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
//! Indices of functions, types, tables, memories, globals and segments stay what they are. No operator is
//! added that decides, calls, grows or moves much, so the engine records what it would record if it ran the
//! sample itself: replay walks the sample's own code. Only where a run is cut short does an offset of the new
//! code come back; [`Sites`] leads it to the sample's.
//!
//! Not here: whether the sample is valid (`weight`), what a stop is called in a trace (`tracer`).

mod atomics;
mod body;
mod exceptions;
mod globals;
mod lacking;
mod nulls;
mod refusal;
mod sections;
mod sites;
mod survey;
mod writer;

use std::sync::Arc;

use wasm_encoder::CodeSection;
use wasmparser::{Parser, Payload};
use wasmspoor_hooks::recorder::bounds::Made;

use super::{Module, features::lowered_features, weight::Heavy};

use refusal::Refused;
use sections::Sections;
pub(crate) use sites::{Sites, Stop};

/// A module for the engine.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// In the binary format.
    pub(crate) wasm: Vec<u8>,
    /// Where its code was made from.
    pub(crate) sites: Sites,
    /// Its exceptions, if any are thrown.
    pub(crate) exceptions: Option<Exceptions>,
}

/// How exceptions are thrown in a module for the engine.
#[derive(Debug)]
pub(crate) struct Exceptions {
    /// What the engine must know of its code.
    pub(crate) made: Arc<Made>,
    /// Operators that throw: position of the defined function, and offset in the body of the sample.
    pub(crate) places: Vec<(u32, u32)>,
}

/// Writes the program of `sample` anew; `None` if it is not valid, or has something that nothing else can
/// stand for.
pub(crate) fn lower(sample: &Module, heavy: &Heavy) -> Option<Lowered> {
    let wasm = sample.core().bytes;
    heavy.validate(wasm, lowered_features()).ok()?;
    write(sample, wasm, heavy).ok()
}

fn write(sample: &Module, wasm: &[u8], heavy: &Heavy) -> Result<Lowered, Refused> {
    let payloads = || {
        let mut parser = Parser::new(0);
        parser.set_features(lowered_features());
        parser.parse_all(wasm)
    };
    let mut sections = Sections::of(sample, heavy, payloads())?;
    let (mut module, mut code, mut sites) =
        (wasm_encoder::Module::new(), CodeSection::new(), Sites::default());
    let (mut bodies, mut operators) = (0, Vec::new());
    for payload in payloads() {
        match payload? {
            Payload::CodeSectionStart { count, .. } => {
                sections.close_globals(&mut module);
                bodies = count;
                if count == 0 {
                    module.section(&code);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let (position, survey) = (code.len(), sections.take_survey(code.len()));
                let is_heavy = heavy.has(sections.function(position).0);
                let written = body::lower(&mut sections, &body, (position, &survey), is_heavy)?;
                code.function(&written.function);
                sites.push(written.sites);
                operators.push(written.made);
                if code.len() == bodies {
                    module.section(&code);
                }
            }
            payload => sections.section(&mut module, payload)?,
        }
    }
    let pending = sections.globals.pending;
    let exceptions = sections.are_thrown().then(|| Exceptions {
        made: Arc::new(Made { first: sample.imported_functions(), operators, pending }),
        places: sections.into_places(),
    });
    Ok(Lowered { wasm: module.finish(), sites, exceptions })
}

#[cfg(test)]
mod tests;
