//! One imported function at work: it logs a call, has it answered, and logs the answer.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    module::FuncIndex,
    trace::MAIN,
    tracer::{Caller, HostError, HostFn, Reference, Value},
};

use super::limits::{CARVE_GLANCE, CARVE_SCAN, CARVED_LEN, STRING_MEASURED};
use super::{
    context::{Act, CallContext, CallEnd},
    embedder::Answerer,
    log::{self, Callee, IOVS},
    origin,
    signature::{Kind, Param},
    state::{State, lock},
    stubs::Stub,
    types::{Answer, Arg, Call, LeakPlace},
    wasi::Errno,
    world::{Fitting, Nest, Taken, units_of},
};

/// Names of arguments that are numbers of resources, whose names are logged.
const HANDLES: [&str; 6] = ["file", "folder", "listing", "resource", "socket", "stream"];

/// What answers a call.
#[derive(Debug)]
pub(super) enum Body {
    /// A closure of the embedder.
    Closure(Answerer),
    /// A stub of the user: its position among all stubs, and what it says.
    Stub(usize, Stub),
    /// A behaviour that answers from the state of the run.
    Act(Act),
    /// A WASI function: its error is its result.
    Wasi(fn(&mut CallContext<'_, '_>) -> Result<(), Errno>),
    /// A behaviour that calls back into the sample.
    Nest(Nest),
    /// Such a one if the call is for it, and else one that answers from the state of the run.
    Either(Fitting, Act),
    /// Zeros.
    Zeros,
}

/// An imported function.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) func: FuncIndex,
    pub(super) module: Arc<str>,
    pub(super) name: Arc<str>,
    /// What it shares its room in the log with.
    pub(super) quota: Arc<str>,
    pub(super) params: Vec<Param>,
    pub(super) body: Body,
    pub(super) answer: Answer,
    /// Whether what it answers is made up.
    pub(super) fabricated: bool,
    /// Whether each `i64` comes as two `i32`, as JavaScript needed it.
    pub(super) is_split: bool,
    pub(super) is_unstable: bool,
    /// The known function that it is taken for, if its name does not tell.
    pub(super) taken_for: Option<&'static str>,
    /// What gives room for its results, if that is not what gives it for all others.
    pub(super) realloc: Option<Box<str>>,
    pub(super) state: Arc<Mutex<State>>,
}

impl HostFn for Import {
    fn call(&self, call: &mut Caller<'_>) -> Result<(), HostError> {
        let (slot, mut args) = self.begin(call);
        let of_all = self.realloc.clone().map(|own| self.lock().world.realloc.replace(own));
        let answered = self.answer(call);
        if let Some(of_all) = of_all {
            self.lock().world.realloc = of_all;
        }
        self.end(call, slot, &mut args, &answered)
    }

    fn refused(&self, call: &mut Caller<'_>) {
        let (slot, args) = self.begin(call);
        if let Some(slot) = slot {
            let mut state = self.lock();
            state.log.calls[slot].args = args;
            state.log.calls[slot].ended = true;
            state.tell_call(slot);
        }
    }
}

impl Import {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn callee(&self) -> Callee<'_> {
        let names_len = self.module.len() + self.name.len();
        Callee { quota: &self.quota, names_len, answer: self.answer, params: &self.params }
    }

    /// Advances the clock and takes a place in the log, in the order in which calls begin.
    fn begin(&self, call: &mut Caller<'_>) -> (Option<usize>, Vec<Arg>) {
        let moment = call.moment();
        let mut state = self.lock();
        let state = &mut *state;
        state.clock.tick(moment.instructions, moment.bulk);
        if self.may_register() {
            state.world.registered.look(call, self.func);
        }
        let has_room = state.log.take(self.callee());
        self.look(call, state, has_room.then_some(state.log.calls.len()));
        if self.answer != Answer::Wasi {
            state.handed_over.look(call, self.func, &mut state.returns);
        }
        if self.answer == Answer::Default
            && let Some(memory) = call.read_memory(0, call.memory_len())
        {
            state.built.peek(memory, &call.memory_parts());
        }
        if !has_room {
            return (None, Vec::new());
        }
        let mut args = state.log.args(call, self.callee());
        if self.module.starts_with("wasi:") {
            self.name_resources(state, &mut args);
        }
        self.take_texts(call, state, &mut args);
        origin::note_reads(call, &self.params);
        let begun = self.begun(state, moment.record);
        state.log.calls.push(begun);
        (Some(state.log.calls.len() - 1), args)
    }

    /// Says of the arguments that are files, streams and sockets of WASI 0.2 which these are.
    fn name_resources(&self, state: &mut State, args: &mut [Arg]) {
        for arg in
            args.iter_mut().filter(|arg| arg.name.as_deref().is_some_and(|name| HANDLES.contains(&name)))
        {
            let Value::I32(number) = arg.value else { continue };
            let fd = state.world.resources.about(number as u32);
            if let Some(LeakPlace::File(name) | LeakPlace::Socket(name)) =
                fd.and_then(|fd| state.wasi.describe(fd))
            {
                state.log.name(self.callee(), arg, name);
            }
        }
    }

    /// Says which strings the arguments are. What a function gets that works on strings alone goes no
    /// further.
    fn take_texts(&self, call: &Caller<'_>, state: &mut State, args: &mut [Arg]) {
        for (index, arg) in args.iter_mut().enumerate() {
            let kind = self.params.get(index).map(|param| param.kind);
            let text = match call.reference(index) {
                Some(Reference::Host(number)) if state.log.has_room(self.callee()) => {
                    state.texts.text(number, STRING_MEASURED)
                }
                Some(Reference::Object(array)) if kind == Some(Kind::Units) => units(call, array, index),
                _ => None,
            };
            let Some(text) = text else { continue };
            state.log.text(self.callee(), arg, &text);
            let is_inner = kind == Some(Kind::Plain) && &*self.module == "wasm:js-string";
            if !is_inner {
                state.handed_over.text((self.func, index), text.as_bytes(), &mut state.returns);
                if state.tokens.is_armed() {
                    let slot = Some(state.log.calls.len());
                    self.search(text.as_bytes(), call, state, slot);
                }
            }
        }
    }

    /// A call as it is logged when it begins.
    fn begun(&self, state: &State, record: usize) -> Call {
        Call {
            number: (state.log.calls.len() as u64).saturating_add(state.log.cut),
            record,
            entry: state.entry,
            func: self.func,
            module: Arc::clone(&self.module),
            name: Arc::clone(&self.name),
            args: Vec::new(),
            results: Vec::new(),
            answer: self.answer,
            fabricated: self.fabricated,
            errno: None,
            time_ns: state.clock.now_ns(),
            ended: false,
        }
    }

    /// Whether the host may be told of callbacks here: what others answer is known, and takes none.
    ///
    /// The numbers that WASI 0.2 takes are resources.
    fn may_register(&self) -> bool {
        !self.module.starts_with("wasi:")
            && matches!(self.body, Body::Act(_) | Body::Zeros)
            && matches!(self.answer, Answer::Default | Answer::World)
    }

    /// Looks for modules and for bait where the arguments point, in what the call reads.
    fn look(&self, call: &Caller<'_>, state: &mut State, slot: Option<usize>) {
        for (index, value) in call.args().iter().enumerate() {
            let Value::I32(address) = *value else { continue };
            let address = u64::from(address as u32);
            let len = match call.args().get(index + 1) {
                Some(&Value::I32(len)) if len > 0 => Some(u64::from(len as u32)),
                _ => None,
            };
            match self.params.get(index).map(|param| param.kind) {
                Some(Kind::Plain | Kind::Out | Kind::Iov | Kind::Job | Kind::Units) => {}
                Some(Kind::Ciov) => self.look_into(call, state, slot, address, len.unwrap_or(0)),
                // What may be a pointer is none if it is a small number.
                Some(Kind::Guess) | None if address < 64 => {}
                Some(Kind::Str | Kind::In | Kind::CStr | Kind::Utf16 | Kind::Guess) | None => {
                    let window = len.map_or(CARVE_GLANCE, |len| len.min(CARVE_SCAN));
                    self.look_at(call, state, address, window);
                    if state.tokens.is_armed()
                        && let Some(bytes) = call.read_memory(address, window)
                    {
                        self.search(bytes, call, state, slot);
                    }
                }
            }
        }
    }

    /// Looks for modules in the first `window` bytes from `address` on. A whole one may be far longer than
    /// what is looked through for its start.
    fn look_at(&self, call: &Caller<'_>, state: &mut State, address: u64, window: u64) {
        let room = call.memory_len().saturating_sub(address).min(CARVED_LEN);
        if let Some(bytes) = call.read_memory(address, room) {
            state.carver.scan(bytes, window);
        }
    }

    /// The same for pairs of pointer and length. The bytes that they point at are searched for bait as one: a
    /// text may be written in pieces.
    fn look_into(&self, call: &Caller<'_>, state: &mut State, slot: Option<usize>, address: u64, count: u64) {
        let (mut left, mut joined) = (CARVE_SCAN, Vec::new());
        for index in 0..count.min(IOVS) {
            let Some(pair) = call.read_memory(address + 8 * index, 8) else { break };
            let word = |at: usize| {
                pair.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
            };
            let (start, len) = (u64::from(word(0)), u64::from(word(4)).min(left));
            left -= len;
            if len >= 8 {
                self.look_at(call, state, start, len);
            }
            if state.tokens.is_armed()
                && let Some(bytes) = call.read_memory(start, len)
            {
                joined.extend_from_slice(bytes);
            }
        }
        if !joined.is_empty() {
            self.search(&joined, call, state, slot);
        }
    }

    /// Searches what a call is handed for bait; where it goes is what the descriptor stands for, if there is
    /// one.
    fn search(&self, bytes: &[u8], call: &Caller<'_>, state: &mut State, slot: Option<usize>) {
        let number = match call.args().first() {
            Some(&Value::I32(number)) => Some(number as u32),
            _ => None,
        };
        let is_resource = self.module.starts_with("wasi:");
        let fd = number.and_then(|number| match self.params.first()?.name {
            "fd" => Some(number),
            "stream" | "file" if is_resource => state.world.resources.fd(number),
            _ => None,
        });
        let to = fd.and_then(|fd| state.wasi.describe(fd)).unwrap_or(LeakPlace::Argument);
        state.tokens.search(bytes, &to, &crate::text::import_name(&self.module, &self.name), slot);
    }

    fn answer(&self, call: &mut Caller<'_>) -> Answered {
        let mut buffer = [0; 16];
        let args = self.normalise(call.args(), &mut buffer);
        // These may call the sample, which calls other imports: nothing is held meanwhile.
        match &self.body {
            Body::Nest(nest) => {
                let result = nest(call, &self.state, args, &self.name);
                let errno = self.lock().world.failed.take();
                return Answered { errno, ..Answered::of(result) };
            }
            Body::Either(fitting, _) => {
                if let Some(result) = fitting(call, &self.state, args) {
                    return Answered::of(result);
                }
            }
            Body::Closure(answerer) => return Answered::of(answerer.answer(call, &self.state)),
            _ => {}
        }
        let mut state = self.lock();
        let state = &mut *state;
        let (func, name, is_unstable) = (self.func, &*self.name, self.is_unstable);
        let mut ctx = CallContext { call, state, args, func, name, is_unstable };
        match &self.body {
            Body::Act(act) | Body::Either(_, act) => {
                let result = act(&mut ctx);
                let errno = ctx.state.world.failed.take();
                Answered { errno, ..Answered::of(result) }
            }
            Body::Wasi(act) => Answered::of_wasi(*act, &mut ctx),
            Body::Stub(position, stub) => {
                let (errno, result) = stub.answer(*position, &mut ctx);
                Answered { errno, end: result.err() }
            }
            Body::Closure(_) | Body::Nest(_) | Body::Zeros => Answered { errno: None, end: None },
        }
    }

    /// The arguments as bits; those beyond the buffer are of no known function.
    fn normalise<'b>(&self, values: &[Value], buffer: &'b mut [u64; 16]) -> &'b [u64] {
        let bits = |value: &Value| match *value {
            Value::I32(value) => u64::from(value as u32),
            Value::I64(value) => value as u64,
            Value::F32(value) => u64::from(value.to_bits()),
            Value::F64(value) => value.to_bits(),
            _ => 0,
        };
        let mut values = values.iter().map(bits).enumerate();
        let mut len = 0;
        while len < buffer.len() {
            let Some((position, mut value)) = values.next() else { break };
            let is_pair = self.is_split && self.params.get(position).is_some_and(|param| param.is_wide);
            if is_pair {
                value |= values.next().map_or(0, |(_, high)| high) << 32;
            }
            buffer[len] = value;
            len += 1;
        }
        &buffer[..len]
    }

    /// Notes what a call is known to have done, if it did nothing outside the sample.
    fn note_inner(&self, state: &mut State, is_logged: bool) {
        if !std::mem::take(&mut state.world.is_inner) {
            return;
        }
        if !is_logged {
            state.log.note_inner(self.func);
        }
        let taken_for = state.world.taken_for.take().or(self.taken_for);
        if let Some(for_what) = taken_for {
            let taken = || Taken { module: Arc::clone(&self.module), name: Arc::clone(&self.name), for_what };
            state.world.taken.entry(self.func).or_insert_with(taken);
        }
    }

    /// Completes what is logged of a call.
    fn log_end(
        &self,
        state: &mut State,
        call: &Caller<'_>,
        slot: usize,
        mut args: Vec<Arg>,
        answered: &Answered,
    ) {
        state.log.written(call, self.callee(), &mut args);
        // A guess that does not hold answers zeros, as nobody does.
        let is_unknown = self.taken_for.is_some() && !state.world.taken.contains_key(&self.func);
        let has_results = answered.end.is_none();
        let results = if has_results { state.log.results(call, self.callee()) } else { Vec::new() };
        let entry = &mut state.log.calls[slot];
        entry.args = args;
        entry.ended = answered.end.is_some();
        if is_unknown {
            entry.answer = Answer::Default;
        }
        entry.errno = answered.errno.map(|errno| Cow::Owned(errno.name()));
        entry.results = results;
        if entry.errno.is_some() {
            state.tokens.failed(slot);
        }
        state.tell_call(slot);
    }

    fn end(
        &self,
        call: &mut Caller<'_>,
        slot: Option<usize>,
        args: &mut Vec<Arg>,
        answered: &Answered,
    ) -> Result<(), HostError> {
        let mut state = self.lock();
        if state.clock.sleeps != state.world.rested {
            state.world.rested = state.clock.sleeps;
            call.rest();
        }
        self.note_inner(&mut state, slot.is_some());
        if let Some(slot) = slot {
            self.log_end(&mut state, call, slot, std::mem::take(args), answered);
        }
        answered.end.as_ref().map_or(Ok(()), |end| Err(end.apply(&mut state, call.thread())))
    }
}

/// The text in an array of units, as far as the arguments behind it say.
fn units(call: &Caller<'_>, array: u32, index: usize) -> Option<String> {
    let word = |index: usize| log::address(call, index).map(|word| word as u32);
    let (start, end) = (word(index + 1)?, word(index + 2)?);
    let end = end.min(start.saturating_add(STRING_MEASURED as u32));
    Some(String::from_utf16_lossy(&units_of(call.units(array)?, start, end)?))
}

/// How a call was answered.
struct Answered {
    errno: Option<Errno>,
    end: Option<CallEnd>,
}

impl CallEnd {
    /// Notes in the state what a call of a thread ends, and gives the error that the engine ends it with.
    fn apply(&self, state: &mut State, thread: u32) -> HostError {
        match self {
            Self::Exit(code) => {
                state.exit(*code);
                HostError::new(format!("exit {code}")).of_exit()
            }
            Self::Abort(message) => HostError::new(message).of_program(),
            Self::Unwind(message) => {
                state.is_unwound |= thread == MAIN;
                HostError::new(message)
            }
            Self::Throw(message) => {
                state.world.is_throwing = true;
                HostError::new(message)
            }
        }
    }
}

impl Answered {
    /// Of a function that returns an error number, which is its result.
    fn of_wasi(
        act: fn(&mut CallContext<'_, '_>) -> Result<(), Errno>,
        ctx: &mut CallContext<'_, '_>,
    ) -> Self {
        let errno = act(ctx).err();
        ctx.give(i64::from(errno.unwrap_or(Errno::SUCCESS).0));
        Self { errno: errno.filter(|errno| *errno != Errno::SUCCESS), end: None }
    }

    fn of(result: Result<(), CallEnd>) -> Self {
        Self { errno: None, end: result.err() }
    }
}
