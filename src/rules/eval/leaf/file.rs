//! Files of the run, and what was read from them and sent away again.

use crate::sandbox::{ChangeKind, ChangedKind, FileChange};

use super::super::{
    super::{
        places,
        rule::{FileFeature, Pattern, ReturnedFeature},
    },
    Evaluator, Found, Instance, quoted,
};

/// Whether a change is one that is asked for, by all but the text in it.
fn is_one(file: &FileFeature, change: &FileChange) -> bool {
    let paths = [&*change.path, change.last_path()];
    let is_named = |path: &Pattern| paths.iter().any(|name| path.is_match(name.as_bytes()));
    file.path.as_ref().is_none_or(is_named)
        && file.change.is_none_or(|wanted| wanted == change.change)
        && file.contents.is_none_or(|wanted| change.left.holds == Some(wanted))
        && file.asked().is_none_or(|wanted| wanted == change.left.is_asked)
        && file.place.is_none_or(|place| is_put(change) && places::is_at(place, change.last_path()))
}

/// Whether the run put something there, be it for a time. A deleted file does not count, nor does a copy for
/// safety.
fn is_put(change: &FileChange) -> bool {
    let was_there = change.size_before.is_some();
    let is_there = match change.change {
        ChangeKind::Created | ChangeKind::Renamed => true,
        ChangeKind::Changed => change.sha256 != change.sha256_before,
        ChangeKind::Deleted => !was_there && !change.contents.is_empty(),
    };
    is_there && change.kind() != ChangedKind::Directory && !change.left.is_same
}

impl Evaluator<'_> {
    pub(super) fn file(&self, file: &FileFeature, at: &Instance) -> Option<Found> {
        if !at.is_whole_run() {
            return None;
        }
        let mut found = Found::of_run();
        for change in self.index.run().map(|run| &run.files[..]).unwrap_or_default() {
            if is_one(file, change) && self.has_text(file, change)? {
                let path = if file.place.is_some() { change.last_path() } else { &change.path };
                found.what.get_or_insert_with(|| format!("{} {}", quoted(path), change.change));
                found.at(None);
            }
        }
        Some(found)
    }

    /// Whether the wanted text stands in a file, as far as it is looked at. `None` if that takes too much.
    fn has_text(&self, file: &FileFeature, change: &FileChange) -> Option<bool> {
        let Some(text) = &file.text else { return Some(true) };
        let head = change.head();
        self.budget.spend_search(head.len(), text.weight()).then(|| text.is_match(head))
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
