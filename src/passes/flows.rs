//! Data flows: what became, byte by byte, of what the host gave to the sample, in words.
//!
//! The run is computed once more with its values ([`values`](crate::values)), and labels are followed through
//! it ([`Taint`]). That is bounded by work and not by time, so that the same run gives the same flows. An
//! instruction costs one unit while nothing is labelled, and `FOLLOWED_UNITS` from then on.
//!
//! Not here: whether a flow is bad (`rules`), and flows that somebody asks for (`spoor taint`).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use wasmparser::{Payload, TypeRef};

use super::{
    limits::{
        CHOSEN_BYTES, FLOW_STEP, FLOW_UNITS, FOLLOWED_UNITS, MAX_CHOSEN, MAX_DECIDED, MAX_FLOWS,
        MERGED_UNITS, TOLD_BY_CONDITIONS,
    },
    stirring,
};
use crate::{
    module::FuncIndex,
    sandbox::{self, Answer, Run},
    text::{grouped, import_name, line, plural},
    trace::{
        Callee, FuncKey, Host,
        effects::{Effect, Effects, Val},
        host_name,
    },
    values::{
        Machine, Visitor,
        taint::{Flow, How, Sink, SinkKind, Source, SourceKind, Taint, TaintOptions, is_answer},
    },
};

/// How much of a run is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Look {
    /// Nothing.
    #[default]
    Off,
    /// As much as takes about as long as the run did.
    Auto,
    /// All of it.
    Full,
}

/// Where the sample's inputs went: files, variables, arguments, standard input, sockets, clocks, random
/// numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct DataFlows {
    /// Instructions that were followed, from the first on.
    pub instructions: u64,
    /// Instructions that were executed.
    pub of: u64,
    /// Why it ends where it does, if the values are not known further.
    pub error: Option<String>,
    /// Labels that had no room: flows are a part then.
    pub lost: u64,
    /// Flows of bait first, then of files, variables and so on.
    pub flows: Vec<DataFlow>,
    /// Flows that are not in `flows`.
    pub cut: u64,
    /// Conditions of branches, by the function and the offset of the instruction: what kinds of sources they
    /// are computed from.
    #[serde(skip)]
    pub(crate) decided: BTreeMap<(FuncIndex, u32), BTreeSet<SourceKind>>,
    /// The same, of what they depend on in any way.
    #[serde(skip)]
    pub(crate) weighed: BTreeMap<(FuncIndex, u32), BTreeSet<SourceKind>>,
    /// Indices of indirect calls, likewise.
    #[serde(skip)]
    pub(crate) called: BTreeMap<(FuncIndex, u32), BTreeSet<SourceKind>>,
    /// What arguments of host functions are computed from, or chosen by.
    #[serde(skip)]
    pub(crate) chosen: Vec<Chosen>,
    /// Flows to arguments of host functions beyond those that the verdict can keep.
    pub chosen_cut: u64,
    /// The host functions of those, `module.name`, with the kinds of sources.
    #[serde(skip)]
    pub(crate) cut_hosts: BTreeSet<(String, SourceKind)>,
    /// Whether a long run did to what it keeps what a hash does.
    #[serde(skip)]
    pub(crate) stirs: bool,
    /// Files of whose bytes something went to the host, by whether nothing but a digest of them did.
    #[serde(skip)]
    pub(crate) left: BTreeMap<String, bool>,
}

/// What an argument of a host function is computed from, or chosen by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) source: Source,
    pub(crate) how: How,
    /// The host function, `module.name`.
    pub(crate) host: String,
    /// Position of the argument; none of what lies in memory.
    pub(crate) index: Option<u32>,
    /// Numbers of the first and the last call in the log.
    pub(crate) calls: (Option<u64>, Option<u64>),
    /// In words.
    pub(crate) text: String,
}

/// Bytes of a source that went to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct DataFlow {
    /// In words.
    pub text: String,
    /// What kind of source.
    pub source: SourceKind,
    /// Its name.
    pub name: String,
    /// Whether it is a file in which the persona put bait.
    pub is_bait: bool,
    /// Different bytes of it.
    pub bytes: u64,
    /// `value`, or `address` if it only chose what was read.
    pub how: How,
    /// What was done to them.
    pub path: Vec<String>,
    /// What kind of sink: `argument` or `memory` of a host function, `result` of an entry point.
    pub sink: SinkKind,
    /// The host function, `module.name`.
    pub host: Option<String>,
    /// Number of the first call in the log.
    pub first_call: Option<u64>,
    /// Number of the last.
    pub last_call: Option<u64>,
    /// Calls.
    pub times: u64,
}

/// The sources that are followed unless somebody asks for others.
pub fn given() -> impl Iterator<Item = SourceKind> {
    SourceKind::GIVEN.into_iter().filter(|&kind| kind != SourceKind::Answer)
}

impl DataFlows {
    /// Follows a run of `executed` instructions; `None` if nothing is to be followed, or what the host did is
    /// not recorded.
    pub fn of(run: &Run, executed: u64, look: Look) -> Option<Self> {
        let effects = run.trace.effects.as_ref().filter(|_| look != Look::Off)?;
        let mut all = Self { instructions: executed, of: executed, ..Self::default() };
        all.stirs = stirring::stirs(run, executed);
        let is_given = |(_, effect): &(u64, Effect)| matches!(effect, Effect::Given(_));
        let is_reading = |host: &Host| is_answer(&import_name(&host.module, &host.name));
        let (unknown, globals) = (unknown(run), unknown_globals(run, effects));
        let is_told = effects.entries().iter().any(is_given) || !unknown.is_empty() || !globals.is_empty();
        // What was given nothing, and did not ask, has no flows, whatever it computes.
        if !is_told && !run.trace.hosts.values().any(is_reading) {
            return Some(all);
        }
        let options = TaintOptions::default().sources(given()).decisions(unknown, globals);
        let mut taint = Taint::new(&run.trace, options);
        let budget = match look {
            Look::Full => u64::MAX,
            _ => FLOW_UNITS.saturating_add(executed / 2),
        };
        all.instructions = match follow(run, &mut taint, budget) {
            Ok(instructions) => instructions,
            Err((instructions, error)) => {
                all.error = Some(error);
                instructions
            }
        };
        let flows = taint.flows();
        // Putting them together may leave something out, too.
        all.lost = taint.lost();
        all.tell(run, flows);
        Some(all)
    }

    fn tell(&mut self, run: &Run, mut flows: Vec<Flow>) {
        let words = Words::of(run);
        self.decide(&words, &flows);
        self.leave(&flows);
        // The verdict alone asks how much was read, or that nothing was there, and what was chosen by it.
        let is_told = |source: &Source| source.kind != SourceKind::Answer && !source.is_of_nothing();
        flows.retain(|flow| flow.how != How::Control && is_told(&flow.source));
        // Of what an entry point gives back only what it read is told: all the rest is what it is for.
        flows.retain(|flow| match flow.sink {
            Sink::Argument { .. } | Sink::Memory { .. } => true,
            Sink::Result => flow.source.kind == SourceKind::File,
            _ => false,
        });
        flows.sort_by_key(|flow| {
            (!words.is_bait(&flow.source), flow.how, flow.source.clone(), flow.records.0, flow.sink)
        });
        self.cut = flows.len().saturating_sub(MAX_FLOWS) as u64;
        self.flows = flows.iter().take(MAX_FLOWS).map(|flow| words.flow(flow)).collect();
    }

    /// Which files left something with the host. A condition over a few bytes (a head, an end of a line)
    /// tells nothing of what they hold.
    fn leave(&mut self, flows: &[Flow]) {
        for flow in flows.iter().filter(|flow| flow.source.kind == SourceKind::File) {
            let is_out = matches!(flow.sink, Sink::Argument { .. } | Sink::Memory { .. } | Sink::Result);
            if is_out && (flow.how != How::Control || flow.len() >= TOLD_BY_CONDITIONS) {
                let only_digest = self.left.entry(flow.source.name.to_string()).or_insert(true);
                *only_digest &= flow.is_digest && flow.how != How::Control;
            }
        }
    }

    /// What conditions, indirect calls and arguments of host functions depend on.
    fn decide(&mut self, words: &Words<'_>, flows: &[Flow]) {
        for flow in flows {
            let kind = flow.source.kind;
            let is_value = match flow.how {
                How::Value => kind != SourceKind::Answer || flow.source.is_of_surroundings(),
                // Which value it has was decided by the time or the like.
                How::Control => flow.source.is_of_surroundings(),
                How::Address => false,
            };
            match flow.sink {
                Sink::Branch { function, offset } if is_value && self.decided.len() < MAX_DECIDED => {
                    self.decided.entry((function, offset)).or_default().insert(kind);
                }
                Sink::Branch { function, offset } if self.weighed.len() < MAX_DECIDED => {
                    self.weighed.entry((function, offset)).or_default().insert(kind);
                }
                Sink::Call { function, offset } if self.called.len() < MAX_DECIDED => {
                    self.called.entry((function, offset)).or_default().insert(kind);
                }
                // What an argument of the program says was asked for.
                Sink::Argument { index, .. } if kind != SourceKind::Argument => {
                    self.choose(words, flow, Some(index));
                }
                Sink::Memory { .. } if kind != SourceKind::Argument && is_whole_choice(flow) => {
                    self.choose(words, flow, None);
                }
                _ => {}
            }
        }
    }

    /// Notes that an argument of a host function depends on a source.
    fn choose(&mut self, words: &Words<'_>, flow: &Flow, index: Option<u32>) {
        let host = words.host(flow).unwrap_or_default().to_owned();
        if self.chosen.len() >= MAX_CHOSEN {
            self.chosen_cut += 1;
            self.cut_hosts.insert((host, flow.source.kind));
            return;
        }
        self.chosen.push(Chosen {
            source: flow.source.clone(),
            how: flow.how,
            host,
            index,
            calls: words.calls(flow).unwrap_or_default(),
            text: words.words(flow),
        });
    }
}

/// The host functions that nobody knows and that gave a number: what it would have been nobody knows either.
fn unknown(run: &Run) -> BTreeSet<String> {
    let calls = run.calls.iter().filter(|call| call.answer == Answer::Default && !call.results.is_empty());
    let own = calls.filter(|call| !sandbox::is_of_wasi(&call.module));
    // A name may be long, and is there once: where it stands says which it is.
    let mut seen = BTreeSet::new();
    let new = own.filter(|call| seen.insert((call.module.as_ptr(), call.name.as_ptr())));
    new.map(|call| host_name(&call.module, &call.name)).collect()
}

/// The numbers that a module imports as globals and of which nobody knew what they are: 0 stands in their
/// place.
fn unknown_globals(run: &Run, effects: &Effects) -> Vec<(u32, String)> {
    let [module] = &run.trace.modules[..] else { return Vec::new() };
    let given = effects.entries().iter().filter_map(|(_, effect)| match effect {
        Effect::NewGlobal(Val::I32(0) | Val::I64(0)) => Some(true),
        Effect::NewGlobal(_) => Some(false),
        _ => None,
    });
    let sections = module.core().payloads().map_while(Result::ok);
    let imports = sections.filter_map(|payload| match payload {
        Payload::ImportSection(imports) => Some(imports),
        _ => None,
    });
    let imports = imports.flat_map(|imports| imports.into_imports().flatten());
    let globals = imports.filter(|import| matches!(import.ty, TypeRef::Global(_)));
    let names = globals.map(|import| host_name(import.module, import.name));
    let numbered = (0..).zip(names).zip(given);
    numbered.filter(|(_, is_unknown)| *is_unknown).map(|(global, _)| global).collect()
}

/// Whether a few bytes say from where many are taken: they choose one of several texts. What is translated
/// letter by letter is as long as what it is made of, and digits of a time are few.
fn is_whole_choice(flow: &Flow) -> bool {
    let is_number = matches!(flow.source.kind, SourceKind::Clock | SourceKind::Answer);
    let each = flow.count / flow.times.max(1);
    // A key that its host gives: nobody knows what it makes of what is handed over.
    if flow.source.kind == SourceKind::Answer && !is_answer(&flow.source.name) {
        return each >= CHOSEN_BYTES;
    }
    let least = if is_number { CHOSEN_BYTES } else { flow.len().saturating_mul(3).max(CHOSEN_BYTES / 2) };
    flow.how != How::Value && flow.source.kind != SourceKind::Random && each >= least
}

/// Follows a run as far as there is budget; the instructions followed.
fn follow(run: &Run, taint: &mut Taint<'_>, budget: u64) -> Result<u64, (u64, String)> {
    let mut machine = Machine::new(&run.trace).map_err(|error| (0, error.to_string()))?;
    let (mut done, mut spent) = (0_u64, 0_u64);
    while !machine.is_over() && spent.saturating_add(MERGED_UNITS * taint.merged()) < budget {
        let units = if taint.is_idle() { 1 } else { FOLLOWED_UNITS };
        let next = done.saturating_add(FLOW_STEP);
        let totals =
            machine.run_to(next, taint).map_err(|error| (error.instructions(), error.to_string()))?;
        spent = spent.saturating_add((totals.instructions - done).max(1).saturating_mul(units));
        done = totals.instructions;
    }
    Ok(done)
}

/// Puts flows of a run in words.
#[derive(Debug)]
pub struct Words<'r> {
    run: &'r Run,
    bait: BTreeSet<&'r str>,
    functions: BTreeMap<FuncKey, String>,
}

impl<'r> Words<'r> {
    /// For the flows of this run.
    pub fn of(run: &'r Run) -> Self {
        let bait = run.honeytokens.iter().flat_map(|token| token.touched_in.iter().map(|path| &**path));
        let name = |&key| match run.trace.resolve(key) {
            Some(Callee::Host(host)) => (key, import_name(&host.module, &host.name)),
            _ => (key, String::new()),
        };
        Self { run, bait: bait.collect(), functions: run.trace.hosts.keys().map(name).collect() }
    }

    /// Whether a source is a file in which the persona put bait that was touched.
    pub fn is_bait(&self, source: &Source) -> bool {
        source.kind == SourceKind::File && self.bait.contains(&*source.name)
    }

    /// The name of the host function that a flow goes to, `module.name`.
    pub fn host(&self, flow: &Flow) -> Option<&str> {
        self.functions.get(&flow.sink.host()?).map(|name| &**name)
    }

    /// The numbers in the log of the first and the last call of a flow.
    pub fn calls(&self, flow: &Flow) -> Option<(Option<u64>, Option<u64>)> {
        flow.sink.host().map(|_| (self.call(flow.records.0), self.call(flow.records.1)))
    }

    fn call(&self, record: u64) -> Option<u64> {
        let calls = &self.run.calls;
        let at = calls.binary_search_by_key(&record, |call| call.record as u64).ok()?;
        Some(calls[at].number)
    }

    /// A flow in words.
    pub fn words(&self, flow: &Flow) -> String {
        let Source { kind, name } = &flow.source;
        let name = line(name);
        let source = match kind {
            SourceKind::File | SourceKind::Socket => format!("`{name}`"),
            SourceKind::Argument => format!("argument {name}"),
            SourceKind::Environment if flow.source.is_of_nothing() => "an environment that is empty".into(),
            SourceKind::Environment => format!("the variable `{name}`"),
            SourceKind::Clock if name.parse::<u32>().is_err() => format!("the dates {name}"),
            SourceKind::Clock => format!("clock {name}"),
            SourceKind::Answer => format!("answers of `{name}`"),
            SourceKind::Data => format!("data at {name}"),
            SourceKind::Immediate => format!("constants of {name}"),
            _ => name,
        };
        let bait = if self.is_bait(&flow.source) { " (bait)" } else { "" };
        let mut words = vec![format!("{} of {source}{bait}", flow.bytes())];
        words.extend(flow.path());
        words.push(self.sink(flow));
        let how = match flow.how {
            How::Address => ", by look-up",
            How::Control => ", by condition",
            _ => "",
        };
        format!("{}{how}", words.join(" → "))
    }

    fn sink(&self, flow: &Flow) -> String {
        let at = |what: &str, function: u32, offset: u32| {
            let times = plural(flow.times, "time");
            format!("{what} at wasm-function[{function}]:{offset:#x}, {times}")
        };
        match flow.sink {
            Sink::Argument { index, .. } => format!("argument {index} of {}", self.which(flow)),
            Sink::Memory { .. } => self.which(flow),
            Sink::Branch { function, offset } => at("condition", function.0, offset),
            Sink::Address { function, offset } => at("address", function.0, offset),
            Sink::Call { function, offset } => at("indirect call", function.0, offset),
            _ => "result of an entry point".into(),
        }
    }

    /// A host function with the numbers of its calls.
    fn which(&self, flow: &Flow) -> String {
        let host = self.host(flow).map_or_else(String::new, line);
        let number = |call: Option<u64>| call.map_or_else(|| "#?".into(), |call| format!("#{call}"));
        match self.calls(flow) {
            Some((first, last)) if flow.times > 1 => {
                let times = grouped(flow.times);
                format!("`{host}` {} to {}, {times} calls", number(first), number(last))
            }
            Some((first, _)) => format!("`{host}` {}", number(first)),
            None => format!("`{host}`"),
        }
    }

    fn flow(&self, flow: &Flow) -> DataFlow {
        let calls = self.calls(flow);
        DataFlow {
            text: self.words(flow),
            source: flow.source.kind,
            name: flow.source.name.to_string(),
            is_bait: self.is_bait(&flow.source),
            bytes: flow.len(),
            how: flow.how,
            path: flow.path(),
            sink: flow.sink.kind(),
            host: self.host(flow).map(str::to_owned),
            first_call: calls.and_then(|(first, _)| first),
            last_call: calls.and_then(|(_, last)| last),
            times: flow.times,
        }
    }
}
