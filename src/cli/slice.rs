//! `spoor slice`: the instructions that a value comes from.

use std::{collections::BTreeMap, io::Write, path::PathBuf, rc::Rc};

use clap::{Args, ValueEnum};
use serde::Serialize;
use wasmspoor::{
    module::SourceFrame,
    text::{self, grouped},
    trace::Trace,
    values::{Activation, Definition, Gives, Level, Slice, Slicer, State, Timeline},
};

use super::{
    Exit, Failure,
    output::Object,
    places::Places,
    report::DetachedSample,
    symbols,
    valued::{self, Range, WriterJson},
};

/// Show the instructions that a value comes from, across calls and memory, back to the host, segments and
/// constants
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor slice sample.spoor --at 120000
  spoor slice sample.spoor --at 120000 --operand 1 --addresses
  spoor slice sample.spoor --at 120000 --memory 0x400:16
  spoor slice sample.spoor --at 120000 --format dot | dot -Tsvg -o slice.svg

Without --operand and --memory: what the instruction that is event N gives, if it is a local.get or global.get, else all operands. Operands are numbered as `spoor state` shows them, the bottom of the
stack first. What only moves values (locals, globals, calls, copies) is followed and not shown.
Exit codes: 0 shown; 1 the values are not known as far, or the file lost its sample or header; 2 wrong usage, or a file that cannot be read; 3 nothing ran.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    /// The moment: before event N, as `spoor dump --from` counts
    #[arg(long, value_name = "EVENT", allow_negative_numbers = true, value_parser = valued::number)]
    at: u64,
    /// The operand with this number on the operand stack
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    operand: Option<usize>,
    /// Bytes of memory: address and length, decimal or with 0x
    #[arg(long, value_name = "[MEMORY:]ADDR:LEN", value_parser = valued::range, conflicts_with = "operand")]
    memory: Option<Range>,
    /// Follow what addresses come from, too
    #[arg(long)]
    addresses: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each instruction, in the order of the run
    Text,
    /// One JSON object; its fields are described in docs/json.md
    Json,
    /// A graph for Graphviz
    Dot,
}

#[derive(Debug, Serialize)]
struct Output {
    at: u64,
    of: &'static str,
    is_cut: bool,
    steps: Vec<StepJson>,
    edges: Vec<(usize, usize)>,
    roots: Vec<usize>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum StepJson {
    Instruction {
        event: u64,
        function: u32,
        offset: u32,
        opcode: &'static str,
        #[serde(skip_serializing_if = "valued::no_frames")]
        source: Rc<[SourceFrame]>,
        value: u64,
    },
    Write(WriterJson),
    Argument {
        event: u64,
        callee: String,
        index: u32,
    },
    Result {
        event: u64,
        host: String,
    },
}

/// What the slice is of.
#[derive(Debug)]
enum Of {
    Memory(Range),
    /// Slots of the innermost frame, where operands are.
    Operands(Vec<usize>),
    /// What the instruction gives, which is a local.
    Local(Vec<usize>),
    /// What it gives, which is a global.
    Global(u32),
    /// Nothing: the instruction takes no operands.
    Nothing,
}

impl Of {
    fn new(arguments: &Arguments, state: &State) -> Result<Self, Failure> {
        let frame = match (arguments.memory, state.levels.last()) {
            (Some(range), _) => return Ok(Self::Memory(range)),
            (None, Some(Level::Wasm(frame))) => frame,
            _ => return Err(valued::usage("the run is over at this event: name bytes with --memory")),
        };
        let takes_nothing = takes_nothing(frame.opcode.mnemonic());
        Ok(match (arguments.operand, frame.gives) {
            (None, Some(Gives::Local(first, len))) => {
                Self::Local((first..first.saturating_add(len)).map(|slot| slot as usize).collect())
            }
            (None, Some(Gives::Global(number))) => Self::Global(number),
            (None, None) if takes_nothing || frame.operands.is_empty() => Self::Nothing,
            (operand, _) => Self::Operands(slots(frame, operand)?),
        })
    }

    fn slice(&self, slicer: &Slicer) -> Slice {
        match self {
            Self::Memory(Range { memory, address, len }) => slicer.of_memory(*memory, *address, *len),
            Self::Operands(slots) | Self::Local(slots) => slicer.of_slots(slots.iter().copied()),
            Self::Global(number) => slicer.of_global(*number),
            Self::Nothing => Slice::default(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Operands(_) => "operands",
            Self::Local(_) => "local",
            Self::Global(_) => "global",
            Self::Nothing => "nothing",
        }
    }

    /// What is said if the slice has no step.
    fn when_empty(&self, trace: &Trace, state: &State) -> String {
        let Some(Level::Wasm(frame)) = state.levels.last().filter(|_| matches!(self, Self::Nothing)) else {
            return "it comes from nothing that is followed: it is what memory, a local or a global begins with".into();
        };
        let module = trace.modules.first();
        let immediates = module.map_or_else(String::new, |module| module.immediates(frame.offset));
        let mnemonic = frame.opcode.mnemonic();
        let written = format!("{mnemonic} {immediates}").trim_end().to_owned();
        let said = match mnemonic {
            "memory.size" | "table.size" => {
                format!("`{written}` gives a size: that of the beginning, and what grew it since")
            }
            "ref.null" | "ref.func" => format!("`{written}` gives a reference that the code names"),
            _ if mnemonic.ends_with(".const") => format!("`{written}` gives a constant of the code"),
            _ => format!("`{written}` takes no operands"),
        };
        match frame.operands.len() as u64 {
            0 => said,
            below => format!("{said}; {} below it: --operand names one", text::plural(below, "operand")),
        }
    }
}

/// Whether an instruction takes nothing from the operand stack, whatever lies there.
fn takes_nothing(mnemonic: &str) -> bool {
    let others = [
        "nop",
        "memory.size",
        "table.size",
        "ref.null",
        "ref.func",
        "data.drop",
        "elem.drop",
        "atomic.fence",
    ];
    mnemonic.ends_with(".const") || others.contains(&mnemonic)
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let recorded = valued::open(&arguments.sample, &arguments.file)?;
    let trace = valued::trace(&recorded)?;
    let places = &arguments.symbols.places(trace)?;
    let mut timeline = Timeline::new(trace).map_err(valued::end)?;
    let state = timeline.state(arguments.at).map_err(valued::end)?;
    let of = Of::new(arguments, &state)?;
    if let Some(range) = arguments.memory {
        range.bytes(&timeline)?;
    }
    let mut slicer = Slicer::new(state.event, arguments.addresses);
    // The instruction itself too: it says that the moment is reached.
    timeline.walk(0, state.event.saturating_add(1), &mut slicer).map_err(valued::end)?;
    let slice = of.slice(&slicer);
    match arguments.format {
        Format::Text => {
            print(places, &slice, out)?;
            if slice.steps.is_empty() {
                writeln!(out, "{}", of.when_empty(trace, &state))?;
            }
        }
        Format::Json => {
            let fields = output(places, state.event, of.name(), &slice);
            text::write_json(out, &Object { schema: "spoor.slice/1", fields: &fields })?;
        }
        Format::Dot => dot(places, &slice, out)?,
    }
    Ok(Exit::Done)
}

/// The slots of an operand, or of all.
fn slots(frame: &Activation, operand: Option<usize>) -> Result<Vec<usize>, Failure> {
    let mut slots = frame.operands.iter().zip(&frame.operand_slots).map(|(operand, &first)| {
        let first = first as usize;
        first..first + operand.ty.slots() as usize
    });
    match operand {
        None => Ok(slots.flatten().collect()),
        Some(number) => {
            let none = || {
                let count = text::plural(frame.operands.len() as u64, "operand");
                valued::usage(format!(
                    "there is no operand {number}: {count} before {}",
                    frame.opcode.mnemonic()
                ))
            };
            slots.nth(number).map(Iterator::collect).ok_or_else(none)
        }
    }
}

fn words(places: &Places<'_>, step: &Definition) -> String {
    match step {
        Definition::Instruction { event, function, offset, opcode, value } => {
            let (event, mnemonic, source) = (grouped(*event), opcode.mnemonic(), places.source(*offset));
            format!(
                "event {event}, wasm-function[{function}]:{:#x} {mnemonic} → {value:#x}{source}",
                offset.0
            )
        }
        Definition::Write(writer) => valued::writer(places, Some(writer)),
        Definition::Argument { event, func, index } => {
            format!("before event {}, argument {index} of {}", grouped(*event), places.callee(*func))
        }
        Definition::Result { event, func } => {
            format!("before event {}, result of host function {}", grouped(*event), places.callee(*func))
        }
    }
}

fn print(places: &Places<'_>, slice: &Slice, out: &mut impl Write) -> Result<(), Failure> {
    let mut uses: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (user, used) in &slice.edges {
        uses.entry(*user).or_default().push(*used);
    }
    if slice.is_cut {
        writeln!(out, "cut: what comes before is not followed")?;
    }
    for (position, step) in slice.steps.iter().enumerate() {
        let of =
            uses.get(&position).map(|uses| uses.iter().map(|used| format!("#{used}")).collect::<Vec<_>>());
        let of = of.map(|of| format!("  of {}", of.join(" "))).unwrap_or_default();
        let mark = if slice.roots.contains(&position) { '>' } else { ' ' };
        writeln!(out, "{mark} #{position:<4} {}{of}", words(places, step))?;
    }
    Ok(())
}

fn output(places: &Places<'_>, at: u64, of: &'static str, slice: &Slice) -> Output {
    let step = |step: &Definition| match step {
        Definition::Instruction { event, function, offset, opcode, value } => StepJson::Instruction {
            event: *event,
            function: function.0,
            offset: offset.0,
            opcode: opcode.mnemonic(),
            source: places.frames(*offset),
            value: *value,
        },
        Definition::Write(writer) => StepJson::Write(WriterJson::of(places, Some(writer))),
        Definition::Argument { event, func, index } => {
            StepJson::Argument { event: *event, callee: places.callee(*func), index: *index }
        }
        Definition::Result { event, func } => StepJson::Result { event: *event, host: places.callee(*func) },
    };
    Output {
        at,
        of,
        is_cut: slice.is_cut,
        steps: slice.steps.iter().map(step).collect(),
        edges: slice.edges.clone(),
        roots: slice.roots.clone(),
    }
}

fn dot(places: &Places<'_>, slice: &Slice, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "digraph slice {{\n  node [shape=box, fontname=monospace];")?;
    for (position, step) in slice.steps.iter().enumerate() {
        let label = words(places, step).replace('\\', "\\\\").replace('"', "\\\"");
        let style = if slice.roots.contains(&position) { ", penwidth=2" } else { "" };
        writeln!(out, "  n{position} [label=\"{label}\"{style}];")?;
    }
    for (user, used) in &slice.edges {
        writeln!(out, "  n{used} -> n{user};")?;
    }
    Ok(writeln!(out, "}}")?)
}
