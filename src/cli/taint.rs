//! `spoor taint`: which bytes that the sample was given went where, and what became of them on the way.

use std::{collections::BTreeSet, io::Write, path::PathBuf};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    passes::flows::{self, Words},
    sandbox::Run,
    text::{self, import_name, line},
    values::{
        Machine,
        taint::{Encoding, Flow, How, Operation, Sink, SinkKind, Source, SourceKind, Taint, TaintOptions},
    },
};

use super::{Exit, Failure, export::exit_of, input::Progress, output::Object, report, sample, valued};

/// Follow what a sample was given, byte by byte, through everything it computes to where it ends up
///
/// A flow is: which bytes of which source → what was done to them → where they went. Sources are what the
/// host gives: files, arguments, the environment, standard input, sockets, clocks, random numbers, and the
/// answers of host functions; on request also data segments, constants and the arguments of entry points.
/// Sinks are what host functions are handed (arguments, and the memory that these point at) and what an entry
/// point returns; on request also conditions, addresses and indirect calls that depend on a source.
///
/// A byte that is in no flow cannot depend on the source, whatever its value, but by way of conditions
/// (--control). `by look-up` marks what a source only chose: bytes read at an address that depends on it.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor taint sample.wasm --persona workstation
  spoor taint sample.spoor --from /home/user/.ssh --to sock_send
  spoor taint sample.wasm --from file --to branch --json
  spoor taint sample.wasm --stdin secret.txt --from stdin

SOURCE is a kind (file, argument, environment, stdin, socket, clock, random, answer, entry, data, immediate), or a part of the name of a source,
such as a path; bait is every file in which the persona put bait. SINK is a kind (argument, memory, result, branch, address, call), or a part of the
name of a host function.

The sample is run once, as `spoor run` runs it, and then again with all its values, which takes several times as long; of a trace file, the run is the
recorded one, and options of the run are refused.

Exit codes: 0 done; 1 the values are known for a part of the run only, or the trace file is cut off or damaged, and what was found is
printed, which is nothing of one that lost its sample or its header; 2 wrong usage, or a file that cannot be read; 3 not a valid module; 4 valid but not executable.")]
pub(super) struct Arguments {
    /// The sample, binary or text, or a trace file; `-` reads a sample from standard input
    file: PathBuf,
    /// Only flows from here; may be repeated [default: all that the host gave, without answers]
    #[arg(long, value_name = "SOURCE")]
    from: Vec<String>,
    /// Only flows to there; may be repeated [default: argument, memory, result]
    #[arg(long, value_name = "SINK")]
    to: Vec<String>,
    /// Also follow what is computed only if a condition holds that depends on a source
    #[arg(long)]
    control: bool,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sample: report::DetachedSample,
    #[command(flatten)]
    how: sample::Arguments,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let run = match arguments.sample.is_of_trace(&arguments.file)? {
        true => recorded(arguments)?,
        false => arguments.how.prepare()?.run(&arguments.file, true)?,
    };
    let wanted = Wanted::new(arguments, &run);
    let options = TaintOptions::default().sources(wanted.followed()).control(arguments.control);
    let progress = Progress::begin("following", &arguments.file);
    let mut taint = Taint::new(&run.trace, options);
    let done = Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut taint));
    drop(progress);
    let mut flows = taint.flows();
    // That there was nothing is what the verdict asks; no byte came from there.
    flows.retain(|flow| !flow.source.is_of_nothing());
    let all = flows.len();
    let seen: BTreeSet<_> = flows.iter().map(|flow| flow.source.name.clone()).collect();
    flows.retain(|flow| wanted.has(flow));
    flows.sort_by_key(|flow| (!wanted.is_bait(&flow.source), flow.source.clone(), flow.records.0));
    let told = Told {
        wanted: &wanted,
        flows: &flows,
        others: (all - flows.len()) as u64,
        lost: taint.lost(),
        instructions: done.as_ref().ok().map(|totals| totals.instructions),
        error: done.as_ref().err().map(ToString::to_string),
    };
    match arguments.json {
        true => text::write_json(out, &Object { schema: "spoor.taint/1", fields: told.json() })?,
        false => told.print(out)?,
    }
    wanted.tell_unknown(&seen, &run);
    Ok(if done.is_ok() { exit_of(&arguments.file, &run) } else { Exit::Findings })
}

/// The run of a trace file.
fn recorded(arguments: &Arguments) -> Result<Run, Failure> {
    let mut recorded = arguments.sample.open(&arguments.file)?;
    recorded.run.iter().for_each(|run| report::tell_lost(&arguments.file, run));
    let name = || arguments.file.display().to_string();
    let progress = Progress::begin("running again", &arguments.file);
    let effects = recorded.get_effects();
    drop(progress);
    let run = match recorded.run {
        Ok(run) => run,
        // What it says is the file's, and is not laid out in lines.
        Err(error) => {
            let exit = Exit::of_refused(&error);
            return Err(Failure::new(exit, anyhow::anyhow!("{}: nothing ran: {error}", name())));
        }
    };
    effects.map_err(|error| valued::without_effects(error, &name()))?;
    Ok(run)
}

/// Which flows are asked for.
struct Wanted<'r> {
    kinds: BTreeSet<SourceKind>,
    /// Parts of names of sources.
    names: Vec<String>,
    sinks: BTreeSet<SinkKind>,
    /// Parts of names of host functions.
    hosts: Vec<String>,
    asks_for_bait: bool,
    has_sinks: bool,
    words: Words<'r>,
}

impl<'r> Wanted<'r> {
    fn new(arguments: &Arguments, run: &'r Run) -> Self {
        let named = |text: &String| SourceKind::ALL.iter().copied().find(|kind| kind.as_str() == text);
        let mut kinds: BTreeSet<_> = arguments.from.iter().filter_map(named).collect();
        let asks_for_bait = arguments.from.iter().any(|text| text == "bait");
        let names: Vec<_> =
            arguments.from.iter().filter(|text| named(text).is_none() && *text != "bait").cloned().collect();
        if arguments.from.is_empty() {
            kinds.extend(flows::given());
        }
        let sink = |text: &String| SinkKind::ALL.iter().copied().find(|kind| kind.as_str() == text);
        Self {
            kinds,
            names,
            sinks: arguments.to.iter().filter_map(sink).collect(),
            hosts: arguments.to.iter().filter(|text| sink(text).is_none()).cloned().collect(),
            asks_for_bait,
            has_sinks: !arguments.to.is_empty(),
            words: Words::of(run),
        }
    }

    /// The kinds of sources to follow: by name, any that has names.
    fn followed(&self) -> BTreeSet<SourceKind> {
        let mut kinds = self.kinds.clone();
        if !self.names.is_empty() {
            kinds.extend(SourceKind::GIVEN);
        }
        if self.asks_for_bait {
            kinds.insert(SourceKind::File);
        }
        kinds
    }

    /// Says on standard error which names that were given no flow has, neither as a source nor as a sink: who
    /// mistyped one would take it that nothing went there.
    fn tell_unknown(&self, seen: &BTreeSet<Box<str>>, run: &Run) {
        let is_seen = |part: &str| seen.iter().any(|name| name.contains(part));
        for part in self.names.iter().filter(|part| !is_seen(part)) {
            crate::cli::complain!("spoor: --from {}: no flow begins at a source with that name", line(part));
        }
        let hosts = run.trace.hosts.values().map(|host| import_name(&host.module, &host.name));
        let hosts: Vec<_> = hosts.collect();
        for part in self.hosts.iter().filter(|part| !hosts.iter().any(|host| host.contains(&***part))) {
            crate::cli::complain!("spoor: --to {}: no imported function has that name", line(part));
        }
    }

    fn is_bait(&self, source: &Source) -> bool {
        self.words.is_bait(source)
    }

    fn has(&self, flow: &Flow) -> bool {
        let source = &flow.source;
        let is_source = self.kinds.contains(&source.kind)
            || self.names.iter().any(|name| source.name.contains(&**name))
            || self.asks_for_bait && self.is_bait(source);
        let host = self.words.host(flow);
        let is_sink = match self.has_sinks {
            false => matches!(flow.sink, Sink::Argument { .. } | Sink::Memory { .. } | Sink::Result),
            true => {
                self.sinks.contains(&flow.sink.kind())
                    || host.is_some_and(|host| self.hosts.iter().any(|part| host.contains(&**part)))
            }
        };
        is_source && is_sink
    }
}

/// What is said.
struct Told<'a> {
    wanted: &'a Wanted<'a>,
    flows: &'a [Flow],
    /// Flows that were not asked for.
    others: u64,
    lost: u64,
    instructions: Option<u64>,
    error: Option<String>,
}

/// The answer of `--json`. The fields are described in `docs/json.md`.
#[derive(Serialize)]
struct Json<'a> {
    flows: Vec<FlowJson<'a>>,
    others: u64,
    lost: u64,
    instructions: Option<u64>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct FlowJson<'a> {
    source: &'a Source,
    is_bait: bool,
    ranges: &'a [(u64, u64)],
    bytes: u64,
    how: How,
    steps: &'a [Operation],
    encodings: &'a [Encoding],
    sink: SinkKind,
    host: Option<&'a str>,
    argument: Option<u32>,
    function: Option<u32>,
    offset: Option<u32>,
    first_call: Option<u64>,
    last_call: Option<u64>,
    times: u64,
    count: u64,
    text: String,
}

/// The argument that a sink is, if it is one.
fn argument_of(sink: &Sink) -> Option<u32> {
    match *sink {
        Sink::Argument { index, .. } => Some(index),
        _ => None,
    }
}

/// Where a sink is, if it is an instruction.
fn place_of(sink: &Sink) -> (Option<u32>, Option<u32>) {
    match *sink {
        Sink::Branch { function, offset }
        | Sink::Address { function, offset }
        | Sink::Call { function, offset } => (Some(function.0), Some(offset)),
        _ => (None, None),
    }
}

impl Told<'_> {
    fn print(&self, out: &mut impl Write) -> Result<(), Failure> {
        for flow in self.flows {
            writeln!(out, "{}", self.wanted.words.words(flow))?;
        }
        if self.flows.is_empty() {
            writeln!(out, "no flow of what was asked for")?;
        }
        if self.others > 0 {
            let others = text::plural(self.others, "flow");
            writeln!(out, "{others} not shown: --from and --to ask for others")?;
        }
        if self.lost > 0 {
            let lost = text::plural(self.lost, "label");
            writeln!(out, "{lost} had no room: flows are a part from there on")?;
        }
        if let Some(error) = &self.error {
            writeln!(out, "followed up to here: {}", line(error))?;
        }
        Ok(())
    }

    fn json(&self) -> Json<'_> {
        Json {
            flows: self.flows.iter().map(|flow| self.flow_json(flow)).collect(),
            others: self.others,
            lost: self.lost,
            instructions: self.instructions,
            error: self.error.as_deref(),
        }
    }

    fn flow_json<'f>(&'f self, flow: &'f Flow) -> FlowJson<'f> {
        let calls = self.wanted.words.calls(flow);
        let (function, offset) = place_of(&flow.sink);
        FlowJson {
            source: &flow.source,
            is_bait: self.wanted.is_bait(&flow.source),
            ranges: &flow.ranges,
            bytes: flow.len(),
            how: flow.how,
            steps: &flow.steps,
            encodings: &flow.encodings,
            sink: flow.sink.kind(),
            host: self.wanted.words.host(flow),
            argument: argument_of(&flow.sink),
            function,
            offset,
            first_call: calls.and_then(|(first, _)| first),
            last_call: calls.and_then(|(_, last)| last),
            times: flow.times,
            count: flow.count,
            text: self.wanted.words.words(flow),
        }
    }
}
