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
        summary::Summary,
    },
    text,
};

use super::limits::MAX_NAME;
use super::worker;

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
    out: Option<&'a Path>,
}

impl<'a> Total<'a> {
    pub(super) fn of(
        summary: &'a Summary,
        clusters: &Clusters,
        elapsed: Duration,
        out: Option<&'a Path>,
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
            out,
        }
    }

    /// How many samples there were, and how fast they were analysed.
    fn samples(&self, out: &mut impl Write) -> io::Result<()> {
        let Summary { samples, resumed, places, without_module, .. } = self.summary;
        let fresh = samples.saturating_sub(*resumed);
        let (seconds, rate) = (self.seconds, fresh as f64 / self.seconds.max(0.001));
        let (samples, places) = (plural(*samples, "sample"), plural(*places, "place"));
        let files = plural(*without_module, "file");
        let earlier =
            if *resumed > 0 { format!(", {resumed} done by an earlier part") } else { String::new() };
        write!(out, "{samples} in {places}, {files} without a module; {fresh} analysed in {seconds:.1} s")?;
        writeln!(out, " ({rate:.1} a second){earlier}")
    }

    /// How many clusters of similar samples there are.
    fn clusters(&self, out: &mut impl Write) -> io::Result<()> {
        let similar = self.clusters.iter().filter(|(_, [count, _])| *count > 0);
        let similar: Vec<_> = similar
            .map(|(kind, [count, samples])| {
                format!("{count} by {kind} ({})", plural(*samples as u64, "sample"))
            })
            .collect();
        if similar.is_empty() { Ok(()) } else { writeln!(out, "{:<12}{}", "clusters", similar.join(", ")) }
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

    fn hint(&self, out: &mut impl Write) -> io::Result<()> {
        match (self.out, self.summary.interrupted) {
            (Some(folder), true) => {
                writeln!(
                    out,
                    "interrupted; --resume with the same paths and options goes on in {}",
                    name(&folder.display().to_string())
                )
            }
            (Some(folder), false) => {
                writeln!(out, "{:<12}{}", "results", name(&folder.display().to_string()))
            }
            (None, true) => writeln!(out, "interrupted"),
            (None, false) => Ok(()),
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
    let mut with = Vec::new();
    with.extend(address_space_bytes.map(|bytes| format!("{} MiB", bytes >> 20)));
    with.extend(cpu_seconds.map(|seconds| format!("{seconds} s of processor time")));
    let flags = [
        (*no_files, "no files"),
        (*no_new_privileges, "no new privileges"),
        (*dies_with_scan, "end with the scan"),
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
    format!("{}{without}", with.join(", "))
}

/// A count with its noun.
pub(super) fn plural(count: u64, noun: &str) -> String {
    format!("{count} {}", text::noun(count, noun))
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
