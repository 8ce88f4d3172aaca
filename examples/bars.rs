//! Samples with known labels, and how well they are told apart: a table, and the bars of the project.
//!
//! ```text
//! cargo run --profile tail --example bars [-- DIRECTORY [SUBSTRING [-v]]]
//! ```
//!
//! `-v` lists under each sample the rules of severity 1 and more, `*` marks evidence of the run, and the
//! correlations.
//!
//! Reads `hostile.csv` and `benign.csv` in DIRECTORY (default `../shared/samples`) for labels, then analyses
//! each file as `spoor run` would. Programs in `../shared/workloads` and `../shared/wasi/testsuite` have no
//! label and must not be called MALICIOUS.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use wasmspoor::{
    analysis::Analysis,
    rules::{self, Family},
    sandbox,
    verdict::Class,
};

/// Families of `hostile.csv` that mine.
const MINERS: &[&str] = &["cryptonight", "cryptonight-like", "equihash", "randomx"];

/// A sample and what is known of it.
struct Sample {
    path: PathBuf,
    group: String,
}

/// What came out.
struct Row {
    class: Class,
    mines: bool,
    proved: bool,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let samples = PathBuf::from(arguments.next().unwrap_or_else(|| "../shared/samples".into()));
    let only = arguments.next().unwrap_or_default();
    let verbose = arguments.next().is_some_and(|argument| argument == "-v");
    if !samples.is_dir() {
        println!("skipped: {} is not there", samples.display());
        return;
    }
    let rules = rules::Set::builtin();
    let mut rows: Vec<(String, Row)> = Vec::new();
    for sample in all(&samples).into_iter().filter(|sample| sample.path.display().to_string().contains(&only))
    {
        match fs::read(&sample.path) {
            Ok(bytes) => rows.push((sample.group.clone(), analyse(&sample, &bytes, &rules, verbose))),
            Err(error) => println!("{}: {error}", sample.path.display()),
        }
    }
    bars(&rows);
}

fn all(samples: &Path) -> Vec<Sample> {
    let mut all = labelled(samples, "hostile");
    all.extend(labelled(samples, "benign"));
    let shared = samples.parent().unwrap_or(Path::new("."));
    for (directory, group) in [("workloads", "workload"), ("wasi/testsuite", "testsuite")] {
        let mut found = Vec::new();
        walk(&shared.join(directory), &mut found);
        found.sort();
        all.extend(found.into_iter().map(|path| Sample { path, group: group.to_owned() }));
    }
    all
}

/// The rows of a label file; name, label and family come first and hold no quotes.
fn labelled(samples: &Path, kind: &str) -> Vec<Sample> {
    let text = fs::read_to_string(samples.join(format!("{kind}.csv"))).unwrap_or_default();
    let sample = |line: &str| {
        let mut fields = line.split(',');
        let (name, label, family) = (fields.next()?, fields.next()?, fields.next()?);
        let group = match (label, family) {
            ("malicious", family) if MINERS.contains(&family) => "miner".to_owned(),
            (label, _) => label.to_owned(),
        };
        Some(Sample { path: samples.join(kind).join(name), group })
    };
    text.lines().skip(1).filter_map(sample).collect()
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wasm") {
            found.push(path);
        }
    }
}

fn analyse(sample: &Sample, bytes: &[u8], rules: &rules::Set, verbose: bool) -> Row {
    let begin = Instant::now();
    let analysis = Analysis::of(bytes, &sandbox::RunOptions::default(), rules);
    let elapsed = begin.elapsed();
    let verdict = &analysis.verdict;
    let family = verdict.family.map_or("-", Family::as_str);
    let mining = |family: Family| matches!(family, Family::Miner | Family::Cryptojacker);
    let proved = analysis
        .rules
        .iter()
        .any(|rule| rule.dynamic && rule.severity >= 2 && rule.family.is_some_and(mining));
    let reason: String = verdict
        .reasons
        .first()
        .map_or_else(String::new, |reason| format!("{} [{}]", reason.text, reason.weight));
    println!(
        "{:10} {:56} {:20} {:3} {:3} {:12} {:6.2}s {:>13} {}",
        sample.group,
        sample.path.file_name().unwrap_or_default().to_string_lossy(),
        format!("{:?}", verdict.class),
        verdict.score,
        verdict.confidence,
        family,
        elapsed.as_secs_f64(),
        analysis.dynamic.metrics.classes.total,
        reason.chars().take(160).collect::<String>()
    );
    if verbose {
        evidence(&analysis);
    }
    Row { class: verdict.class, mines: verdict.family.is_some_and(mining), proved }
}

fn evidence(analysis: &Analysis) {
    for entry in analysis.run.iter().flat_map(|run| &run.entries) {
        println!("    > {} {:?}: {:?}", entry.name, entry.args, entry.end);
    }
    for rule in analysis.rules.iter().filter(|rule| rule.severity > 0) {
        let (run, implied) =
            (if rule.dynamic { "*" } else { " " }, if rule.implied { ", implied" } else { "" });
        println!(
            "    {run} {} {} {} / {}{implied}",
            rule.severity, rule.confidence, rule.namespace, rule.name
        );
    }
    for correlation in &analysis.correlations {
        println!(
            "    = {} {}: {}; {}",
            correlation.severity, correlation.name, correlation.static_side, correlation.dynamic_side
        );
    }
    for finding in analysis.findings.iter().filter(|finding| finding.severity > 0) {
        println!("    ! {} {}: {}", finding.severity, finding.name, finding.description);
    }
}

fn bars(rows: &[(String, Row)]) {
    let of =
        |group: &str| rows.iter().filter(|(name, _)| name == group).map(|(_, row)| row).collect::<Vec<_>>();
    let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    let show = |what: &str, part: usize, whole: usize, bar: &str| {
        println!("{what}: {part} of {whole} ({:.1} %), bar {bar}", share(part, whole))
    };
    println!();
    let miners = of("miner");
    let flagged = miners.iter().filter(|row| row.class >= Class::Suspicious && row.mines).count();
    show("miners MALICIOUS or SUSPICIOUS with a mining family", flagged, miners.len(), ">= 95 %");
    show(
        "miners with a mining rule proved by the run",
        miners.iter().filter(|row| row.proved).count(),
        miners.len(),
        ">= 90 %",
    );
    for group in ["benign", "workload", "testsuite", "vulnerable", "suspicious"] {
        let rows = of(group);
        let count = |class| rows.iter().filter(|row| row.class == class).count();
        show(
            &format!("{group} MALICIOUS"),
            count(Class::Malicious),
            rows.len(),
            if group == "suspicious" { "none" } else { "0" },
        );
        show(
            &format!("{group} SUSPICIOUS"),
            count(Class::Suspicious),
            rows.len(),
            if group == "benign" { "<= 10 %" } else { "none" },
        );
        show(&format!("{group} called miners"), rows.iter().filter(|row| row.mines).count(), rows.len(), "0");
        println!(
            "{group}: {} POTENTIALLY_UNWANTED, {} CLEAN, {} UNDECIDED",
            count(Class::PotentiallyUnwanted),
            count(Class::Clean),
            count(Class::Undecided)
        );
    }
}
