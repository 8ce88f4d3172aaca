//! `spoor find`: when bytes or a value existed in a recorded run.

use std::{io::Write, num::NonZero, path::PathBuf, rc::Rc};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    module::SourceFrame,
    text::{self, grouped},
    values::{FindBytes, FindValue, Found, Given, MAX_PATTERN, Timeline, ValuesError},
};

use super::limits::FOUND_SHOWN;
use super::{
    Exit, Failure,
    output::Object,
    places::Places,
    report::DetachedSample,
    symbols,
    valued::{self, WriterJson},
};

/// Find when bytes stood in memory, or which instructions computed a value: from the first event to the last
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor find sample.spoor --text http://
  spoor find sample.spoor --bytes 'de ad be ef' --json
  spoor find sample.spoor --value 0x9e3779b9
  spoor find sample.spoor --value -1.5

Text is looked for as UTF-8 and as UTF-16. A place in memory is shown with the moments from which and until which the bytes stood there, and with who
completed them. A value is looked for among what instructions compute and load (not constants and locals): an integer as i32 and as i64, a number
with a point as f32 and as f64.
Exit codes: 0 looked for, whether or not it was found; 1 the values are not known to the end, or the file lost its sample or header; 2 wrong usage, or a file that cannot be read;
3 nothing ran.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    #[command(flatten)]
    what: What,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

/// What is looked for
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Bytes, as hexadecimal digits; spaces are passed over
    #[arg(long, value_name = "HEX", value_parser = hex)]
    bytes: Option<Pattern>,
    /// Text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// A number: decimal, with 0x, or with a point
    #[arg(long, value_name = "NUMBER", value_parser = slots, allow_hyphen_values = true)]
    value: Option<Slots>,
}

/// Bytes that are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<u8>);

/// Slots that are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slots(Vec<u64>);

fn hex(text: &str) -> Result<Pattern, String> {
    let digits: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let wrong = || format!("`{text}` is not bytes as hexadecimal digits, two for each");
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        pair.chars().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
    });
    match pairs.collect::<Option<Vec<u8>>>() {
        Some(bytes) if bytes.is_empty() => Err("no bytes are given".into()),
        Some(bytes) => Ok(Pattern(bytes)),
        None => Err(wrong()),
    }
}

/// The slots that a number stands for.
pub(super) fn slots_of(text: &str) -> Result<Vec<u64>, String> {
    slots(text).map(|Slots(slots)| slots)
}

fn slots(text: &str) -> Result<Slots, String> {
    if let Ok(number) = valued::number(text) {
        return Ok(Slots(vec![number]));
    }
    if let Ok(number) = text.parse::<i64>() {
        // As an i32, if it is one, and as an i64.
        let narrow = i32::try_from(number).ok().map(|number| u64::from(number as u32));
        return Ok(Slots(narrow.into_iter().chain([number as u64]).collect()));
    }
    let number = text.parse::<f64>().map_err(|_| format!("`{text}` is not a number"))?;
    let is_infinite = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    if text.trim_start_matches(['+', '-']).chars().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("`{text}` is an integer that takes more than 64 bits"));
    }
    if number.is_infinite() && !is_infinite {
        return Err(format!("`{text}` is beyond what an f64 can be"));
    }
    // What an f32 cannot be is no infinity.
    let narrow = Some(number as f32).filter(|narrow| narrow.is_infinite() == number.is_infinite());
    Ok(Slots(
        narrow.map(|narrow| u64::from(narrow.to_bits())).into_iter().chain([number.to_bits()]).collect(),
    ))
}

#[derive(Debug, Serialize)]
struct Output {
    places: Vec<Place>,
    more_places: u64,
    last_place: Option<Place>,
    values: Vec<ValueJson>,
    value_count: u64,
    last_value: Option<ValueJson>,
}

impl Output {
    fn of_values(places: &Places<'_>, find: &FindValue) -> Self {
        let value = |given: &Given| ValueJson::of(places, given);
        Self {
            places: Vec::new(),
            more_places: 0,
            last_place: None,
            values: find.found().iter().map(value).collect(),
            value_count: find.count(),
            last_value: find.last().map(value),
        }
    }

    fn of_places(places: &Places<'_>, patterns: &[(&'static str, Vec<u8>)], find: &FindBytes) -> Self {
        let place = |found: &Found| Place {
            memory: found.memory,
            address: found.address,
            encoding: encoding(patterns, found),
            from: found.from,
            until: found.until,
            writer: WriterJson::of(places, Some(&found.by)),
        };
        Self {
            places: find.found().iter().map(place).collect(),
            more_places: find.more(),
            last_place: find.last().map(place),
            values: Vec::new(),
            value_count: 0,
            last_value: None,
        }
    }
}

/// Bytes in a memory.
#[derive(Debug, Serialize)]
struct Place {
    memory: u32,
    address: u64,
    encoding: &'static str,
    from: u64,
    until: Option<u64>,
    writer: WriterJson,
}

/// An instruction that gave the value.
#[derive(Debug, Serialize)]
struct ValueJson {
    event: u64,
    function: u32,
    offset: u32,
    opcode: &'static str,
    #[serde(skip_serializing_if = "valued::no_frames")]
    source: Rc<[SourceFrame]>,
}

impl ValueJson {
    fn of(places: &Places<'_>, given: &Given) -> Self {
        Self {
            event: given.event,
            function: given.function.0,
            offset: given.offset.0,
            opcode: given.opcode.mnemonic(),
            source: places.frames(given.offset),
        }
    }
}

/// Whether so many bytes can be looked for.
fn check(pattern: &[u8]) -> Result<(), Failure> {
    if (1..=MAX_PATTERN).contains(&pattern.len()) {
        return Ok(());
    }
    let message = format!("{} bytes are looked for; 1 to {MAX_PATTERN} can be", pattern.len());
    Err(valued::usage(message))
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let patterns = patterns(&arguments.what);
    patterns.iter().try_for_each(|(_, pattern)| check(pattern))?;
    let recorded = valued::open(&arguments.sample, &arguments.file)?;
    let trace = valued::trace(&recorded)?;
    let places = &arguments.symbols.places(trace)?;
    let mut timeline = Timeline::new(trace).map_err(valued::end)?;
    let looked = match &arguments.what.value {
        Some(Slots(slots)) => {
            let (find, walked) = find_value(&mut timeline, slots);
            write_values(arguments.json, places, &find, out)?;
            walked
        }
        None => {
            let mut find =
                FindBytes::new(&patterns.iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>());
            let walked = timeline.walk(0, u64::MAX, &mut find);
            write_places(arguments.json, places, &patterns, &find, out)?;
            walked
        }
    };
    // Places that were found before are shown in any case.
    looked.map(|_| Exit::Done).map_err(valued::end)
}

/// Looks for a value on all cores; if the values are not known to the end, up to there.
fn find_value(timeline: &mut Timeline<'_>, slots: &[u64]) -> (FindValue, Result<u64, ValuesError>) {
    let find = || FindValue::new(slots.to_vec());
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    if let Ok(windows) = timeline.windows(threads, find) {
        return (windows.into_iter().fold(find(), FindValue::then), Ok(timeline.position()));
    }
    let mut find = find();
    let walked = timeline.walk(0, u64::MAX, &mut find);
    (find, walked)
}

/// The bytes that stand for what is looked for, with the encoding.
fn patterns(what: &What) -> Vec<(&'static str, Vec<u8>)> {
    match (&what.bytes, &what.text) {
        (Some(Pattern(bytes)), _) => vec![("bytes", bytes.clone())],
        (None, Some(text)) => {
            let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            vec![("utf-8", text.clone().into_bytes()), ("utf-16", wide)]
        }
        (None, None) => Vec::new(),
    }
}

fn write_values(
    is_json: bool,
    places: &Places<'_>,
    find: &FindValue,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if is_json {
        return write_json(out, &Output::of_values(places, find));
    }
    let site = |given: &Given| {
        let (event, mnemonic, source) =
            (grouped(given.event), given.opcode.mnemonic(), places.source(given.offset));
        format!("event {event}, wasm-function[{}]:{:#x} {mnemonic}{source}", given.function, given.offset.0)
    };
    writeln!(out, "computed {}", text::plural(find.count(), "time"))?;
    for given in find.found().iter().take(FOUND_SHOWN) {
        writeln!(out, "  {}", site(given))?;
    }
    if let Some(last) = find.last().filter(|_| find.count() > FOUND_SHOWN as u64) {
        writeln!(out, "  last: {}", site(last))?;
    }
    Ok(())
}

fn write_json(out: &mut impl Write, fields: &Output) -> Result<(), Failure> {
    text::write_json(out, &Object { schema: "spoor.find/1", fields })?;
    Ok(())
}

/// The encoding of what was looked for and found there.
fn encoding(patterns: &[(&'static str, Vec<u8>)], found: &Found) -> &'static str {
    patterns.get(found.pattern).map_or("bytes", |(encoding, _)| encoding)
}

fn write_places(
    is_json: bool,
    places: &Places<'_>,
    patterns: &[(&'static str, Vec<u8>)],
    find: &FindBytes,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if is_json {
        return write_json(out, &Output::of_places(places, patterns, find));
    }
    let count = find.found().len() as u64 + find.more();
    writeln!(out, "found at {}", text::plural(count, "place"))?;
    let place = |found: &Found| {
        let until =
            found.until.map_or_else(|| "the end".to_owned(), |until| format!("event {}", grouped(until)));
        format!(
            "{:#x} ({}), from event {} until {until}: {}",
            found.address,
            encoding(patterns, found),
            grouped(found.from),
            valued::writer(places, Some(&found.by))
        )
    };
    for found in find.found().iter().take(FOUND_SHOWN) {
        writeln!(out, "  {}", place(found))?;
    }
    let more = count.saturating_sub(FOUND_SHOWN as u64);
    if let Some(last) = find.last().filter(|_| more > 0) {
        writeln!(out, "  and {} more", grouped(more))?;
        writeln!(out, "  last: {}", place(last))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_read() {
        assert_eq!(hex("de AD\tbe ef"), Ok(Pattern(vec![0xde, 0xad, 0xbe, 0xef])));
        for wrong in ["", "d", "xy", "+1", "é"] {
            assert!(hex(wrong).is_err(), "{wrong}");
        }
        assert_eq!(slots("0x10"), Ok(Slots(vec![16])));
        assert_eq!(slots("-1"), Ok(Slots(vec![0xffff_ffff, u64::MAX])));
        assert_eq!(slots("1.5"), Ok(Slots(vec![0x3fc0_0000, 0x3ff8_0000_0000_0000])));
        assert_eq!(slots("1e300"), Ok(Slots(vec![1e300_f64.to_bits()])));
        assert_eq!(slots("-inf"), Ok(Slots(vec![0xff80_0000, f64::NEG_INFINITY.to_bits()])));
        assert_eq!(slots("18446744073709551615"), Ok(Slots(vec![u64::MAX])));
        for wrong in ["one", "18446744073709551616", "-9223372036854775809", "1e400", "-1e400", ""] {
            assert!(slots(wrong).is_err(), "{wrong}");
        }
    }
}
