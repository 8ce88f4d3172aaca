//! Texts and bytes: in the file, in a function, or given to host calls.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    hex,
    module::{CodeOffset, FuncIndex, Place},
    sandbox::{Arg, Pointed},
};

use super::super::{super::rule::Pattern, Evaluator, Found, Instance, quoted, sequence::show_call, shorten};

/// Bytes, or characters of hexadecimal text, that were kept of what an argument points at.
fn kept_len(arg: &Arg) -> usize {
    match &arg.points_at {
        Some(Pointed::Bytes { hex: text, .. } | Pointed::Text { text }) => text.len(),
        Some(Pointed::Resource { .. }) | None => 0,
    }
}

/// Whether the pattern is in what an argument points at.
fn is_in(pattern: &Pattern, arg: &Arg) -> bool {
    match &arg.points_at {
        Some(Pointed::Bytes { hex: digits, .. }) => {
            pattern.find(&hex::leading(digits.as_bytes())).next().is_some()
        }
        Some(Pointed::Text { text }) => pattern.find(text.as_bytes()).next().is_some(),
        Some(Pointed::Resource { .. }) | None => false,
    }
}

// What searches returns `None` when there are no steps left for it.
impl Evaluator<'_> {
    fn pay_for_search(&self, bytes: usize, pattern: &Pattern) -> Option<()> {
        self.budget.spend_search(bytes, pattern.weight()).then_some(())
    }

    pub(super) fn text(&self, pattern: &Pattern, at: &Instance) -> Option<Found> {
        let mut found = Found::default();
        self.text_in_calls(pattern, at, &mut found)?;
        if at.is_whole_file() {
            self.text_in_file(pattern, &mut found)?;
        }
        Some(found)
    }

    fn text_in_calls(&self, pattern: &Pattern, at: &Instance, found: &mut Found) -> Option<()> {
        // A text that was given again is not searched again: repeating it must not use up the steps.
        let mut known = HashMap::new();
        for call in self.calls(at) {
            let Some(of) = self.index.all_calls().get(call) else { continue };
            for (number, text) in self.index.texts_of(call) {
                let is_found = match known.entry(number) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        let paid = self.pay_for_search(text.len(), pattern);
                        self.budget.starve(paid.is_none());
                        paid?;
                        *new.insert(pattern.is_match(text.as_bytes()))
                    }
                };
                if is_found {
                    found.what.get_or_insert_with(|| format!("{} given to {}", quoted(text), of.name));
                    found.at_call(self.index.call_site(call), self.grounds([of]));
                    break;
                }
            }
        }
        Some(())
    }

    fn text_in_file(&self, pattern: &Pattern, found: &mut Found) -> Option<()> {
        for text in &self.index.facts.view.strings {
            self.pay_for_search(text.text.len(), pattern)?;
            if pattern.is_match(text.text.as_bytes()) {
                found.what.get_or_insert_with(|| format!("{} at {:#x}", quoted(&text.text), text.offset));
                found.at(None);
            }
        }
        Some(())
    }

    pub(super) fn bytes(&self, pattern: &Pattern, at: &Instance) -> Option<Found> {
        let mut found = Found::default();
        match at {
            Instance::File | Instance::RunFile => self.bytes_in_file(pattern, &mut found)?,
            Instance::Function(func) => self.bytes_in_function(pattern, *func, &mut found)?,
            _ => {}
        }
        self.bytes_in_calls(pattern, at, &mut found)?;
        Some(found)
    }

    fn bytes_in_file(&self, pattern: &Pattern, found: &mut Found) -> Option<()> {
        let wasm = self.index.facts.wasm;
        self.pay_for_search(wasm.len(), pattern)?;
        for offset in pattern.find(wasm) {
            found.what.get_or_insert_with(|| format!("at {offset:#x}"));
            found.at(None);
        }
        Some(())
    }

    fn bytes_in_function(&self, pattern: &Pattern, func: FuncIndex, found: &mut Found) -> Option<()> {
        let function = self.index.defined(func)?;
        let body = self.index.body(function);
        self.pay_for_search(body.len(), pattern)?;
        for offset in pattern.find(body) {
            let offset = CodeOffset(function.offset.0.saturating_add(offset as u32));
            found.at(Some(Place { function: func, offset }));
        }
        Some(())
    }

    fn bytes_in_calls(&self, pattern: &Pattern, at: &Instance, found: &mut Found) -> Option<()> {
        for call in self.calls(at) {
            let Some(of) = self.index.all_calls().get(call) else { continue };
            self.pay_for_search(of.args.iter().map(kept_len).sum(), pattern)?;
            if of.args.iter().any(|arg| is_in(pattern, arg)) {
                found.what.get_or_insert_with(|| shorten(&show_call(of)));
                found.at_call(self.index.call_site(call), self.grounds([of]));
            }
        }
        Some(())
    }
}
