//! The body of the fuzz target `wasi`: random sequences of WASI calls, made by a module that is put together
//! for them, against a model of a file system. The model shares nothing with the sandbox's: it is a map from
//! whole paths to what is there. They must agree on every error, every descriptor, every byte read, every
//! listing, and on what is left at the end.

mod fs;
mod module;
mod ops;

use std::{collections::BTreeSet, sync::Arc};

use arbitrary::Unstructured;
use wasmspoor::{
    sandbox::{self, Call, Persona, Pointed, Run, RunOptions},
    trace::Record,
};

use self::{
    fs::{Fs, Seen},
    ops::Op,
};

/// Calls of a sequence.
const CALLS: usize = 80;

/// Runs the sequence that `data` stands for on both sides; gives how many calls were made, and how many of
/// them succeeded.
///
/// # Panics
///
/// If they differ.
pub fn body(data: &[u8]) -> (usize, usize) {
    let ops = ops::sequence(&mut Unstructured::new(data), CALLS);
    let files = [("/f", &b"hello"[..]), ("/d/g", b"world")];
    let mut options = RunOptions::default().with_persona(Arc::new(Persona::bare()));
    options.files = files.map(|(path, bytes)| (path.to_owned(), bytes.to_vec())).into();
    options.drive = sandbox::Drive::None;
    // A process that is stopped for a while is no difference.
    (options.limits.wall_time, options.entry_time) = (None, std::time::Duration::from_secs(3600));
    let wasm = module::of(&ops);
    let run = sandbox::run(&wasm, &options).unwrap_or_else(|error| panic!("{error}"));
    let records = run.trace.records.iter().filter(|record| matches!(record, Record::HostCall { .. })).count();
    assert_eq!((records, run.calls_cut), (run.calls.len(), 0), "nothing is lost from the log");
    let mut model = Fs::new(&files);
    let (mut calls, mut succeeded) = (run.calls.iter(), 0);
    for (position, op) in ops.iter().enumerate() {
        let expected = model.apply(op);
        let found = seen(op, &mut calls);
        succeeded += usize::from(found.is_ok());
        assert_eq!(found, expected, "call {position}, {op:?}, after {:?}", &ops[..position]);
    }
    assert!(calls.next().is_none());
    left(&run, &model, &ops);
    (ops.len(), succeeded)
}

/// What the log says of a call and of what was told after it.
fn seen<'c>(op: &Op, calls: &mut impl Iterator<Item = &'c Call>) -> Result<Seen, String> {
    let call = calls.next().unwrap_or_else(|| panic!("{op:?} was not made"));
    assert_eq!(&*call.name, op.name());
    let mut told = Vec::new();
    let mut bytes = match op {
        Op::Read { .. } | Op::Pread { .. } => call.args[1].points_at.as_ref().map(raw),
        _ => None,
    };
    for index in 0..op.told() {
        let call = calls.next().unwrap_or_else(|| panic!("{op:?} told too little"));
        match index < op.numbers() {
            true => told.push(number(call)),
            false => bytes = call.args[0].points_at.as_ref().map(raw),
        }
    }
    // Of fewer than four bytes the log cannot know that they are what `env.look` is handed.
    if matches!(op, Op::Readlink { .. }) && told[0] < 4 {
        bytes = None;
    }
    match &call.errno {
        Some(errno) => Err(errno.to_string()),
        None => Ok(Seen { told, bytes: op.digest(bytes.unwrap_or_default()) }),
    }
}

fn number(call: &Call) -> u64 {
    call.args[0].value.to_string().parse::<i64>().map(|value| value as u32 as u64).unwrap_or(u64::MAX)
}

fn raw(pointed: &Pointed) -> Vec<u8> {
    match pointed {
        Pointed::Text { text } => text.clone().into_bytes(),
        Pointed::Bytes { hex, .. } => hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
        Pointed::Resource { .. } => Vec::new(),
    }
}

/// The list of changes, against what the model has at the end.
fn left(run: &Run, model: &Fs, ops: &[Op]) {
    let names = model.names();
    // Files that are listed, each under one of its names; its other names are listed as links to that one.
    let (mut listed, mut links) = (BTreeSet::new(), BTreeSet::new());
    for change in run.files.iter().filter(|change| change.change.as_str() != "deleted") {
        let path = change.last_path();
        let Some((file, contents)) = names.get(path) else {
            let is_other = model.has_other(path.trim_end_matches('/'));
            assert!(is_other, "{change:?} is listed after {ops:?}");
            continue;
        };
        if change.kind().as_str() == "hardlink" {
            let target = change.target().and_then(|target| names.get(target));
            assert_eq!(target.map(|(file, _)| file), Some(file), "{change:?} after {ops:?}");
            links.insert(path);
        } else {
            assert_eq!(change.contents, contents.bytes, "{path} after {ops:?}");
            assert!(listed.insert(*file), "{path} is listed twice after {ops:?}");
        }
    }
    let mut first = BTreeSet::new();
    for (path, (file, contents)) in names.iter().filter(|(path, _)| !links.contains(&***path)) {
        let is_listed = listed.contains(file) || contents.is_untouched(path);
        assert!(is_listed, "{path} is not listed after {ops:?}");
        assert!(first.insert(*file), "{path} is another name and no link after {ops:?}");
    }
}
