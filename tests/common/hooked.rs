//! The side under test: the public API, then replay.

use std::collections::BTreeMap;

use wasmspoor::{Options, Outcome, Session, Tracer, Value, trace::ReplayLimits};

use super::{Answer, Run, State, hash, limits, remembered};

/// Runs a module until about `decisions` are used up.
///
/// # Errors
///
/// If it cannot be loaded or instantiated.
pub fn run(wasm: &[u8], decisions: u64) -> Result<Run, String> {
    let tracer = Tracer::new(Options::default().limits(limits(decisions)));
    let mut session = tracer.load(wasm).map_err(|error| error.to_string())?;
    let mut answers = vec![("start".to_owned(), answer(session.start().map_err(|error| error.to_string())?))];
    if matches!(answers[0].1, Answer::Returned(_)) {
        for export in entries(&session) {
            let args: Vec<_> =
                session.params(&export).unwrap_or_default().iter().map(|&ty| zero(ty)).collect();
            let outcome = session.invoke(&export, &args).map_err(|error| error.to_string())?;
            let answer = answer(outcome);
            let is_over = answer == Answer::Stopped;
            answers.push((export, answer));
            if is_over {
                break;
            }
        }
    }
    let is_over = answers.last().is_some_and(|(_, answer)| *answer == Answer::Stopped);
    // Of an instance whose start function did not return nothing can be asked.
    let is_there = matches!(answers[0].1, Answer::Returned(_));
    let state = (is_there && !is_over).then(|| state(&session));
    let trace = session.finish();
    let counted = trace.counts().unwrap_or_else(|error| panic!("replay: {error}"));
    remembered::same(&trace, ReplayLimits { max_instructions: 2_000_000, ..ReplayLimits::default() });
    if trace.decisions <= 5_000 {
        remembered::same_when_damaged(&trace, trace.decisions);
    }
    let mut counts = BTreeMap::new();
    for function in &counted.per_function {
        for &(opcode, count) in &function.per_opcode {
            *counts.entry((function.func.0, opcode.mnemonic())).or_insert(0) += count;
        }
    }
    Ok(Run { answers, counts, total: counted.total, state })
}

/// `_start`, or every exported function.
fn entries(session: &Session) -> Vec<String> {
    let exports = session.exports();
    match exports.iter().any(|export| export == "_start") {
        true => vec!["_start".into()],
        false => exports,
    }
}

/// The value that an argument gets.
pub fn zero(ty: wasmspoor::Type) -> Value {
    use wasmspoor::Type;
    match ty {
        Type::I32 => Value::I32(0),
        Type::I64 => Value::I64(0),
        Type::F32 => Value::F32(0.0),
        Type::F64 => Value::F64(0.0),
        Type::V128 => Value::V128(0),
        _ => Value::Ref { null: true },
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Returned(values) => Answer::Returned(values),
        Outcome::Trapped { code, .. } => Answer::Trapped(code.message().into()),
        Outcome::Stopped { .. } => Answer::Stopped,
        _ => Answer::Failed,
    }
}

fn state(session: &Session) -> State {
    let (mut globals, mut memories) = (BTreeMap::new(), BTreeMap::new());
    for export in session.module().exports() {
        let name = export.name.to_string();
        if let Some(value) = session.global(&name) {
            globals.insert(name, value);
        } else if let Some(bytes) = session.memory(&name) {
            memories.insert(name, (bytes.len(), hash(bytes)));
        }
    }
    State { globals, memories }
}
