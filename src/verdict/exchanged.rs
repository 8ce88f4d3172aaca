//! Files of the user that have each other's names: nothing is lost, and nothing is where it was.
//!
//! A program that rotates files gives each the name of the next, and the last one goes. Here every file takes
//! the name of another, in a circle, and none goes.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::text;
use crate::sandbox::{ChangeKind, FileChange, Run, is_users, is_within};

/// Why that forbids CLEAN, if it does.
pub(super) fn lack(run: &Run) -> Option<String> {
    let is_one = |file: &&FileChange| {
        let is_asked = |path: &str| run.asked.iter().any(|arg| is_within(arg, path));
        file.change == ChangeKind::Renamed && is_users(&file.path) && !is_asked(&file.path)
    };
    let moved: BTreeMap<_, _> =
        run.files.iter().filter(is_one).map(|file| (&*file.path, file.last_path())).collect();
    let path = in_circle(&moved)?;
    let to = moved.get(path)?;
    Some(format!(
        "files that nobody had named have each other's names: {} is {} now",
        text::quoted(path),
        text::quoted(to)
    ))
}

/// A name from which the way leads back to it. The search visits each name once, so its time is linear.
fn in_circle<'n>(moved: &BTreeMap<&'n str, &'n str>) -> Option<&'n str> {
    // By the way that came to it first.
    let mut ways = HashMap::new();
    for (way, &from) in moved.keys().enumerate() {
        let mut at = from;
        while let Some(&next) = moved.get(at) {
            match ways.entry(at) {
                Entry::Occupied(before) if *before.get() == way => return Some(at),
                Entry::Occupied(_) => break,
                Entry::Vacant(free) => free.insert(way),
            };
            at = next;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_and_rows_are_none() {
        let names =
            |pairs: &[(&'static str, &'static str)]| pairs.iter().copied().collect::<BTreeMap<_, _>>();
        assert_eq!(in_circle(&names(&[("a", "b"), ("b", "c"), ("c", "d")])), None);
        assert_eq!(in_circle(&names(&[("a", "c"), ("b", "c"), ("c", "d")])), None);
        assert_eq!(in_circle(&names(&[("a", "b"), ("b", "c"), ("c", "b")])), Some("b"));
        assert_eq!(in_circle(&names(&[("a", "b"), ("b", "a")])), Some("a"));
    }

    /// A row of as many names as a run may change: each is come to once, or this would not end.
    #[test]
    fn a_long_row_takes_a_step_for_each_name() {
        let names: Vec<String> = (0..1 << 18).map(|number| format!("{number:06}")).collect();
        let row = names.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect();
        assert_eq!(in_circle(&row), None);
    }
}
