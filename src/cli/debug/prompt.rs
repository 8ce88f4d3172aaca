//! The commands of the prompt.

use std::io::Write;

use rustyline::{
    Context, Helper, completion::Completer, highlight::Highlighter, hint::Hinter, validate::Validator,
};
use wasmspoor::{
    module::Opcode,
    text::{self, grouped},
    values::{Activation, Debugger, LastWriters, Level, State, Stop, Stopped, Typed, ValuesError},
};

use super::super::{Failure, places::Places, state, valued};
use super::{listing, stops};

/// What becomes of the prompt after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Quit,
    /// The values are not known as far.
    Ended,
}

/// The commands: name, short name, arguments, what it does.
const COMMANDS: &[(&str, &str, &str, &str)] = &[
    ("step", "s", "[N]", "execute one instruction, or N"),
    ("back", "b", "[N]", "go back one instruction, or N"),
    ("over", "n", "", "execute one instruction, and a call as a whole"),
    ("out", "o", "", "go on until the function has returned"),
    ("continue", "c", "", "go on to the next breakpoint or watchpoint, or to the end"),
    ("reverse-continue", "rc", "", "go back to the last one before, or to the beginning"),
    ("goto", "g", "EVENT", "go to a moment: that before which so many instructions were executed"),
    ("break", "br", "function F | offset N | host NAME | opcode NAME | value N", "set a breakpoint"),
    ("watch", "w", "ADDR:LEN | global N", "stop after bytes of memory, or a global, were written"),
    ("delete", "d", "NUMBER", "take a breakpoint or watchpoint away"),
    ("breakpoints", "i", "", "list breakpoints and watchpoints"),
    ("where", "l", "", "show where it is, and the code around"),
    ("backtrace", "bt", "", "show the call stack"),
    ("locals", "lo", "", "show the locals"),
    ("operands", "op", "", "show the operand stack"),
    ("globals", "gl", "", "show the globals"),
    ("memory", "x", "ADDR:LEN", "show bytes of memory"),
    ("state", "st", "", "show all of the state"),
    ("who-wrote", "ww", "ADDR:LEN", "say who wrote bytes last"),
    ("help", "h", "", "list the commands"),
    ("quit", "q", "", "end"),
];

/// Columns of a command with its arguments, in the list of commands.
const CALL_WIDTH: usize = 32;

/// The prompt.
#[derive(Debug)]
pub(super) struct Prompt<'d, 't> {
    debugger: &'d mut Debugger<'t>,
    places: &'d Places<'t>,
}

/// Does what a line says; whether that went to another moment.
pub(super) fn evaluate<'t>(
    debugger: &mut Debugger<'t>,
    places: &Places<'t>,
    line: &str,
    out: &mut impl Write,
) -> Result<bool, Failure> {
    let before = debugger.position();
    Prompt::new(debugger, places).execute(line, out)?;
    Ok(debugger.position() != before)
}

impl Problem {
    /// Prints what is wrong, unless it ends the program.
    fn tell(self, out: &mut impl Write) -> Result<Flow, Failure> {
        match self {
            Self::Said(message) => {
                writeln!(out, "{}", text::line(&message))?;
                Ok(Flow::On)
            }
            Self::Values(error) => {
                writeln!(out, "the values are known only up to here: {}", text::line(&error.to_string()))?;
                Ok(Flow::Ended)
            }
            Self::Failed(failure) => Err(failure),
        }
    }
}

/// Prints the call stack, the innermost frame first.
fn backtrace(places: &Places<'_>, state: &State, out: &mut impl Write) -> Result<(), Problem> {
    if state::has_threads(state) {
        writeln!(out, "thread {}", state.thread)?;
    }
    levels(places, &state.levels, out)?;
    for waiting in &state.waiting {
        writeln!(out, "thread {}, waits for its turn", waiting.thread)?;
        levels(places, &waiting.levels, out)?;
    }
    Ok(())
}

fn levels(places: &Places<'_>, levels: &[Level], out: &mut impl Write) -> Result<(), Problem> {
    for (depth, level) in levels.iter().rev().enumerate() {
        writeln!(out, "#{depth} {}", level_words(places, level))?;
    }
    Ok(())
}

/// Prints values with their numbers.
fn list_values(values: &[Typed], out: &mut impl Write) -> Result<(), Problem> {
    for (index, value) in values.iter().enumerate() {
        writeln!(out, "{index:>4} {}", valued::words(&valued::shown(value)))?;
    }
    Ok(())
}

/// What the words of `break` and `watch` name; `None` if they are none of these.
fn stop_of(
    debugger: &mut Debugger<'_>,
    places: &Places<'_>,
    name: &str,
    words: &[&str],
) -> Result<Option<Stop>, Problem> {
    let trace = debugger.trace();
    Ok(Some(match (name, words) {
        ("break", ["function", given]) => stops::function(places, given)?,
        ("break", ["offset", given]) => stops::offset(trace, valued::number(given)?)?,
        ("break", ["host", given]) => {
            stops::host(trace, given).ok_or_else(|| format!("the sample imports no function `{given}`"))?
        }
        ("break", ["opcode", given]) => {
            let none = || format!("no instruction is called `{given}`");
            Stop::Opcode(Opcode::from_mnemonic(given).ok_or_else(none)?)
        }
        ("break", ["value", given]) => Stop::Value(super::super::find::slots_of(given)?),
        ("watch", ["global", given]) => stops::global(&debugger.state()?, valued::number(given)?)?,
        ("watch", [given]) => stops::memory(&debugger.state()?, valued::range(given)?)?,
        _ => return Ok(None),
    }))
}

/// What is wrong with the words after a command that takes a number or nothing.
fn check(name: &str, words: &[&str]) -> Result<(), Problem> {
    let is_command = |word: &&&str| COMMANDS.iter().any(|(name, short, ..)| name == *word || short == *word);
    let takes = usage(name);
    let wrong = match words {
        [_, second, ..] => second,
        [first] if takes.is_empty() || valued::number(first).is_err() => first,
        _ => return Ok(()),
    };
    let hint = match Some(wrong).filter(is_command) {
        Some(command) => format!("; `{command}` is a command of its own"),
        None => String::new(),
    };
    let takes = if takes.is_empty() { "nothing" } else { takes };
    Err(format!("`{name}` takes {takes}, not `{}`{hint}", words.join(" ")).into())
}

impl<'d, 't> Prompt<'d, 't> {
    pub(super) fn new(debugger: &'d mut Debugger<'t>, places: &'d Places<'t>) -> Self {
        Self { debugger, places }
    }

    pub(super) fn position(&self) -> u64 {
        self.debugger.position()
    }

    /// Does what a line says. What is wrong with it is printed.
    pub(super) fn execute(&mut self, line: &str, out: &mut impl Write) -> Result<Flow, Failure> {
        let mut words = line.split_whitespace();
        let Some(given) = words.next() else { return Ok(Flow::On) };
        let words: Vec<&str> = words.collect();
        let command = COMMANDS.iter().find(|(name, short, ..)| *name == given || *short == given);
        let Some(&(name, ..)) = command else {
            writeln!(out, "there is no command `{}`; `help` lists them", text::line(given))?;
            return Ok(Flow::On);
        };
        let done = match name {
            "quit" => return Ok(Flow::Quit),
            "help" => return help(out).map(|()| Flow::On),
            "step" | "back" | "over" | "out" | "continue" | "reverse-continue" | "goto" => {
                self.go(name, &words, out)
            }
            "break" | "watch" => self.stop_at(name, &words, out),
            "delete" => self.delete(&words, out),
            "breakpoints" => self.list(out),
            _ => self.show(name, &words, out),
        };
        done.map_or_else(|problem| problem.tell(out), |()| Ok(Flow::On))
    }

    fn go(&mut self, name: &str, words: &[&str], out: &mut impl Write) -> Result<(), Problem> {
        check(name, words)?;
        let number = words.first().map(|word| valued::number(word)).transpose()?;
        let now = self.debugger.position();
        let stopped = match name {
            "step" => self.debugger.go_to(now.saturating_add(number.unwrap_or(1)))?,
            "back" => self.debugger.go_to(now.saturating_sub(number.unwrap_or(1)))?,
            "over" => self.debugger.over()?,
            "out" => self.debugger.out()?,
            "continue" => self.debugger.go_on()?,
            "reverse-continue" => self.debugger.go_back()?,
            _ => self.debugger.go_to(number.ok_or("which event? `goto EVENT`")?)?,
        };
        match stopped {
            Stopped::At(number) => {
                let stop = self.debugger.stops().iter().find(|(found, _)| *found == number);
                let what = stop.map(|(_, stop)| words_of(self.places, stop)).unwrap_or_default();
                writeln!(out, "stopped at {number}: {what}")?;
            }
            Stopped::End => writeln!(out, "the end of the run{}", self.places.ended())?,
            Stopped::Begin => writeln!(out, "the beginning of the run")?,
            Stopped::Step => {}
        }
        self.here(out)
    }

    /// Prints the instruction that is next, with what it will take.
    fn here(&mut self, out: &mut impl Write) -> Result<(), Problem> {
        let state = self.debugger.state()?;
        let Some(frame) = top(&state) else {
            writeln!(out, "event {}, after the last instruction", grouped(state.event))?;
            return Ok(());
        };
        let operands = valued::row(&valued::values(&frame.operands));
        let operands = if operands.is_empty() { operands } else { format!("  ({operands})") };
        let (event, site, opcode) = (grouped(state.event), valued::site(frame), frame.opcode.mnemonic());
        let thread =
            if state::has_threads(&state) { format!("  thread {}", state.thread) } else { String::new() };
        let source = self.places.source(frame.offset);
        writeln!(out, "event {event}  {site} {opcode}{operands}{thread}{source}")?;
        Ok(())
    }

    fn stop_at(&mut self, name: &str, words: &[&str], out: &mut impl Write) -> Result<(), Problem> {
        let stop = stop_of(self.debugger, self.places, name, words)?;
        let stop = stop.ok_or_else(|| format!("how? {name} {}", usage(name)))?;
        let what = words_of(self.places, &stop);
        let number = self.debugger.add(stop).ok_or("there are too many breakpoints")?;
        writeln!(out, "{number}: {what}")?;
        Ok(())
    }

    fn delete(&mut self, words: &[&str], out: &mut impl Write) -> Result<(), Problem> {
        let number = valued::number(words.first().ok_or("which? `delete NUMBER`")?)?;
        let said = if self.debugger.remove(number) { "taken away" } else { "there is none with this number" };
        writeln!(out, "{said}")?;
        Ok(())
    }

    fn list(&mut self, out: &mut impl Write) -> Result<(), Problem> {
        for (number, stop) in self.debugger.stops() {
            writeln!(out, "{number}: {}", words_of(self.places, stop))?;
        }
        Ok(())
    }

    fn memory(&mut self, words: &[&str], out: &mut impl Write) -> Result<(), Problem> {
        let range = valued::range(words.first().ok_or("which? `memory ADDR:LEN`")?)?;
        let bytes = range.bytes(self.debugger.timeline()).map_err(|failure| failure.cause.to_string())?;
        state::dump(range.address, bytes, out).map_err(Problem::Failed)
    }

    fn show(&mut self, name: &str, words: &[&str], out: &mut impl Write) -> Result<(), Problem> {
        if usage(name).is_empty() {
            check(name, words)?;
        }
        let state = self.debugger.state()?;
        match name {
            "where" => {
                if let Some(frame) = top(&state) {
                    listing::around(self.places, frame, out)?;
                }
                self.here(out)?;
            }
            "backtrace" => backtrace(self.places, &state, out)?,
            "locals" | "operands" => {
                let frame = top(&state).ok_or("the run is over")?;
                list_values(if name == "locals" { &frame.locals } else { &frame.operands }, out)?;
            }
            "globals" => list_values(&state.globals, out)?,
            "memory" => self.memory(words, out)?,
            "who-wrote" => self.who_wrote(words, out)?,
            _ => {
                let is_over = self.debugger.timeline().is_over();
                state::print(self.places, &state, is_over, &[], out).map_err(Problem::Failed)?;
            }
        }
        Ok(())
    }

    fn who_wrote(&mut self, words: &[&str], out: &mut impl Write) -> Result<(), Problem> {
        let range = valued::range(words.first().ok_or("which? `who-wrote ADDR:LEN`")?)?;
        valued::check_watched(&range)?;
        let now = self.debugger.position();
        let mut last = LastWriters::of(range.memory, range.address, range.len, now);
        self.debugger.timeline().walk(0, now, &mut last)?;
        range.bytes(self.debugger.timeline()).map_err(|failure| failure.cause.to_string())?;
        for (address, len, writer) in last.runs() {
            let writer = valued::writer(self.places, writer.as_ref());
            writeln!(out, "{}: {writer}", valued::between(address, len))?;
        }
        Ok(())
    }
}

/// Why a command is not done.
enum Problem {
    Said(String),
    Values(ValuesError),
    Failed(Failure),
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self::Said(message)
    }
}

impl From<&str> for Problem {
    fn from(message: &str) -> Self {
        Self::Said(message.into())
    }
}

impl From<ValuesError> for Problem {
    fn from(error: ValuesError) -> Self {
        Self::Values(error)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The innermost function of the sample.
pub(super) fn top(state: &State) -> Option<&Activation> {
    match state.levels.last()? {
        Level::Wasm(frame) => Some(frame),
        Level::Host(_) => None,
    }
}

pub(super) fn level_words(places: &Places<'_>, level: &Level) -> String {
    match level {
        Level::Wasm(frame) => {
            let (function, source) = (places.function(frame.function), places.source(frame.offset));
            format!("{function} at {:#x} {}{source}", frame.offset.0, frame.opcode.mnemonic())
        }
        Level::Host(func) => format!("host function {}", places.callee(*func)),
    }
}

/// A stop in words.
pub(super) fn words_of(places: &Places<'_>, stop: &Stop) -> String {
    match stop {
        Stop::Function(func) => format!("function {}", places.function(*func)),
        Stop::Offset(offset) => format!("offset {:#x}", offset.0),
        Stop::Opcode(opcode) => format!("opcode {}", opcode.mnemonic()),
        Stop::Host(func) => format!("host function {}", places.callee(*func)),
        Stop::Value(slots) => {
            let slots: Vec<String> = slots.iter().map(|slot| format!("{slot:#x}")).collect();
            format!("value {}", slots.join(" or "))
        }
        Stop::Memory { memory, address, len } => {
            format!("memory {memory} at {} written", valued::between(*address, *len))
        }
        Stop::Global(global) => format!("global {global} changed"),
    }
}

fn usage(name: &str) -> &'static str {
    COMMANDS.iter().find(|(found, ..)| *found == name).map_or("", |(_, _, arguments, _)| arguments)
}

fn help(out: &mut impl Write) -> Result<(), Failure> {
    for (name, short, arguments, what) in COMMANDS {
        let call = format!("{name} {arguments}");
        let mut call = call.trim();
        // One that is wider than its column has a line of its own.
        if call.len() > CALL_WIDTH {
            writeln!(out, "  {call}")?;
            call = "";
        }
        writeln!(out, "  {call:<CALL_WIDTH$} {short:<3} {what}")?;
    }
    writeln!(out, "Numbers are decimal or begin with 0x. F is an index or a name.")?;
    Ok(())
}

/// What completion knows: commands, and names of the sample.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn of(places: &Places<'_>) -> Self {
        let trace = places.trace;
        let commands = COMMANDS.iter().map(|(name, ..)| (*name).to_owned());
        let kinds = ["function", "offset", "host", "opcode", "value", "global"].map(str::to_owned);
        let hosts = trace.hosts.values().map(|host| host.name.to_string());
        let functions = trace.modules.first().into_iter().flat_map(|module| {
            module.defined().filter_map(|func| places.name(func).map(str::to_owned)).collect::<Vec<_>>()
        });
        Self(commands.chain(kinds).chain(hosts).chain(functions).collect())
    }

    /// The words that begin so, and where the word in the line begins.
    pub(super) fn beginning(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.rfind(char::is_whitespace).map_or(0, |space| space + 1);
        let word = &line[start..];
        (start, self.0.iter().filter(|known| known.starts_with(word)).cloned().collect())
    }
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.beginning(line.get(..position).unwrap_or(line)))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}

impl Validator for Words {}

impl Helper for Words {}

#[cfg(test)]
mod tests {
    use wasmspoor::{module::view::Symbols, trace::Trace};

    use super::*;

    #[test]
    fn words_are_completed() {
        let words = Words::of(&Places::new(&Trace::default(), Symbols::default()));
        assert_eq!(words.beginning("rev"), (0, vec!["reverse-continue".to_owned()]));
        assert_eq!(words.beginning("break func"), (6, vec!["function".to_owned()]));
    }

    #[test]
    fn no_command_has_the_name_of_another() {
        let mut names: Vec<&str> = COMMANDS.iter().flat_map(|(name, short, ..)| [*name, *short]).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
