//! Files of the run, and what was read from them and sent away again.

use super::super::{
    super::rule::{FileFeature, Pattern, ReturnedFeature},
    Evaluator, Found, Instance, quoted,
};

impl Evaluator<'_> {
    pub(super) fn file(&self, file: &FileFeature, at: &Instance) -> Option<Found> {
        if !at.is_whole_run() {
            return None;
        }
        let mut found = Found::of_run();
        for change in self.index.run().map(|run| &run.files[..]).unwrap_or_default() {
            let paths = [&*change.path, change.last_path()];
            let named =
                file.path.as_ref().is_none_or(|path| paths.iter().any(|name| path.is_match(name.as_bytes())));
            if named && file.change.is_none_or(|wanted| wanted == change.change) {
                found.what.get_or_insert_with(|| format!("{} {}", quoted(&change.path), change.change));
                found.at(None);
            }
        }
        Some(found)
    }

    pub(super) fn returned(&self, wanted: &ReturnedFeature, at: &Instance) -> Option<Found> {
        if !at.is_whole_run() {
            return None;
        }
        let mut found = Found::of_run();
        for returned in self.index.run().map_or(&[][..], |run| &run.returned) {
            let weight = wanted.text.as_ref().map_or(1, Pattern::weight);
            if !self.budget.spend_search(returned.bytes.len(), weight) {
                return None;
            }
            let is_wanted = wanted.contents.is_none_or(|contents| contents == returned.contents)
                && wanted.text.as_ref().is_none_or(|text| text.is_match(&returned.bytes));
            if is_wanted {
                let head = String::from_utf8_lossy(&returned.bytes);
                found.what.get_or_insert_with(|| format!("{} {}", returned.contents, quoted(&head)));
                found.at(None);
            }
        }
        Some(found)
    }
}
