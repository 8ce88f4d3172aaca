//! The Debug Adapter Protocol, on a pair of streams: an editor walks through a recorded run, backwards too.
//!
//! The source of a function is its listing, an instruction on each line, so breakpoints can be set by line.
//! One thread, one answer at a time; messages are bounded.

use std::io::{BufRead, Read as _, Write};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use wasmspoor::{
    module::{CodeOffset, FuncIndex},
    trace::MAIN,
    values::{Debugger, Level, State, Stop, Stopped, Typed, ValuesError},
};

use super::super::{
    Exit, Failure,
    limits::{DAP_HEADER, DAP_INSTRUCTIONS, DAP_MEMORY, DAP_MESSAGE},
    places::Places,
    valued,
};
use super::{listing, prompt, stops};

/// What an editor asks for.
#[derive(Debug, Deserialize)]
struct Request {
    seq: i64,
    command: String,
    #[serde(default)]
    arguments: Json,
}

/// What set a breakpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A line of the source with this reference.
    Source(u64),
    Function,
    Instruction,
    Data,
}

/// The adapter.
struct Adapter<'t, 'o, W> {
    debugger: Debugger<'t>,
    places: &'o Places<'t>,
    out: &'o mut W,
    seq: i64,
    /// Stops by what set them, so that a new list takes the place of the old one.
    stops: Vec<(By, u64)>,
    exit: Exit,
}

/// Serves until the editor disconnects.
pub(super) fn serve<'t>(
    debugger: Debugger<'t>,
    places: &Places<'t>,
    mut input: impl BufRead,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let mut adapter = Adapter { debugger, places, out, seq: 1, stops: Vec::new(), exit: Exit::Done };
    while let Some(message) = read(&mut input)? {
        let request: Request = match serde_json::from_slice(&message) {
            Ok(request) => request,
            // A message that is no request is passed over: there is nobody to answer.
            Err(_) => continue,
        };
        if !adapter.answer(&request)? {
            break;
        }
    }
    Ok(adapter.exit)
}

/// Requests whose answer has no body.
const PLAIN: &[&str] = &[
    "launch",
    "attach",
    "configurationDone",
    "disconnect",
    "terminate",
    "next",
    "stepIn",
    "stepOut",
    "stepBack",
    "reverseContinue",
    "setExceptionBreakpoints",
];

/// What this server can do.
fn capabilities() -> Json {
    json!({
        "supportsConfigurationDoneRequest": true,
        "supportsStepBack": true,
        "supportsFunctionBreakpoints": true,
        "supportsInstructionBreakpoints": true,
        "supportsDataBreakpoints": true,
        "supportsReadMemoryRequest": true,
        "supportsDisassembleRequest": true,
        "supportsSteppingGranularity": true,
        "supportsEvaluateForHovers": false,
        "supportsTerminateRequest": true,
    })
}

/// Reads a message; `None` at the end of the input.
fn read(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let mut len = None;
    loop {
        let mut line = String::new();
        // A line of a header is short.
        if input.by_ref().take(DAP_HEADER).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            len = value.trim().parse::<u64>().ok();
        }
    }
    let len = len.filter(|len| *len <= DAP_MESSAGE);
    let len = len.ok_or_else(|| {
        valued::usage(format!("a message without a length, or of more than {DAP_MESSAGE} bytes"))
    })?;
    let mut message = Vec::new();
    input.take(len).read_to_end(&mut message)?;
    Ok((message.len() as u64 == len).then_some(message))
}

/// Why a request is not answered.
enum Refused {
    Said(String),
    Failed(Failure),
}

impl From<&str> for Refused {
    fn from(message: &str) -> Self {
        Self::Said(message.into())
    }
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self::Said(message)
    }
}

impl From<ValuesError> for Refused {
    fn from(error: ValuesError) -> Self {
        Self::Said(format!("the values are known only up to here: {error}"))
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Numbers of frames: the thread in the upper part, the position in its call stack in the lower.
const FRAMES: u64 = 1 << 24;

/// References to variables: the frame in the upper part, what of it in the lower.
const LOCALS: u64 = 1;
const OPERANDS: u64 = 2;
const GLOBALS: u64 = 3;
const KINDS: u64 = 4;

/// A value by its name. An `i32` may be an address, so that memory can be looked at from there.
fn variable(name: String, typed: &Typed) -> Json {
    let value = valued::value(typed);
    let mut shown =
        json!({ "name": name, "value": valued::words(&valued::shown(typed)), "variablesReference": 0 });
    if let wasmspoor::Value::I32(address) = value {
        shown["memoryReference"] = format!("{:#x}", address as u32).into();
    }
    shown
}

impl<W: Write> Adapter<'_, '_, W> {
    fn send(&mut self, mut message: Json) -> Result<(), Failure> {
        message["seq"] = self.seq.into();
        self.seq += 1;
        let text = message.to_string();
        write!(self.out, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        Ok(self.out.flush()?)
    }

    fn event(&mut self, event: &str, body: Json) -> Result<(), Failure> {
        self.send(json!({ "type": "event", "event": event, "body": body }))
    }

    /// Answers a request; whether more are read.
    fn answer(&mut self, request: &Request) -> Result<bool, Failure> {
        let answer = self.body(request);
        let mut message = json!({
            "type": "response", "request_seq": request.seq, "command": request.command, "success": answer.is_ok(),
        });
        match answer {
            Ok(body) => message["body"] = body,
            Err(Refused::Said(why)) => message["message"] = why.into(),
            Err(Refused::Failed(failure)) => return Err(failure),
        }
        let is_done = message["success"] == true;
        self.send(message)?;
        match request.command.as_str() {
            "initialize" => self.event("initialized", json!({}))?,
            "configurationDone" => self.stopped("entry", &[])?,
            "continue" | "next" | "stepIn" | "stepOut" | "stepBack" | "reverseContinue" | "goto"
                if is_done =>
            {
                self.go(&request.command)?
            }
            "disconnect" | "terminate" => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn body(&mut self, request: &Request) -> Result<Json, Refused> {
        let arguments = &request.arguments;
        Ok(match request.command.as_str() {
            "initialize" => capabilities(),
            command if PLAIN.contains(&command) => json!({}),
            "continue" => json!({ "allThreadsContinued": true }),
            "threads" => threads(&self.debugger.state()?),
            "setBreakpoints" => self.set_lines(arguments)?,
            "setFunctionBreakpoints" => self.set_functions(arguments)?,
            "setInstructionBreakpoints" => self.set_instructions(arguments)?,
            "dataBreakpointInfo" => data_info(&self.debugger.state()?, arguments),
            "setDataBreakpoints" => self.set_data(arguments)?,
            "stackTrace" => self.stack(arguments)?,
            "scopes" => self.scopes(arguments)?,
            "variables" => self.variables(arguments)?,
            "source" => self.source(arguments)?,
            "readMemory" => self.memory(arguments)?,
            "disassemble" => self.disassemble(arguments)?,
            "evaluate" => self.evaluate(arguments)?,
            other => return Err(format!("`{other}` is not known here").into()),
        })
    }

    // Walking.

    fn go(&mut self, command: &str) -> Result<(), Failure> {
        let stopped = match command {
            "continue" => self.debugger.go_on(),
            "reverseContinue" => self.debugger.go_back(),
            "next" => self.debugger.over(),
            "stepOut" => self.debugger.out(),
            "stepBack" => self.debugger.back(),
            _ => self.debugger.step(),
        };
        match stopped {
            Ok(Stopped::At(number)) => {
                let is_data = self.stops.iter().any(|(by, stop)| *by == By::Data && *stop == number);
                self.stopped(if is_data { "data breakpoint" } else { "breakpoint" }, &[number])
            }
            Ok(Stopped::Begin) => self.stopped("entry", &[]),
            Ok(Stopped::Step) => self.stopped("step", &[]),
            // The run can still be walked back from its end.
            Ok(Stopped::End) => {
                let output = format!("the end of the run{}\n", self.places.ended());
                self.event("output", json!({ "category": "important", "output": output }))?;
                self.stopped("step", &[])
            }
            Err(error) => {
                self.exit = Exit::Findings;
                let output = format!("the values are known only up to here: {error}\n");
                self.event("output", json!({ "category": "important", "output": output }))?;
                self.stopped("exception", &[])
            }
        }
    }

    fn stopped(&mut self, reason: &str, hit: &[u64]) -> Result<(), Failure> {
        // Where the values are not known, nor is the thread.
        let thread = self.debugger.state().map_or(MAIN, |state| state.thread);
        let body = json!({
            "reason": reason, "threadId": id_of(thread), "allThreadsStopped": true, "hitBreakpointIds": hit,
        });
        self.event("stopped", body)
    }

    // Breakpoints.

    /// Takes the stops of a kind away, and sets others: what each is, or why it is none.
    fn set(&mut self, by: By, stops: Vec<Result<Stop, String>>) -> Json {
        for (_, number) in self.stops.extract_if(.., |(found, _)| *found == by) {
            self.debugger.remove(number);
        }
        let mut breakpoints = Vec::new();
        for stop in stops {
            let added =
                stop.and_then(|stop| self.debugger.add(stop).ok_or_else(|| "there are too many".into()));
            breakpoints.push(match added {
                Ok(number) => {
                    self.stops.push((by, number));
                    json!({ "id": number, "verified": true })
                }
                Err(why) => json!({ "verified": false, "message": why }),
            });
        }
        json!({ "breakpoints": breakpoints })
    }

    /// Breakpoints on lines of the listing of a function.
    fn set_lines(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let reference = arguments["source"]["sourceReference"].as_u64().unwrap_or(0);
        let ops = match function_of(reference) {
            Some(func) => listing::ops(self.debugger.trace(), func),
            None => &[],
        };
        let stops = list(arguments, "breakpoints").map(|breakpoint| {
            let line = breakpoint["line"].as_u64().unwrap_or(0) as usize;
            let op = line.checked_sub(1).and_then(|line| ops.get(line));
            op.map(|op| Stop::Offset(op.offset))
                .ok_or_else(|| "there is no instruction on this line".to_owned())
        });
        let stops = stops.collect();
        Ok(self.set(By::Source(reference), stops))
    }

    fn set_functions(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let places = self.places;
        let stops = list(arguments, "breakpoints").map(|breakpoint| {
            let name = breakpoint["name"].as_str().unwrap_or_default();
            function_stop(places, name)
        });
        let stops = stops.collect();
        Ok(self.set(By::Function, stops))
    }

    fn set_instructions(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let trace = self.debugger.trace();
        let stops = list(arguments, "breakpoints").map(|breakpoint| {
            let base = valued::number(breakpoint["instructionReference"].as_str().unwrap_or_default())?;
            stops::offset(trace, base.saturating_add_signed(breakpoint["offset"].as_i64().unwrap_or(0)))
        });
        let stops = stops.collect();
        Ok(self.set(By::Instruction, stops))
    }

    fn set_data(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let state = self.debugger.state()?;
        let stops = list(arguments, "breakpoints")
            .map(|breakpoint| watched(&state, breakpoint["dataId"].as_str().unwrap_or_default()));
        let stops = stops.collect();
        Ok(self.set(By::Data, stops))
    }

    // Showing.

    fn stack(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let state = self.debugger.state()?;
        let places = self.places;
        let thread =
            arguments["threadId"].as_u64().map_or(u64::from(state.thread), |id| id.saturating_sub(1));
        let levels = levels_of(&state, thread).ok_or("there is no such thread now")?;
        let first = thread.saturating_mul(FRAMES);
        let id = |number: usize| first.saturating_add(number as u64);
        let frame = |(number, level): (usize, &Level)| match level {
            Level::Wasm(frame) => json!({
                "id": id(number),
                "name": places.function(frame.function),
                "line": listing::line_of(places.trace, frame.function, frame.offset),
                "column": 1,
                "instructionPointerReference": format!("{:#x}", frame.offset.0),
                "source": self.listing(frame.function),
            }),
            Level::Host(func) => json!({
                "id": id(number), "name": places.callee(*func), "line": 0, "column": 0,
                "presentationHint": "label",
            }),
        };
        let start = arguments["startFrame"].as_u64().unwrap_or(0);
        // No number of levels, and 0, mean all of them.
        let most = arguments["levels"].as_u64().filter(|levels| *levels > 0).unwrap_or(u64::MAX);
        let part = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let frames = levels.iter().enumerate().rev().skip(part(start)).take(part(most));
        let frames: Vec<Json> = frames.map(frame).collect();
        Ok(json!({ "totalFrames": levels.len(), "stackFrames": frames }))
    }

    fn scopes(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let frame = arguments["frameId"].as_u64().ok_or("which frame?")?;
        let reference = |kind: u64| frame.saturating_mul(KINDS).saturating_add(kind);
        let scope = |(name, kind): (&str, u64)| json!({ "name": name, "variablesReference": reference(kind), "expensive": false });
        let scopes = [("Locals", LOCALS), ("Operands", OPERANDS), ("Globals", GLOBALS)].map(scope);
        Ok(json!({ "scopes": scopes }))
    }

    fn variables(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let reference = arguments["variablesReference"].as_u64().ok_or("which variables?")?;
        let (frame, kind) = (reference / KINDS, reference % KINDS);
        let state = self.debugger.state()?;
        let level =
            levels_of(&state, frame / FRAMES).and_then(|levels| levels.get((frame % FRAMES) as usize));
        let values: &[Typed] = match (kind, level) {
            (GLOBALS, _) => globals_of(&state, frame / FRAMES).unwrap_or_default(),
            (LOCALS, Some(Level::Wasm(frame))) => &frame.locals,
            (OPERANDS, Some(Level::Wasm(frame))) => &frame.operands,
            _ => &[],
        };
        let prefix = match kind {
            GLOBALS => "global",
            LOCALS => "local",
            _ => "operand",
        };
        let shown = |(index, typed): (usize, &Typed)| variable(format!("{prefix} {index}"), typed);
        let variables: Vec<Json> = values.iter().enumerate().map(shown).collect();
        Ok(json!({ "variables": variables }))
    }

    fn source(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let reference = arguments["source"]["sourceReference"].as_u64();
        let reference = reference.or(arguments["sourceReference"].as_u64()).unwrap_or(0);
        let func = function_of(reference).ok_or("there is no such source")?;
        let text = listing::text(self.places, func);
        match text.is_empty() {
            true => Err("the function has no code".into()),
            false => Ok(json!({ "content": text, "mimeType": "text/x-wasm" })),
        }
    }

    fn memory(&mut self, arguments: &Json) -> Result<Json, Refused> {
        use base64::Engine as _;
        let reference = arguments["memoryReference"].as_str().unwrap_or_default();
        let (memory, base) = match reference.split_once(':') {
            Some((memory, base)) => (valued::number(memory)?, valued::number(base)?),
            None => (0, valued::number(reference)?),
        };
        let begin = base.saturating_add_signed(arguments["offset"].as_i64().unwrap_or(0));
        let len = arguments["count"].as_u64().unwrap_or(0).min(DAP_MEMORY);
        self.debugger.state()?;
        let timeline = self.debugger.timeline();
        let all = u32::try_from(memory).ok().and_then(|memory| timeline.memory(memory));
        let all =
            all.or((memory == 0).then_some(&[])).ok_or_else(|| format!("there is no memory {memory}"))?;
        let first = usize::try_from(begin).unwrap_or(usize::MAX).min(all.len());
        let end = first.saturating_add(len as usize).min(all.len());
        let bytes = all.get(first..end).unwrap_or_default();
        Ok(json!({
            "address": format!("{begin:#x}"),
            "data": base64::engine::general_purpose::STANDARD.encode(bytes),
            "unreadableBytes": len - bytes.len() as u64,
        }))
    }

    /// The instructions around one, of its function. Beyond that there are none, and the protocol wants as
    /// many as it asked for.
    fn disassemble(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let base = valued::number(arguments["memoryReference"].as_str().unwrap_or_default())?;
        let at = base.saturating_add_signed(arguments["offset"].as_i64().unwrap_or(0));
        let count = arguments["instructionCount"].as_u64().unwrap_or(0).min(DAP_INSTRUCTIONS);
        let module = self.places.trace.modules.first().ok_or("there is no module")?;
        let offset = CodeOffset(u32::try_from(at).unwrap_or(u32::MAX));
        let func = module.function_at(offset).ok_or_else(|| format!("no code is at {at:#x}"))?;
        let ops = listing::ops(self.places.trace, func);
        let position = ops.partition_point(|op| op.offset < offset) as i64;
        let first = position.saturating_add(arguments["instructionOffset"].as_i64().unwrap_or(0));
        let one = |number: i64| {
            let op = usize::try_from(number).ok().and_then(|number| ops.get(number));
            match op {
                Some(op) => json!({
                    "address": format!("{:#x}", op.offset.0),
                    "instruction": listing::instruction(self.places, op),
                    "symbol": self.places.function(func),
                    "line": number + 1,
                    "location": self.listing(func),
                }),
                // An address that is no other's.
                None => json!({
                    "address": format!("{:#x}", i64::from(u32::MAX).saturating_add(number).max(0)),
                    "instruction": "",
                    "presentationHint": "invalid",
                }),
            }
        };
        let instructions: Vec<Json> =
            (0..count as i64).map(|number| one(first.saturating_add(number))).collect();
        Ok(json!({ "instructions": instructions }))
    }

    /// The listing of a function, as a source.
    fn listing(&self, func: FuncIndex) -> Json {
        json!({ "name": self.places.function(func), "sourceReference": u64::from(func.0) + 1 })
    }

    /// The commands of the prompt, in the console of the editor: those that show something.
    fn evaluate(&mut self, arguments: &Json) -> Result<Json, Refused> {
        let line = arguments["expression"].as_str().unwrap_or_default();
        let mut shown = Vec::new();
        let moved = prompt::evaluate(&mut self.debugger, self.places, line, &mut shown)?;
        if moved {
            self.stopped("goto", &[])?;
        }
        let mut answer = json!({ "result": String::from_utf8_lossy(&shown), "variablesReference": 0 });
        // Bytes that are shown can be looked at further, of another memory than the first, too.
        if let Some(("memory" | "x", range)) = line.trim().split_once(' ')
            && let Ok(range) = valued::range(range.trim())
        {
            answer["memoryReference"] = match range.memory {
                0 => format!("{:#x}", range.address).into(),
                memory => format!("{memory}:{:#x}", range.address).into(),
            };
        }
        Ok(answer)
    }
}

fn list<'a>(arguments: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    arguments[name].as_array().into_iter().flatten()
}

/// The number of a thread for an editor, which wants them from 1 on.
fn id_of(thread: u32) -> u64 {
    u64::from(thread) + 1
}

/// The call stack of a thread.
fn levels_of(state: &State, thread: u64) -> Option<&[Level]> {
    if u64::from(state.thread) == thread {
        return Some(&state.levels);
    }
    let waiting = state.waiting.iter().find(|waiting| u64::from(waiting.thread) == thread);
    waiting.map(|waiting| &waiting.levels[..])
}

/// The globals of a thread: each has its own.
fn globals_of(state: &State, thread: u64) -> Option<&[Typed]> {
    if u64::from(state.thread) == thread {
        return Some(&state.globals);
    }
    let waiting = state.waiting.iter().find(|waiting| u64::from(waiting.thread) == thread);
    waiting.map(|waiting| &waiting.globals[..])
}

/// All threads of now.
fn threads(state: &State) -> Json {
    let mut numbers: Vec<u32> = state.waiting.iter().map(|waiting| waiting.thread).collect();
    numbers.push(state.thread);
    numbers.sort_unstable();
    let name = |thread: u32| match (thread, numbers.len()) {
        (MAIN, 1) => "sample".to_owned(),
        (MAIN, _) => "thread 0, of the entry point".to_owned(),
        _ => format!("thread {thread}"),
    };
    let threads: Vec<_> =
        numbers.iter().map(|&thread| json!({ "id": id_of(thread), "name": name(thread) })).collect();
    json!({ "threads": threads })
}

/// The function whose listing is a source.
fn function_of(reference: u64) -> Option<FuncIndex> {
    u32::try_from(reference.checked_sub(1)?).ok().map(FuncIndex)
}

/// A function of the sample, or of the host, by name.
fn function_stop(places: &Places<'_>, name: &str) -> Result<Stop, String> {
    stops::host(places.trace, name).map_or_else(|| stops::function(places, name), Ok)
}

/// The bytes or the global that are to be watched.
fn watched(state: &State, id: &str) -> Result<Stop, String> {
    match id.strip_prefix("global ") {
        Some(global) => stops::global(state, valued::number(global)?),
        None => stops::memory(state, valued::range(id)?),
    }
}

/// What identifies bytes or a global that are to be watched.
fn data_info(state: &State, arguments: &Json) -> Json {
    let name = arguments["name"].as_str().unwrap_or_default();
    match watched(state, name) {
        Ok(_) => json!({ "dataId": name, "description": name, "accessTypes": ["write"] }),
        Err(_) => json!({ "dataId": null, "description": "globals and ADDR:LEN can be watched" }),
    }
}
