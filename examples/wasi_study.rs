//! The oracle of the WASI study: runs each program whose published call sequence and binary are at hand under
//! the persona `study`, and compares call by call. Prints how many agree by origin, and those that do not,
//! grouped by how they differ. `docs/wasi-study.md` explains the groups.
//!
//! ```text
//! cargo run --profile tail --example wasi_study [-- [PART] [SECONDS]]
//! ```
//!
//! `PART` is part of `ORIGIN/NAME`; a program gets `SECONDS`, by default an hour. Those of libsodium run
//! their tests many times over, as benchmarks: all of them take hours on one core, two thirds of them less
//! than 20 seconds each.
//!
//! ```text
//! cargo run --profile tail --example wasi_study -- juliet
//! cargo run --profile tail --example wasi_study -- libsodium 20
//! ```

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde::Deserialize;
use wasmspoor::sandbox::{self, Persona, Run, RunOptions, Status};

#[derive(Deserialize)]
struct Published {
    name: String,
    origin: String,
    calls: Vec<String>,
    file: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wasi/paper");
    let Ok(text) = fs::read_to_string(folder.join("traces.jsonl")) else {
        println!("skipped: there is no {}", folder.display());
        return Ok(());
    };
    let wanted = std::env::args().nth(1);
    let options = options(std::env::args().nth(2).map(|seconds| seconds.parse()).transpose()?)?;
    let mut tally: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let published: Published = serde_json::from_str(line)?;
        let name = format!("{}/{}", published.origin, published.name);
        let Some(file) =
            published.file.as_ref().filter(|_| wanted.as_ref().is_none_or(|part| name.contains(part)))
        else {
            continue;
        };
        let wasm = fs::read(folder.join(file))?;
        let begun = Instant::now();
        let run = sandbox::run(&wasm, &options)?;
        let (agreeing, all) = tally.entry(published.origin.clone()).or_default();
        *all += 1;
        let difference = difference(&published.calls, &run);
        println!(
            "{name}: {} in {:.1} s",
            difference.as_deref().unwrap_or("equal"),
            begun.elapsed().as_secs_f64()
        );
        match difference {
            None => *agreeing += 1,
            Some(difference) => groups.entry(difference).or_default().push(name),
        }
    }
    for (origin, (agreeing, all)) in &tally {
        println!("{origin:<32} {agreeing} of {all}");
    }
    let sum = |is_wanted: fn(&str) -> bool| {
        let chosen = tally.iter().filter(|(origin, _)| is_wanted(origin)).map(|(_, &counts)| counts);
        chosen.fold((0, 0), |(a, b), (agreeing, all)| (a + agreeing, b + all))
    };
    for (what, (agreeing, all)) in [
        ("juliet", sum(|origin| origin.starts_with("juliet"))),
        ("others", sum(|origin| !origin.starts_with("juliet"))),
    ] {
        println!(
            "{what:<32} {agreeing} of {all} ({:.1} %)",
            f64::from(agreeing) * 100.0 / f64::from(all.max(1))
        );
    }
    for (difference, mut names) in groups {
        names.sort();
        println!("\n{} programs: {difference}", names.len());
        names.iter().for_each(|name| println!("  {name}"));
    }
    Ok(())
}

/// The persona of the study, whose limits let every one of these programs end by itself.
fn options(seconds: Option<u64>) -> Result<RunOptions, Box<dyn Error>> {
    let mut options =
        RunOptions::default().with_persona(Persona::shipped("study").ok_or("there is no persona `study`")?);
    if let Some(seconds) = seconds.map(Duration::from_secs) {
        (options.entry_time, options.limits.wall_time) = (seconds, Some(seconds));
    }
    Ok(options)
}

/// How a run differs from what was published; `None` if not at all.
fn difference(published: &[String], run: &Run) -> Option<String> {
    let calls: Vec<&str> = run.calls.iter().map(|call| &*call.name).collect();
    if calls.iter().copied().eq(published.iter().map(String::as_str)) {
        return None;
    }
    let words: Vec<_> = run.limitations.iter().map(ToString::to_string).collect();
    let how = match run.status {
        Status::Exited => String::new(),
        status => format!(", the run ended as {status:?}: {}", words.join("; ")),
    };
    let common = calls.iter().zip(published).take_while(|(ours, theirs)| *ours == *theirs).count();
    Some(format!(
        "{common} calls agree, then published {}, ours {}{how}",
        lengths(&published.iter().map(String::as_str).collect::<Vec<_>>()[common..]),
        lengths(&calls[common..])
    ))
}

/// `fd_write*3 proc_exit`, at most ten of them.
fn lengths(calls: &[&str]) -> String {
    let mut runs: Vec<(&str, u32)> = Vec::new();
    for &call in calls {
        match runs.last_mut() {
            Some((last, count)) if *last == call => *count += 1,
            _ => runs.push((call, 1)),
        }
    }
    let text =
        |&(call, count): &(&str, u32)| if count > 1 { format!("{call}*{count}") } else { call.to_owned() };
    let shown: Vec<_> = runs.iter().take(10).map(text).collect();
    match (shown.is_empty(), runs.len() > 10) {
        (true, _) => "nothing".to_owned(),
        (_, false) => shown.join(" "),
        (_, true) => format!("{} …", shown.join(" ")),
    }
}
