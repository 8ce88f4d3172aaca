//! What a batch adds up to, in words and as an object.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use serde::Serialize;
use wasmspoor::{
    scan::{
        cluster::{ClusterKind, Clusters},
        confine::Confinement,
        rows,
        shard::Shard,
        store::TABLES,
        summary::Summary,
    },
    text::{self, plural},
};

use super::limits::MAX_NAME;
use super::worker;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A scan of everything, or of a part.
    Scan(Option<Shard>),
    /// So many folders were made one.
    Merge(usize),
}

impl Work {
    /// What to say if there was no sample.
    pub(super) fn nothing(self) -> String {
        match self {
            Self::Scan(None) => "no module was found".to_owned(),
            Self::Scan(Some(part)) => format!("no module was found in part {part} of the files"),
            Self::Merge(_) => "these folders hold no sample".to_owned(),
        }
    }
}

/// The folder that was written, and what is in it beside the tables in JSON lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) folder: &'a Path,
    /// The page.
    pub(super) has_page: bool,
    /// The tables as Parquet.
    pub(super) has_parquet: bool,
}

/// The summary of a scan; `docs/scan.md` describes it.
#[derive(Debug, Serialize)]
pub(super) struct Total<'a> {
    table: &'static str,
    schema: &'static str,
    #[serde(flatten)]
    summary: &'a Summary,
    /// Seconds that this part of the scan took.
    seconds: f64,
    /// Kind → groups and samples in them.
    clusters: BTreeMap<String, [usize; 2]>,
    /// What it means that the kernel did not confine the workers; absent if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    #[serde(skip)]
    work: Work,
    #[serde(skip)]
    out: Option<Written<'a>>,
}

impl<'a> Total<'a> {
    pub(super) fn of(
        work: Work,
        summary: &'a Summary,
        clusters: &Clusters,
        elapsed: Duration,
        out: Option<Written<'a>>,
    ) -> Self {
        let clusters = ClusterKind::ALL.into_iter().map(|kind| {
            (format!("{kind:?}").to_lowercase(), [clusters.of(kind).len(), clusters.samples(kind)])
        });
        let seconds = (elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let warning = summary.confinement.as_ref().and_then(worker::unconfined);
        Self {
            table: "summary",
            schema: rows::SCHEMA,
            summary,
            seconds,
            clusters: clusters.collect(),
            warning,
            work,
            out,
        }
    }

    /// How many samples there were, and how fast they were analysed.
    fn samples(&self, out: &mut impl Write) -> io::Result<()> {
        let Summary { samples, resumed, places, without_module, .. } = self.summary;
        let found = format!("{} in {}", plural(*samples, "sample"), plural(*places, "place"));
        let seconds = self.seconds;
        let part = match self.work {
            Work::Merge(folders) => {
                let folders = plural(folders as u64, "folder");
                return writeln!(out, "{folders} merged in {seconds:.1} s: {found}, each there once");
            }
            Work::Scan(part) => part.map_or_else(String::new, |part| format!("part {part} of the files: ")),
        };
        let without = match without_module {
            0 => String::new(),
            1 => "; 1 file holds no module".to_owned(),
            more => format!("; {} hold no module", plural(*more, "file")),
        };
        writeln!(out, "{part}{found}{without}")?;
        let fresh = samples.saturating_sub(*resumed);
        let (analysed, rate) = (plural(fresh, "sample"), fresh as f64 / seconds.max(0.001));
        let earlier = if *resumed > 0 {
            format!("; {} analysed before", text::grouped(*resumed))
        } else {
            String::new()
        };
        writeln!(out, "{analysed} analysed in {seconds:.1} s, {rate:.1} a second{earlier}")
    }

    /// How many groups of similar samples there are.
    fn clusters(&self, out: &mut impl Write) -> io::Result<()> {
        let similar = self.clusters.iter().filter(|(_, [count, _])| *count > 0);
        let similar: Vec<_> = similar
            .map(|(kind, [count, samples])| {
                let (groups, samples) = (plural(*count as u64, "group"), plural(*samples as u64, "sample"));
                format!("{groups} by {kind} ({samples})")
            })
            .collect();
        if similar.is_empty() { Ok(()) } else { writeln!(out, "{:<12}{}", "similar", similar.join(", ")) }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Summary { verdicts, families, failures, slowest, confinement, .. } = self.summary;
        writeln!(out)?;
        if let Some(warning) = &self.warning {
            writeln!(out, "WARNING: {warning}")?;
        }
        self.samples(out)?;
        counts(out, "verdicts", verdicts.iter().map(|(name, count)| (name.as_str(), *count)))?;
        counts(out, "families", families.iter().map(|(name, count)| (name.as_str(), *count)))?;
        counts(out, "failures", failures.iter().map(|(name, count)| (*name, *count)))?;
        self.clusters(out)?;
        for (title, slow) in std::iter::once("slowest").chain(std::iter::repeat("")).zip(slowest) {
            let (seconds, place) = (slow.time_ms as f64 / 1000.0, text::clip(&slow.place, MAX_NAME));
            writeln!(out, "{title:<12}{seconds:>8.2} s  {place}")?;
        }
        if let Some(confinement) = confinement {
            writeln!(out, "{:<12}{}", "workers", confined(confinement))?;
        }
        self.hint(out)
    }

    /// What was written where, and how a scan goes on that was interrupted.
    fn hint(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(written) = self.out else {
            return if self.summary.interrupted { writeln!(out, "interrupted") } else { Ok(()) };
        };
        let folder = name(&written.folder.display().to_string());
        let tables = TABLES.into_iter().chain(["clusters"]).map(|table| format!("{table}.jsonl"));
        let page = written.has_page.then(|| "overview.html".to_owned());
        let files: Vec<_> = tables.chain(page).collect();
        let parquet = if written.has_parquet { "; each table also as .parquet" } else { "" };
        writeln!(out, "{:<12}in {folder}: {}{parquet}", "written", files.join(", "))?;
        match self.summary.interrupted {
            true => writeln!(out, "interrupted; --resume with the same paths and options goes on"),
            false => Ok(()),
        }
    }
}

fn counts<'a>(
    out: &mut impl Write,
    title: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> io::Result<()> {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<_> =
        counts.into_iter().map(|(name, count)| format!("{count} {}", text::clip(name, MAX_NAME))).collect();
    if words.is_empty() { Ok(()) } else { writeln!(out, "{title:<12}{}", words.join(", ")) }
}

/// What held workers, and what did not.
fn confined(confinement: &Confinement) -> String {
    let Confinement {
        address_space_bytes,
        cpu_seconds,
        no_files,
        no_new_privileges,
        dies_with_scan,
        landlock,
        seccomp,
        inherited_closed,
    } = confinement;
    let memory = address_space_bytes.map(|bytes| format!("{} MiB", bytes >> 20));
    let time = cpu_seconds.map(|seconds| format!("{seconds} s of processor time"));
    let most: Vec<_> = memory.into_iter().chain(time).collect();
    let most = if most.is_empty() { String::new() } else { format!(", at most {}", most.join(" and ")) };
    let mut with = Vec::new();
    let flags = [
        (*no_files, "no files"),
        (*no_new_privileges, "no new privileges"),
        (*dies_with_scan, "ended with the scan"),
        (*seccomp, "seccomp"),
        (*inherited_closed, "inherited descriptors closed"),
    ];
    with.extend(flags.iter().filter(|(holds, _)| *holds).map(|(_, name)| (*name).to_owned()));
    let mut without: Vec<_> =
        flags.iter().filter(|(holds, _)| !holds).map(|(_, name)| (*name).to_owned()).collect();
    match &**landlock {
        "none" => without.push("Landlock".to_owned()),
        kind => with.push(format!("Landlock ({kind})")),
    }
    let without =
        if without.is_empty() { String::new() } else { format!("; not in force: {}", without.join(", ")) };
    format!("a process for each sample{most}; {}{without}", with.join(", "))
}

fn name(text: &str) -> String {
    text::clip(text, MAX_NAME)
}

/// A sample on a line: verdict, score, family, place.
pub(in crate::cli) fn line(sample: &rows::SampleRow) -> String {
    match &sample.verdict {
        None => failure(&sample.origin, sample.failure.as_ref()),
        Some(verdict) => {
            let family = sample.family.as_deref().unwrap_or("-");
            let line = format!("{verdict} {} {family} {}", sample.score, name(&sample.origin.to_string()));
            match &sample.failure {
                None => line,
                Some(failed) => {
                    format!("{line} (by its bytes; FAILED {}: {})", failed.kind.name(), name(&failed.text))
                }
            }
        }
    }
}

/// A failure on a line: its kind, the place, in words.
pub(super) fn failure(origin: &rows::Origin, failure: Option<&rows::Failure>) -> String {
    let (kind, text) = failure.map_or(("crash", ""), |failure| (failure.kind.name(), &failure.text));
    format!("FAILED {kind} {}: {}", name(&origin.to_string()), name(text))
}
