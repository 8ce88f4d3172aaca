//! A run as a trace that Perfetto and the tracing page of Chromium read: entry points and host calls on
//! virtual time, and the growth of memory.
//!
//! Times are virtual microseconds. Where nothing moves the virtual clock, calls stand at the same time, in
//! their order; `number` counts them. Calls that are not in the log are not here.

use std::{collections::BTreeSet, io, iter};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Report, grown, limits::CHROME_TEXT};
use crate::{
    sandbox::{Arg, Call, Pointed, Run},
    text::{cut, import_name, plural, write_json_line},
    trace::MAIN,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    trace_events: Vec<Value>,
    display_time_unit: &'static str,
    other_data: Value,
}

/// The process and thread that events are of: there is one.
const PROCESS: u64 = 1;

/// Writes a run.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, run: &Run, out: &mut impl io::Write) -> io::Result<()> {
    let name = report.sample.name;
    let mut events = vec![
        json!({"ph": "M", "name": "process_name", "pid": PROCESS, "args": {"name": name}}),
        json!({"ph": "M", "name": "thread_name", "pid": PROCESS, "tid": 1, "args": {"name": "entry points"}}),
        json!({"ph": "M", "name": "thread_name", "pid": PROCESS, "tid": 2, "args": {"name": "host calls"}}),
    ];
    events.extend(entries(run));
    let threads = run.call_threads();
    for thread in threads.iter().copied().filter(|thread| *thread > 0).collect::<BTreeSet<_>>() {
        let name = format!("host calls of thread {thread}");
        let args = json!({"name": name});
        events.push(
            json!({"ph": "M", "name": "thread_name", "pid": PROCESS, "tid": lane(thread), "args": args}),
        );
    }
    let threads = threads.into_iter().chain(iter::repeat(MAIN));
    events.extend(run.calls.iter().zip(threads).map(call));
    events.extend(memory(report, run));
    let sample = json!({"sha256": report.sample.sha256, "calls not in the log": run.calls_cut});
    write_json_line(out, &File { trace_events: events, display_time_unit: "ns", other_data: sample })
}

fn micros(time_ns: u64) -> f64 {
    time_ns as f64 / 1e3
}

/// Each entry point, from the first host call that it made to the last.
fn entries(run: &Run) -> impl Iterator<Item = Value> {
    run.entries.iter().enumerate().filter_map(|(position, entry)| {
        let mut calls = run.calls.iter().filter(|call| call.entry == position);
        let first = calls.next()?.time_ns;
        let last = calls.next_back().map_or(first, |call| call.time_ns);
        let args: Vec<_> = entry.args.iter().map(ToString::to_string).collect();
        Some(json!({
            "ph": "X", "cat": "entry", "name": entry.name, "pid": PROCESS, "tid": 1, "ts": micros(first),
            "dur": micros(last.saturating_sub(first)), "args": {"arguments": args, "made up": entry.made_up},
        }))
    })
}

/// The row of a thread's host calls.
fn lane(thread: u32) -> u64 {
    2 + u64::from(thread)
}

fn call((call, thread): (&Call, u32)) -> Value {
    let args: serde_json::Map<_, _> = call.args.iter().enumerate().map(argument).collect();
    let results: Vec<_> = call.results.iter().map(ToString::to_string).collect();
    json!({
        "ph": "X", "cat": "host", "name": import_name(&call.module, &call.name), "pid": PROCESS,
        "tid": lane(thread), "ts": micros(call.time_ns), "dur": 0,
        "args": {
            "number": call.number, "arguments": args, "results": results, "error": call.errno,
            "made up": call.fabricated,
        },
    })
}

fn argument((position, arg): (usize, &Arg)) -> (String, Value) {
    let name = arg.name.as_deref().map_or_else(|| position.to_string(), str::to_owned);
    let value = match &arg.points_at {
        Some(pointed) if let Some((text, mark)) = pointed.cut_text(CHROME_TEXT) => text + &mark,
        Some(Pointed::Bytes { hex, len, .. }) => {
            format!("{}: {}", plural(*len, "byte"), cut(hex, CHROME_TEXT))
        }
        Some(Pointed::Resource { name }) => format!("{} of {}", arg.value, cut(name, CHROME_TEXT)),
        Some(Pointed::Text { .. }) | None => arg.value.to_string(),
    };
    (name, json!(value))
}

/// Sizes of memory as it grew.
fn memory(report: &Report<'_>, run: &Run) -> impl Iterator<Item = Value> {
    grown::sizes(report, run).into_iter().map(|(time, pages)| {
        json!({"ph": "C", "name": "memory", "pid": PROCESS, "ts": micros(time), "args": {"pages": pages}})
    })
}
