//! The table of places whose files are run without being asked for: `rules/places.toml`.
//!
//! All paths are one set of expressions: one pass over a path says which kinds of places it is.

use super::limits::PATHS_COMPILED;
use std::sync::LazyLock;

use regex::{
    bytes::{RegexSet, RegexSetBuilder},
    escape,
};
use serde::Deserialize;

/// The table as `build.rs` read it.
const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/places.json"));

/// A kind of places.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// By which rules ask for it.
    pub(super) name: String,
    /// The technique of ATT&CK that uses it.
    pub(super) technique: String,
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    place: Vec<Place>,
}

/// The kinds, in the order of the table.
pub(super) static PLACES: LazyLock<Vec<Place>> =
    LazyLock::new(|| serde_json::from_str::<Table>(TEXT).expect("rules/places.toml is tested").place);

/// The expressions of all of them, and of which kind each is.
static PATHS: LazyLock<(RegexSet, Vec<usize>)> = LazyLock::new(|| {
    let each = PLACES.iter().enumerate();
    let (kinds, paths): (Vec<usize>, Vec<String>) =
        each.flat_map(|(kind, place)| place.paths.iter().map(move |path| (kind, expression(path)))).unzip();
    let set =
        RegexSetBuilder::new(paths).case_insensitive(true).unicode(false).size_limit(PATHS_COMPILED).build();
    (set.expect("rules/places.toml is tested"), kinds)
});

/// Whether a path is a place of a kind, by the kind's position in the table.
pub(super) fn is_at(kind: usize, path: &str) -> bool {
    let (set, kinds) = &*PATHS;
    set.matches(path.as_bytes()).iter().any(|hit| kinds.get(hit) == Some(&kind))
}

/// A path with `~`, `*`, `**` and `?` as an expression.
fn expression(path: &str) -> String {
    let mut out = String::from("^");
    let mut rest = match path.strip_prefix('~') {
        Some(rest) => {
            out.push_str("(/.*)?");
            rest
        }
        None => path,
    };
    while let Some(first) = rest.chars().next() {
        let (text, len) = match first {
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            other => (escape(&other.to_string()), other.len_utf8()),
        };
        out.push_str(&text);
        rest = &rest[len..];
    }
    out + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(path: &str) -> Vec<&'static str> {
        (0..PLACES.len()).filter(|&kind| is_at(kind, path)).map(|kind| &*PLACES[kind].name).collect()
    }

    #[test]
    fn places_are_found_on_all_systems() {
        for (path, expected) in [
            ("/home/user/.bashrc", "shell start"),
            ("/root/.profile", "shell start"),
            ("/etc/cron.daily/x", "cron"),
            ("/home/user/.config/systemd/user/a.service", "systemd unit"),
            ("/etc/rc3.d/S99x", "boot script"),
            ("/Users/u/Library/LaunchAgents/a.plist", "launch agent"),
            (
                "/c/users/u/appdata/roaming/microsoft/windows/start menu/programs/startup/a.cmd",
                "windows startup",
            ),
            ("/home/user/p/.git/hooks/post-checkout", "git hook"),
            ("/usr/lib/python3/dist-packages/a.pth", "interpreter start"),
            ("/home/user/.vim/plugin/a.vim", "editor start"),
            ("/etc/sudoers.d/a", "rights"),
        ] {
            assert_eq!(kinds(path), [expected], "{path}");
        }
        for path in [
            "/home/user/documents/report.txt",
            "/tmp/bashrc",
            "/home/user/.bashrc.swp",
            "/etc/hosts",
            "/etc/cron.daily",
        ] {
            assert_eq!(kinds(path), [""; 0], "{path}");
        }
    }

    #[test]
    fn kinds_have_one_name_each_and_paths() {
        let mut names: Vec<_> = PLACES.iter().map(|place| &place.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), PLACES.len());
        assert!(PLACES.iter().all(|place| !place.paths.is_empty() && place.technique.starts_with('T')));
    }
}
