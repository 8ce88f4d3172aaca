//! What was done to files that were there before and that nobody had named, where no rule speaks of it.
//!
//! Programs keep state and tidy up, so none of it accuses. But nobody asked for it, and so it is not CLEAN.

use super::{
    limits::{FILLED_BYTES, RENAMED, SWOLLEN_BYTES, SWOLLEN_TIMES},
    text, told,
};
use std::net::Ipv4Addr;

use crate::sandbox::{
    Answer, Call, ChangeKind, Damage, FileChange, Pointed, Run, Touch, Touched, is_passing,
};

/// Why that forbids CLEAN, if it does.
pub(super) fn lack(run: &Run) -> Option<String> {
    gone(&run.damage)
        .or_else(|| moved(run))
        .or_else(|| filled(run))
        .or_else(|| swollen(run))
        .or_else(|| dated(run))
        .or_else(|| addressed(run))
}

/// Whether it matters what became of a file. Logs, caches and locks come and go, but are not encrypted.
pub(super) fn matters(damage: &Damage) -> bool {
    damage.is_users || damage.is_garbled || !is_passing(&damage.path)
}

/// A file of which next to nothing is left.
fn gone(damage: &[Damage]) -> Option<String> {
    let file = damage.iter().find(|one| matters(one) && one.is_destroyed())?;
    let (path, left) = (text::quoted(&file.path), text::percent(file.survives));
    Some(format!("of {path}, which nobody had named, {left} is left as it was"))
}

fn moved(run: &Run) -> Option<String> {
    let is_told = |one: &&Touched| match one.touch {
        Touch::Renamed => run.touched.iter().filter(|one| one.touch == Touch::Renamed).count() >= RENAMED,
        _ => true,
    };
    let one = run.touched.iter().find(is_told)?;
    let (path, to) = (text::quoted(&one.path), text::quoted(&one.to));
    let what = match one.touch {
        Touch::Rewritten => format!("it wrote over {path}"),
        Touch::Hidden if one.to.is_empty() => format!("what is left of {path} is hidden"),
        Touch::Hidden => format!("it hid {path} as {to}"),
        Touch::Renamed => format!("it gave files names that say nothing of them, such as {to} to {path}"),
        Touch::Linked => format!("{to} leads to {path} now"),
        Touch::Copied => format!("what is in {path} stands in the folder {to} now"),
        Touch::Crowded(count) => format!("it made {} beside {path}", text::plural(count as u64, "file")),
        Touch::Named => format!("{to}, which nobody knows, was handed {path}"),
    };
    Some(format!("{what}, which nobody had asked for"))
}

/// Files that were written until there was no room for more.
fn filled(run: &Run) -> Option<String> {
    let is_full = |errno: &str| matches!(errno, "nospc" | "dquot");
    let call = run.calls.iter().find(|call| call.errno.as_deref().is_some_and(is_full))?;
    let is_own = |file: &&FileChange| file.change != ChangeKind::Deleted && !file.left.is_asked;
    let sizes = run.files.iter().filter(is_own).filter_map(|file| file.size_after);
    let bytes = sizes.fold(0, u64::saturating_add);
    let name = text::quoted(&call.name);
    let bytes_told = text::grouped(bytes);
    (bytes >= FILLED_BYTES)
        .then(|| format!("it wrote {bytes_told} bytes, until {name} said that there is no room"))
}

/// A file of the user that is many times as large now.
fn swollen(run: &Run) -> Option<String> {
    let is_one = |file: &&FileChange| {
        let (Some(before), Some(after)) = (file.size_before, file.size_after) else { return false };
        let grown = after.saturating_sub(before);
        grown >= SWOLLEN_BYTES && grown / SWOLLEN_TIMES >= before && told::is_private(run, file.last_path())
    };
    let file = run.files.iter().filter(|file| !is_passing(file.last_path())).find(is_one)?;
    let (path, bytes) = (text::quoted(file.last_path()), text::grouped(file.size_after?));
    Some(format!("it made {path}, which nobody had named, {bytes} bytes long"))
}

/// A file of the user that was there before and has another date now.
fn dated(run: &Run) -> Option<String> {
    let sets = |call: &&Call| call.name.ends_with("path_filestat_set_times") && call.errno.is_none();
    let args = run.calls.iter().filter(sets).flat_map(|call| &call.args);
    let paths = args.filter_map(|arg| arg.points_at.as_ref()?.kept_text());
    let path = paths.map(|path| told::absolute(&path)).find(|path| told::is_private(run, path))?;
    Some(format!("it changed the date of {}, which nobody had named", text::quoted(&path)))
}

/// An address without a name that a function was handed that nobody knows: it may fetch what is there.
fn addressed(run: &Run) -> Option<String> {
    run.calls.iter().filter(|call| call.answer == Answer::Default).find_map(|call| {
        let texts = call.args.iter().filter_map(|arg| arg.points_at.as_ref().and_then(Pointed::kept_text));
        let address = texts.into_iter().find(|text| is_address(text))?;
        let (name, address) = (text::quoted(&call.name), text::quoted(&address));
        Some(format!("{name}, which nobody knows, was handed the address {address}"))
    })
}

/// Whether a text is an address on the network with a number in the place of a name.
fn is_address(text: &str) -> bool {
    let Some((scheme, rest)) = text.trim().split_once("://") else { return false };
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let is_far = |address: Ipv4Addr| !address.is_loopback() && !address.is_unspecified();
    is_scheme && host.parse().is_ok_and(is_far)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_number_that_is_far() {
        for text in ["http://203.0.113.9/p.bin", "tcp://203.0.113.9:4444", "https://u@203.0.113.9?x"] {
            assert!(is_address(text), "{text}");
        }
        for text in
            ["http://127.0.0.1:8080/", "http://example.com/", "see http://203.0.113.9/", "203.0.113.9"]
        {
            assert!(!is_address(text), "{text}");
        }
    }
}
