//! Stretches of code, with what another build numbers anew left open. What several modules of a component
//! became stands in no file, so there are none of it.

use std::collections::BTreeSet;

use wasmparser::{BinaryReader, FunctionBody};

use super::Candidate;
use crate::{
    module::{FuncIndex, Module},
    rules::limits::{LEAST_CODE, LEAST_OPERATORS, LONGEST_CODE, SUGGESTIONS},
};

/// Bytes in a row that must be given, for the engine to look for: without them it tries every place.
const ATOM: usize = 4;

pub(super) fn candidates(module: &Module) -> Vec<Candidate> {
    let mut all = Vec::new();
    for func in module.defined() {
        // What cannot be decoded is left out.
        let _ = stretches(module, func, &mut all);
        if all.len() >= 4 * SUGGESTIONS {
            all = super::best(all);
        }
    }
    super::best(all)
}

/// Cuts a function into stretches, one after the other.
fn stretches(module: &Module, func: FuncIndex, all: &mut Vec<Candidate>) -> Option<()> {
    let range = module.body(func)?;
    let bytes = module.bytes().get(range.start as usize..range.end as usize)?;
    let body = FunctionBody::new(BinaryReader::new(bytes, u64::from(range.start)));
    let mut reader = body.get_operators_reader().ok()?;
    let (mut pattern, mut operators): (Vec<Option<u8>>, Vec<u8>) = Default::default();
    let mut start = range.start;
    while !reader.eof() {
        let at = reader.original_position();
        reader.read().ok()?;
        let operator = module.bytes().get(at as usize..reader.original_position() as usize)?;
        if pattern.len() + operator.len() > LONGEST_CODE {
            all.extend(candidate(&pattern, &operators, func, start));
            pattern.clear();
            operators.clear();
        }
        if pattern.is_empty() {
            start = at as u32;
        }
        if operator.len() > LONGEST_CODE {
            continue;
        }
        operators.extend(operator.first());
        open(operator, &mut pattern);
    }
    all.extend(candidate(&pattern, &operators, func, start));
    Some(())
}

/// Adds an operator, with what changes from build to build as `None`.
fn open(operator: &[u8], pattern: &mut Vec<Option<u8>>) {
    let Some((&opcode, immediates)) = operator.split_first() else { return };
    let kept = match opcode {
        // Calls, functions, globals, tables: their numbers.
        0x10..=0x15 | 0x23..=0x26 | 0xd2 => 0,
        // Memory: the alignment, and a small offset, which is one into a structure.
        0x28..=0x3e if immediates.len() == 2 => 2,
        0x28..=0x3e => 1,
        // A number that may be an address has two to four bytes.
        0x41 if matches!(immediates.len(), 2..=4) => 0,
        // Bulk memory and tables: which one, not what is done.
        0xfc => 1,
        _ => immediates.len(),
    };
    pattern.push(Some(opcode));
    pattern.extend(immediates.iter().enumerate().map(|(at, &byte)| (at < kept).then_some(byte)));
}

fn candidate(pattern: &[Option<u8>], operators: &[u8], func: FuncIndex, start: u32) -> Option<Candidate> {
    // What is open at its ends finds nothing.
    let first = pattern.iter().position(Option::is_some)?;
    let last = pattern.iter().rposition(Option::is_some)?;
    let pattern = pattern.get(first..=last)?;
    let fixed = pattern.iter().flatten().count();
    let distinct = operators.iter().collect::<BTreeSet<_>>().len();
    let has_atom = pattern.windows(ATOM).any(|bytes| bytes.iter().all(Option::is_some));
    if fixed < LEAST_CODE || distinct < LEAST_OPERATORS || !has_atom {
        return None;
    }
    let byte = |byte: &Option<u8>| byte.map_or_else(|| "??".to_owned(), |byte| format!("{byte:02X}"));
    let bytes: Vec<String> = pattern.iter().map(byte).collect();
    Some(Candidate {
        string: format!("{{ {} }}", bytes.join(" ")),
        comment: format!("function {} at {start:#x}", func.0),
        fixed,
        score: fixed + 2 * distinct,
        function: Some(func.0),
    })
}
