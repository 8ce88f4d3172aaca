//! What an export could give back, and did not: a command whose address stands in its code.
//!
//! What exports returned is looked at in the run (`sandbox::returned`). One that gives one text for another
//! argument, at another time, has the address of each in its code.
//!
//! Costs one walk over the code of the exported functions that return a number.

use std::collections::HashSet;

use wasmparser::Operator;

use super::{
    limits::{CARRIED, LINE},
    operators::for_each_operator,
    seen::Code,
    text,
};
use crate::{
    module::{FuncIndex, view},
    rules::Facts,
    sandbox::{Contents, Returned},
};

/// Why what exports could give back forbids CLEAN, if it does.
pub(super) fn lack(code: &Code<'_>) -> Option<String> {
    let facts: &Facts<'_> = code.facts;
    let module = code.module()?;
    let (mut walked, mut looked) = (HashSet::new(), HashSet::new());
    for export in facts.view.exports.iter().filter(|export| export.kind == view::ExternKind::Function) {
        let func = FuncIndex(export.index);
        let gives = |function: &view::Function| function.ty.contains("result i32");
        if !facts.view.function(func).is_some_and(gives) {
            continue;
        }
        if !walked.insert(func) {
            continue;
        }
        let mut found = None;
        for_each_operator(module, func, |_, operator| {
            if let Operator::I32Const { value } = *operator
                && found.is_none()
                && looked.len() < CARRIED
                && looked.insert(value)
            {
                found = command_at(facts, u64::from(value as u32));
            }
        });
        if let Some(command) = found {
            let (name, command) = (text::quoted(&export.name), text::quoted(&command));
            return Some(format!("the export {name} can give back a command: {command}"));
        }
    }
    None
}

/// The command that lies at an address before anything runs, if one does.
fn command_at(facts: &Facts<'_>, address: u64) -> Option<String> {
    let segment = facts.view.data.iter().find_map(|segment| {
        let at = address.checked_sub(segment.address?).filter(|at| *at < segment.size)?;
        let start = usize::try_from(segment.offset.checked_add(at)?).ok()?;
        let len = usize::try_from(segment.size - at).ok()?.min(LINE);
        facts.wasm.get(start..start.checked_add(len)?)
    })?;
    let line = segment.split(|byte| *byte == 0).next()?;
    let returned = Returned::of(line.to_vec()).filter(|found| found.contents == Contents::Command)?;
    String::from_utf8(returned.bytes).ok()
}
