//! Metrics of what the sample asked of the host.

use crate::categories::known_as;
use crate::sandbox::{
    self, Call, ChangeKind, Damage, FileChange, Harm, Leak, LeakPlace, Pointed, Run, TokenUse, is_compressed,
    is_named,
};

use super::{Index, Subject, run::measured, share};
use crate::rules::derived::is_console;

/// Calls that read a clock.
const CLOCKS: &[&str] = &[
    "clock_time_get",
    "clock_res_get",
    "emscripten_get_now",
    "_emscripten_get_now",
    "emscripten_date_now",
    "_emscripten_date_now",
    "_ftime",
    "_time",
    "time",
    "_clock",
    "_clock_gettime",
    "clock_gettime",
    "_gettimeofday",
    "gettimeofday",
    "performance.now",
    "Date.now",
    "runtime.nanotime1",
    "runtime.walltime",
];
/// Calls that ask for random bytes.
const RANDOM: &[&str] =
    &["random_get", "getentropy", "_getentropy", "Math.random", "getRandomValues", "runtime.getRandomData"];
/// Calls that write.
const WRITES: &[&str] = &["fd_write", "fd_pwrite"];
/// Bytes below which entropy says little.
const LEAST: u64 = 64;

fn of_run(subject: Subject<'_>, value: impl FnOnce() -> f64) -> Option<f64> {
    matches!(subject, Subject::Run).then(value)
}

pub(super) fn host_calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    match subject {
        Subject::RunFunction(function) => Some(function.host_calls as f64),
        Subject::Loop(of) => Some(of.host_calls as f64),
        _ => measured(index, subject).map(|metrics| total(metrics) as f64),
    }
}

fn total(metrics: &crate::passes::Metrics) -> u64 {
    metrics.host_calls.values().copied().fold(0, u64::saturating_add)
}

pub(super) fn host_calls_per_million(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    measured(index, subject).map(|metrics| share(total(metrics), metrics.classes.total) * 1e6)
}

pub(super) fn host_functions(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    measured(index, subject).map(|metrics| metrics.host_calls.len() as f64)
}

pub(super) fn fabricated_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let calls = index.all_calls();
    of_run(subject, || share(calls.iter().filter(|call| call.fabricated).count() as u64, calls.len() as u64))
}

/// Calls of the named functions, those beyond what was kept too.
fn named(index: &Index<'_>, names: &[&str]) -> u64 {
    let is = |module: &str, name: &str| {
        let bare =
            |full: &str| full.strip_prefix(module).and_then(|rest| rest.strip_prefix('.')) == Some(name);
        names.iter().any(|&of| of == name || bare(of))
    };
    index.count_calls(is)
}

pub(super) fn clock_reads(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || named(index, CLOCKS) as f64)
}

pub(super) fn random_reads(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || named(index, RANDOM) as f64)
}

pub(super) fn sleeps(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.run().map_or(0, |run| run.sleeps) as f64)
}

pub(super) fn slept_seconds(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.run().map_or(0, |run| run.slept_ns) as f64 / 1e9)
}

/// The pieces that were written to files: length and entropy.
fn written<'i>(index: &'i Index<'_>) -> impl Iterator<Item = (u64, f64)> + 'i {
    let is_write = |call: &&Call| WRITES.contains(&known_as(call)) && !is_console(call);
    index.all_calls().iter().filter(is_write).flat_map(|call| call.args.iter()).filter_map(|arg| {
        match &arg.points_at {
            Some(Pointed::Bytes { len, entropy, .. }) => Some((*len, *entropy)),
            Some(Pointed::Text { text }) => {
                Some((text.len() as u64, crate::module::view::entropy(text.as_bytes())))
            }
            Some(Pointed::Resource { .. }) | None => None,
        }
    })
}

pub(super) fn written_bytes(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || written(index).map(|(len, _)| len).fold(0, u64::saturating_add) as f64)
}

pub(super) fn written_entropy(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || {
        let pieces = written(index).filter(|(len, _)| *len >= LEAST);
        let (len, bits) = pieces
            .fold((0.0, 0.0), |(all, bits), (len, entropy)| (all + len as f64, bits + len as f64 * entropy));
        if len == 0.0 { 0.0 } else { bits / len }
    })
}

/// Files that fit and that no argument names.
fn unasked(index: &Index<'_>, fits: impl Fn(&&FileChange) -> bool) -> f64 {
    files(index, |file| !file.left.is_asked && fits(file))
}

fn files(index: &Index<'_>, fits: impl Fn(&&FileChange) -> bool) -> f64 {
    index.run().map_or(0, |run| run.files.iter().filter(fits).count()) as f64
}

pub(super) fn files_created(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || files(index, |file| file.change == ChangeKind::Created))
}

pub(super) fn files_changed(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || files(index, |file| file.change == ChangeKind::Changed))
}

pub(super) fn files_deleted(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let was_there = |file: &&FileChange| file.change == ChangeKind::Deleted && file.size_before.is_some();
    of_run(subject, || files(index, was_there))
}

pub(super) fn files_renamed(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || files(index, |file| file.change == ChangeKind::Renamed))
}

/// Whether the contents look random for their size: so few bytes cannot have 8 bits each.
fn is_dense(entropy: f64, size: u64) -> bool {
    size >= LEAST && entropy >= 0.85 * (size as f64).log2().min(8.0)
}

pub(super) fn files_entropy_rise(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let rose = |file: &&FileChange| {
        let (Some(before), Some(after), Some(size)) =
            (file.entropy_before, file.entropy_after, file.size_after)
        else {
            return false;
        };
        after - before >= 1.0 && is_dense(after, size)
    };
    of_run(subject, || unasked(index, rose))
}

pub(super) fn files_dense_created(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let dense = |file: &&FileChange| {
        let is_dense =
            file.entropy_after.zip(file.size_after).is_some_and(|(entropy, size)| is_dense(entropy, size));
        file.change == ChangeKind::Created && is_dense && !is_compressed(&file.contents)
    };
    of_run(subject, || files(index, dense))
}

/// Whether the file was there before, with something in it, and holds something else now (or did before it
/// was deleted).
fn is_overwritten(file: &FileChange) -> bool {
    file.size_before.is_some_and(|size| size > 0)
        && file.sha256_before.is_some()
        && file.sha256_before != file.sha256
}

pub(super) fn files_emptied(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || {
        unasked(index, |file| {
            is_overwritten(file) && file.change != ChangeKind::Deleted && file.size_after == Some(0)
        })
    })
}

fn damaged(index: &Index<'_>, counts: impl Fn(&Damage) -> bool) -> f64 {
    let damage = index.facts.run.map_or(&[][..], |run| &run.damage);
    damage.iter().filter(|one| one.is_destroyed() && one.is_users && counts(one)).count() as f64
}

pub(super) fn files_destroyed(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || damaged(index, |one| one.is_overwritten))
}

pub(super) fn files_blanked(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || damaged(index, |one| one.is_overwritten && one.is_blank))
}

pub(super) fn files_lost(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || damaged(index, |_| true))
}

pub(super) fn files_falsified(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let damage = index.facts.run.map_or(&[][..], |run| &run.damage);
    let is_one = |one: &&Damage| one.is_users && one.harm == Some(Harm::Falsified);
    of_run(subject, || damage.iter().filter(is_one).count() as f64)
}

pub(super) fn files_wiped(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || unasked(index, |file| is_overwritten(file) && file.change == ChangeKind::Deleted))
}

/// Folders whose files are the system's: what the machine is, and who may use it.
const SYSTEM: [&str; 7] = ["/etc/", "/usr/", "/bin/", "/sbin/", "/lib/", "/boot/", "/opt/"];

pub(super) fn system_files_changed(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let asked = index.facts.run.map_or(&[][..], |run| &run.asked);
    let is_one = |file: &&FileChange| {
        let was_there = file.size_before.is_some() && file.change != ChangeKind::Created;
        let differs = file.change != ChangeKind::Changed || file.sha256 != file.sha256_before;
        let is_systems = SYSTEM.iter().any(|folder| file.path.starts_with(folder));
        let is_asked = || file.left.is_wanted || asked.iter().any(|arg| is_named(arg, &file.path));
        was_there && differs && is_systems && !is_asked()
    };
    of_run(subject, || files(index, is_one))
}

pub(super) fn files_rewritten_renamed(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || {
        files(index, |file| {
            is_overwritten(file) && file.change == ChangeKind::Renamed && file.size_after != Some(0)
        })
    })
}

pub(super) fn honeytokens_read(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || tokens(index, |token| token.read > 0))
}

/// Bytes that a file or a stream of the sandbox was given stay in it. Anything else that a host function was
/// handed is gone.
pub(super) fn honeytokens_sent(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let is_gone = |leak: &Leak| {
        let (module, name) = leak.by.rsplit_once('.').unwrap_or(("", &leak.by));
        let is_local = sandbox::is_of_wasi(module) && name != "sock_send";
        match leak.to {
            LeakPlace::Socket(_) => true,
            LeakPlace::Argument => !is_local,
            _ => false,
        }
    };
    of_run(subject, || tokens(index, |token| token.leaks.iter().any(is_gone)))
}

fn tokens(index: &Index<'_>, is_meant: impl Fn(&TokenUse) -> bool) -> f64 {
    index.run().map_or(0, |run| run.honeytokens.iter().filter(|token| is_meant(token)).count()) as f64
}

pub(super) fn carved_modules(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.run().map_or(0, |run| run.carved_unasked().len()) as f64)
}

pub(super) fn decoded_texts(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.derived().decoded_texts.len() as f64)
}

pub(super) fn new_texts(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.derived().new_texts as f64)
}

pub(super) fn new_addresses(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.derived().new_addresses as f64)
}

pub(super) fn unasked_acts(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.run().map_or(0, Run::unasked_acts) as f64)
}

pub(super) fn returned_reads(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.derived().returned_reads.len() as f64)
}
