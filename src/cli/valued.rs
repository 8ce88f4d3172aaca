//! The common part of the commands that show values: opening a trace file with what the host did, moments and
//! ranges of memory on the command line, values in words.

use std::{path::Path, rc::Rc};

use serde::Serialize;
use wasmspoor::{
    Value,
    file::{EffectsError, Recorded},
    module::SourceFrame,
    text::grouped,
    trace::Trace,
    values::{Activation, MAX_WATCHED, Timeline, Ty, Typed, ValuesError, Writer},
};

use super::{
    Exit, Failure,
    input::Progress,
    places::Places,
    report::{self, DetachedSample},
};

/// Opens a trace file and gets what the host did: from the file, or by running the sample again.
pub(super) fn open(sample: &DetachedSample, file: &Path) -> Result<Recorded, Failure> {
    let mut recorded = sample.open(file)?;
    recorded.run.iter().for_each(|run| report::tell_lost(file, run));
    let progress = Progress::begin("running again", file);
    let effects = recorded.get_effects();
    drop(progress);
    let name = || file.display().to_string();
    match effects {
        Ok(_) => Ok(recorded),
        Err(error) => Err(without_effects(error, &name())),
    }
}

/// It is not known what the host did, of file `name`.
pub(super) fn without_effects(error: EffectsError, name: &str) -> Failure {
    let exit = match &error {
        EffectsError::Differs(_) | EffectsError::NoHeader => Exit::Findings,
        EffectsError::NoRun(error) => {
            let exit = Exit::of_refused(error);
            return Failure::new(exit, anyhow::anyhow!("{name}: nothing ran: {error}"));
        }
        _ => Exit::Usage,
    };
    Failure::new(exit, anyhow::Error::new(error).context(name.to_owned()))
}

/// The trace of a file that was opened so.
pub(super) fn trace(recorded: &Recorded) -> Result<&Trace, Failure> {
    match &recorded.run {
        Ok(run) => Ok(&run.trace),
        Err(error) => Err(Failure::new(Exit::of_refused(error), anyhow::anyhow!("nothing ran: {error}"))),
    }
}

/// The values end before what was asked for: it is known why, and that is what was found.
pub(super) fn end(error: ValuesError) -> Failure {
    Failure::new(Exit::Findings, anyhow::anyhow!("the values are known only up to here: {error}"))
}

/// Wrong usage.
pub(super) fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, anyhow::Error::msg(message.into()))
}

/// A part of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Range {
    pub(super) memory: u32,
    pub(super) address: u64,
    pub(super) len: u64,
}

impl Range {
    /// Its bytes at the moment that was looked at last. What is not there then is wrong usage.
    pub(super) fn bytes<'l>(&self, timeline: &'l Timeline<'_>) -> Result<&'l [u8], Failure> {
        let Self { memory, address, len } = *self;
        let all = timeline.memory(memory).ok_or_else(|| usage(format!("there is no memory {memory}")))?;
        let end = address.saturating_add(len);
        let found = usize::try_from(address).ok().zip(usize::try_from(end).ok());
        found.and_then(|(begin, end)| all.get(begin..end)).ok_or_else(|| {
            let (asked, size) = (between(address, len), all.len());
            usage(format!("memory {memory} has {size:#x} bytes; {asked} are asked for"))
        })
    }
}

/// The first and the last of some bytes: `0x10 to 0x1f`.
pub(super) fn between(address: u64, len: u64) -> String {
    match len {
        0 | 1 => format!("{address:#x}"),
        _ => format!("{address:#x} to {:#x}", address.saturating_add(len - 1)),
    }
}

/// Reads `ADDR:LEN` or `MEMORY:ADDR:LEN`, decimal or with `0x`.
pub(super) fn range(text: &str) -> Result<Range, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let numbers = parts.iter().map(|part| number(part)).collect::<Result<Vec<u64>, _>>()?;
    let (memory, address, len) = match numbers[..] {
        [address, len] => (0, address, len),
        [memory, address, len] => (memory, address, len),
        _ => return Err(format!("`{text}` is not ADDR:LEN, such as 0x400:16, or MEMORY:ADDR:LEN")),
    };
    let memory = u32::try_from(memory).map_err(|_| format!("there is no memory {memory}"))?;
    match len {
        0 => Err(format!("`{text}` is a range of no bytes")),
        _ if address.checked_add(len).is_none() => Err(format!("`{text}` goes beyond 64 bits")),
        _ => Ok(Range { memory, address, len }),
    }
}

/// Refuses a range of more bytes than writers are followed of.
pub(super) fn check_watched(range: &Range) -> Result<(), String> {
    match range.len {
        len if len <= MAX_WATCHED => Ok(()),
        len => Err(format!("{len} bytes are asked for; {MAX_WATCHED} are the most")),
    }
}

/// Reads a number, decimal or with `0x`.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    number.map_err(|_| format!("`{text}` is not a number (such as 1024 or 0x400)"))
}

/// A value as reports show it.
pub(super) fn value(typed: &Typed) -> Value {
    let [low, high] = typed.slots;
    match typed.ty {
        Ty::I32 => Value::I32(low as i32),
        Ty::I64 => Value::I64(low as i64),
        Ty::F32 => Value::F32(f32::from_bits(low as u32)),
        Ty::F64 => Value::F64(f64::from_bits(low)),
        Ty::V128 => Value::V128(u128::from(low) | u128::from(high) << 64),
        Ty::Func | Ty::Extern | Ty::Any => Value::Ref { null: low == 0 },
    }
}

/// To what a reference refers that is not null.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refers {
    Func,
    Host,
    /// A small number.
    I31(i32),
    /// An object at an address of their memory.
    Object(u32),
}

/// A value as reports show it. In JSON it is the value alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Shown {
    value: Value,
    #[serde(skip)]
    refers: Option<Refers>,
}

/// A value as reports show it.
pub(super) fn shown(typed: &Typed) -> Shown {
    let number = typed.slots[0] as u32;
    let refers = match typed.ty {
        Ty::Func => Some(Refers::Func),
        Ty::Extern => Some(Refers::Host),
        Ty::Any if number & 1 == 1 => Some(Refers::I31(number as i32 >> 1)),
        Ty::Any if number & 0b11 == 0b10 => Some(Refers::Host),
        Ty::Any => Some(Refers::Object(number)),
        _ => None,
    };
    Shown { value: value(typed), refers: refers.filter(|_| typed.slots[0] != 0) }
}

/// Values as reports show them.
pub(super) fn values(typed: &[Typed]) -> Vec<Shown> {
    typed.iter().map(shown).collect()
}

/// A value in words: `i32 5`.
pub(super) fn words(shown: &Shown) -> String {
    match &shown.value {
        Value::I32(number) if *number < 0 || *number > 0xffff => format!("i32 {number} ({number:#x})"),
        _ => exact(shown),
    }
}

/// A value with its type, and nothing else.
pub(super) fn exact(Shown { value, refers }: &Shown) -> String {
    let ty = match value {
        Value::I32(_) => "i32",
        Value::I64(_) => "i64",
        Value::F32(_) => "f32",
        Value::F64(_) => "f64",
        Value::V128(_) => "v128",
        _ => "ref",
    };
    match refers {
        Some(Refers::Func) => "ref func".into(),
        Some(Refers::Host) => "ref host".into(),
        Some(Refers::I31(number)) => format!("ref i31 {number}"),
        Some(Refers::Object(address)) => format!("ref object {address:#x}"),
        None => format!("{ty} {value}"),
    }
}

/// Values in words, in a row.
pub(super) fn row(values: &[Shown]) -> String {
    values.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// Where a frame is.
pub(super) fn site(frame: &Activation) -> String {
    format!("wasm-function[{}]:{:#x}", frame.function, frame.offset.0)
}

/// Who wrote bytes, in words.
pub(super) fn writer(places: &Places<'_>, writer: Option<&Writer>) -> String {
    match writer {
        None => "nobody wrote them".into(),
        Some(Writer::Instruction { event, function, offset, opcode, from }) => {
            let from =
                from.map(|(memory, at)| format!(", from memory {memory} at {at:#x}")).unwrap_or_default();
            let (event, mnemonic, source) = (grouped(*event), opcode.mnemonic(), places.source(*offset));
            format!("event {event}, wasm-function[{function}]:{:#x} {mnemonic}{from}{source}", offset.0)
        }
        Some(Writer::Host { event, call: Some((func, record)) }) => {
            let (event, record) = (grouped(*event), grouped(*record));
            format!("before event {event}, host function {} (record {record})", places.callee(*func))
        }
        Some(Writer::Host { event, call: None }) => {
            format!("before event {}, the host, outside of any call", grouped(*event))
        }
        Some(Writer::Segment { event }) => format!("before event {}, a data segment", grouped(*event)),
    }
}

/// Whether it is not known where an instruction comes from: then JSON says nothing of it.
pub(super) fn no_frames(frames: &Rc<[SourceFrame]>) -> bool {
    frames.is_empty()
}

/// Who wrote bytes, for JSON. The fields are described in `docs/json.md`.
#[derive(Debug, Default, Serialize)]
pub(super) struct WriterJson {
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opcode: Option<&'static str>,
    #[serde(skip_serializing_if = "no_frames")]
    source: Rc<[SourceFrame]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<(u32, u64)>,
}

impl WriterJson {
    pub(super) fn of(places: &Places<'_>, writer: Option<&Writer>) -> Self {
        let mut json = Self { by: "nobody", event: writer.map(Writer::event), ..Self::default() };
        match writer {
            None => {}
            Some(Writer::Instruction { function, offset, opcode, from, .. }) => {
                (json.by, json.function, json.offset) = ("instruction", Some(function.0), Some(offset.0));
                (json.opcode, json.from) = (Some(opcode.mnemonic()), *from);
                json.source = places.frames(*offset);
            }
            Some(Writer::Host { call, .. }) => {
                json.by = "host";
                json.host = call.map(|(func, _)| places.callee(func));
                json.record = call.map(|(_, record)| record);
            }
            Some(Writer::Segment { .. }) => json.by = "segment",
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_told_with_its_last_byte() {
        let told = [(0, 4), (16, 1), (u64::MAX, 1)].map(|(address, len)| between(address, len));
        assert_eq!(told, ["0x0 to 0x3", "0x10", "0xffffffffffffffff"]);
    }

    #[test]
    fn ranges_are_read_and_others_refused() {
        assert_eq!(range("0x400:16"), Ok(Range { memory: 0, address: 1024, len: 16 }));
        assert_eq!(range("1:8:0x10"), Ok(Range { memory: 1, address: 8, len: 16 }));
        for wrong in ["", "1", "1:2:3:4", "a:1", "0x:1", "1:0", "18446744073709551615:2", "4294967296:0:1"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
