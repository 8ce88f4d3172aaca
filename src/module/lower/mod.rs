//! A module that asks for more than the engine runs, written anew in what it runs.
//!
//! Done only for a module that the engine refuses and that validates with the proposals of
//! [`lowered_features`]; all others reach the engine byte for byte. What becomes of what:
//!
//! | in the sample | in the module for the engine |
//! |---|---|
//! | atomic operators, shared memories | plain operators with a check of alignment, memories of one thread |
//! | `try`, `try_table` | a `block`; handlers are dead, as nothing can be thrown |
//! | `throw` and every other operator that the engine lacks | `unreachable`: the run stops there, with the reason |
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
mod lacking;
mod sections;
mod sites;
mod writer;

use wasm_encoder::CodeSection;
use wasmparser::{Parser, Payload};

use super::{features::lowered_features, weight::Heavy};

use sections::{Refused, Sections};
pub(crate) use sites::{Sites, Stop};

/// A module for the engine.
#[derive(Debug)]
pub(crate) struct Lowered {
    /// In the binary format.
    pub(crate) wasm: Vec<u8>,
    /// Where its code was made from.
    pub(crate) sites: Sites,
}

/// Writes `wasm` anew; `None` if it is not valid, or has something that nothing else can stand for.
pub(crate) fn lower(wasm: &[u8], heavy: &Heavy) -> Option<Lowered> {
    heavy.validate(wasm, lowered_features()).ok()?;
    write(wasm, heavy).ok()
}

fn write(wasm: &[u8], heavy: &Heavy) -> Result<Lowered, Refused> {
    let payloads = || {
        let mut parser = Parser::new(0);
        parser.set_features(lowered_features());
        parser.parse_all(wasm)
    };
    let mut sections = Sections::of(payloads())?;
    let (mut module, mut code, mut sites) =
        (wasm_encoder::Module::new(), CodeSection::new(), Sites::default());
    let mut bodies = 0;
    for payload in payloads() {
        match payload? {
            Payload::CodeSectionStart { count, .. } => {
                bodies = count;
                if count == 0 {
                    module.section(&code);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let (index, params) = sections.function(code.len());
                let (function, found) = body::lower(&mut sections, &body, params, heavy.has(index))?;
                code.function(&function);
                sites.push(found);
                if code.len() == bodies {
                    module.section(&code);
                }
            }
            payload => sections.section(&mut module, payload)?,
        }
    }
    Ok(Lowered { wasm: module.finish(), sites })
}

#[cfg(test)]
mod tests;
