//! Replay against traces assembled by hand: modules in text, decisions by a [`Writer`], records as literals.

mod cuts;
mod flow;
mod grown;
mod hostile;
mod speed;

use std::sync::Arc;

use super::decisions::Writer;
use super::*;
use crate::module::Opcode;

/// Parses a module in the text format.
pub(super) fn module(text: &str) -> Arc<Module> {
    let bytes = wat::parse_str(text).expect("the module is well formed");
    Arc::new(Module::parse(bytes).expect("the module parses"))
}

/// A trace of one instance of `module`, whose defined functions have the keys from `first_key` on.
pub(super) fn trace(module: &Arc<Module>, first_key: u32, writer: &mut Writer, records: &[Record]) -> Trace {
    let mut trace =
        Trace { modules: vec![Arc::clone(module)], records: records.to_vec(), ..Trace::default() };
    trace.instances.push(Instance { module: 0, first_key: FuncKey(first_key) });
    trace.decisions = writer.position();
    for chunk in writer.finish().chunks(3) {
        trace.words.push(chunk);
    }
    trace
}

/// Adds a host function.
pub(super) fn host(trace: &mut Trace, key: u32, name: &str) {
    trace.hosts.insert(FuncKey(key), Host { module: "env".into(), name: name.into() });
}

pub(super) fn invoke(func: u32) -> Record {
    Record::Invoke { func: FuncKey(func) }
}

pub(super) fn host_call(func: u32) -> Record {
    Record::HostCall { func: FuncKey(func) }
}

pub(super) const RETURNED: Record = Record::End(End::Returned);
pub(super) const HOST_ERROR: Record = Record::End(End::HostError);
pub(super) const HOST_RETURN: Record = Record::HostReturn { failed: false };
pub(super) const HOST_FAILED: Record = Record::HostReturn { failed: true };

/// The offset in its body of the `nth` instruction named `mnemonic` of a function.
pub(super) fn offset(module: &Module, func: u32, mnemonic: &str, nth: usize) -> u32 {
    let code = module.code(FuncIndex(func)).expect("the function decodes");
    let op = code.ops().iter().filter(|op| op.opcode.mnemonic() == mnemonic).nth(nth);
    op.expect("the instruction is there").offset.0 - code.start().0
}

/// What happened, in short: mnemonics, with `name:what` where control went somewhere, and `[..]` for the
/// rest.
pub(super) fn story(trace: &Trace) -> Result<String, ReplayError> {
    story_of(trace.events())
}

fn story_of(events: Events<'_>) -> Result<String, ReplayError> {
    let mut words = Vec::new();
    for event in events {
        words.push(match event? {
            Event::Op(op) => format!("{}{}", op.opcode.mnemonic(), deed(op.kind)),
            Event::Leave => "[leave]".to_owned(),
            Event::Caught { func, .. } => format!("[caught {func}]"),
            Event::Switch { thread } => format!("[thread {thread}]"),
            Event::Invoke { func } => format!("[invoke {func}]"),
            Event::End(end) => format!("[{}]", end.name()),
            Event::HostCall { func, is_tail, .. } => {
                format!("[{}host {func}]", if is_tail { "tail " } else { "" })
            }
            Event::HostReturn { failed } => format!("[host {}]", if failed { "failed" } else { "back" }),
        });
    }
    Ok(words.join(" "))
}

fn deed(kind: ControlEffect) -> String {
    match kind {
        ControlEffect::Plain => String::new(),
        ControlEffect::Branch { taken } => format!(":{}", if taken { "yes" } else { "no" }),
        ControlEffect::Table { index } => format!(":{index}"),
        ControlEffect::Call { kind, callee } => format!(":{kind:?}>{callee}").to_lowercase(),
        ControlEffect::TailCall { kind, callee } => format!(":tail-{kind:?}>{callee}").to_lowercase(),
        ControlEffect::Throw { tag } => format!(":{tag}"),
        ControlEffect::Grow { delta, result } => format!(":{delta}->{result}"),
        ControlEffect::Bulk { dst, src, len } => format!(":{dst},{src},{len}"),
    }
}

/// Replays in all forms, which must agree, and gives the story.
#[track_caller]
pub(super) fn tell(trace: &Trace) -> String {
    let story = match story(trace) {
        Ok(story) => story,
        Err(error) => panic!("{error}\n{:?}", trace.records),
    };
    let counts = Counts::of(trace).expect("events could be replayed");
    let mut counted = vec![0; counts.per_opcode.len()];
    for event in trace.events() {
        if let Ok(Event::Op(op)) = event {
            counted[op.opcode as usize] += 1;
        }
    }
    assert_eq!(counts.per_opcode[..], counted[..], "counts and events differ");
    assert_eq!(counts.total, counted.iter().sum::<u64>());
    assert_eq!(counts.per_function.iter().map(|function| function.total).sum::<u64>(), counts.total);
    grown::check(trace, &story);
    story
}

/// The message with which a replay fails.
#[track_caller]
pub(super) fn failure(trace: &Trace) -> String {
    let error = story(trace).expect_err("the trace is wrong");
    let blockwise = Counts::of(trace).expect_err("the trace is wrong");
    assert_eq!(error, blockwise);
    error.to_string()
}

/// The opcodes counted in a trace, by name.
pub(super) fn counts(trace: &Trace) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for (name, count) in Counts::of(trace).expect("the trace replays").mnemonics() {
        *counts.entry(name).or_default() += count;
    }
    counts
}

#[test]
fn opcodes_are_what_the_tests_take_them_for() {
    assert_eq!(Opcode::from_mnemonic("i32.add"), Some(Opcode::I32Add));
}
