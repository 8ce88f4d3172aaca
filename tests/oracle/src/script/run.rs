//! Runs one script: all directives, one after the other, on one engine.
//!
//! A directive that fails does not end the script; what depends on it fails too. Messages of traps are
//! compared, those of malformed, invalid and unlinkable modules are not (engines word them freely).

use super::engine::{Engine, Failure, FailureKind, InstanceId, ModuleId};
use super::report::{DirectiveReport, Outcome, ScriptReport};
use super::suite::Script;
use super::value::{self, Value};
use crate::START;
use std::collections::HashMap;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

/// Watches a script and may rewrite its modules. All methods do nothing by default; `()` is the observer that
/// only does that.
pub trait Observer<E: Engine> {
    /// Called for a module that the engine accepts and that may be instantiated. `directive` is what it
    /// stands in, as in [`DirectiveReport::kind`]. Gives what to instantiate in its place, if anything.
    ///
    /// # Errors
    /// An error fails the directive.
    fn rewrite(
        &mut self,
        _module: ModuleId,
        _directive: &'static str,
        _wasm: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    /// Called after an instantiation. A start function that was rewritten into an export is still to be
    /// called.
    fn instantiated(
        &mut self,
        _engine: &mut E,
        _module: ModuleId,
        _instance: InstanceId,
        _result: Result<(), &Failure>,
    ) {
    }

    /// Called after each call of an export.
    fn invoked(&mut self, _engine: &mut E, _invocation: &Invocation<'_>) {}

    /// Called at the end of the script.
    fn finished(&mut self, _engine: &mut E) {}
}

impl<E: Engine> Observer<E> for () {}

/// A call of an export, and what came of it.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// Line of the directive, from 1.
    pub line: usize,
    /// Whose export it is.
    pub instance: InstanceId,
    /// Its name; [`START`](crate::START) for a start function that the observer rewrote into an export.
    pub export: &'a str,
    /// What it returned or why it did not.
    pub result: Result<&'a [Value], &'a Failure>,
}

/// Runs a script.
pub fn run_script<E: Engine>(
    engine: &mut E,
    script: &Script,
    observer: &mut impl Observer<E>,
) -> ScriptReport {
    let directives = parse_and_run(engine, script, observer).unwrap_or_else(|error| {
        vec![DirectiveReport { line: 1, kind: "parse", outcome: Outcome::Fail(error.to_string()) }]
    });
    observer.finished(engine);
    ScriptReport { name: script.name.clone(), directives }
}

fn parse_and_run<E: Engine>(
    engine: &mut E,
    script: &Script,
    observer: &mut impl Observer<E>,
) -> Result<Vec<DirectiveReport>, wast::Error> {
    let mut lexer = Lexer::new(script.text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer)?;
    let wast: Wast<'_> = parser::parse(&buffer)?;
    let lines = Lines::new(script.text);
    let mut run = Run::new(engine, observer);
    let directives = wast.directives.into_iter();
    Ok(directives
        .map(|directive| {
            run.line = lines.line(directive.span().offset());
            run.kind = kind(&directive);
            DirectiveReport { line: run.line, kind: run.kind, outcome: run.directive(directive) }
        })
        .collect())
}

/// Where lines begin. PERF: asking the parser for a line costs a walk over the text; some scripts have 20,000
/// directives.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

fn kind(directive: &WastDirective<'_>) -> &'static str {
    match directive {
        WastDirective::Module(_) => "module",
        WastDirective::ModuleDefinition(_) => "module definition",
        WastDirective::ModuleInstance { .. } => "module instance",
        WastDirective::AssertMalformed { .. } => "assert_malformed",
        WastDirective::AssertInvalid { .. } => "assert_invalid",
        WastDirective::AssertInvalidCustom { .. } => "assert_invalid_custom",
        WastDirective::AssertMalformedCustom { .. } => "assert_malformed_custom",
        WastDirective::Register { .. } => "register",
        WastDirective::Invoke(_) => "invoke",
        WastDirective::AssertTrap { exec: WastExecute::Wat(_), .. } => "assert_uninstantiable",
        WastDirective::AssertTrap { .. } => "assert_trap",
        WastDirective::AssertReturn { .. } => "assert_return",
        WastDirective::AssertExhaustion { .. } => "assert_exhaustion",
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable",
        WastDirective::AssertException { .. } => "assert_exception",
        WastDirective::AssertSuspension { .. } => "assert_suspension",
        WastDirective::Thread(_) => "thread",
        WastDirective::Wait { .. } => "wait",
    }
}

/// A module of the script: what it is called by, and what will be instantiated.
struct Definition<M> {
    id: ModuleId,
    compiled: M,
}

struct Run<'e, E: Engine, O> {
    engine: &'e mut E,
    observer: &'e mut O,
    /// Line and kind of the directive that is being run.
    line: usize,
    kind: &'static str,
    modules: usize,
    instances: usize,
    definitions: HashMap<String, Definition<E::Module>>,
    names: HashMap<String, InstanceId>,
    /// The instance and the definition that directives without a name mean.
    current: Option<InstanceId>,
    latest: Option<Definition<E::Module>>,
}

impl<'e, E: Engine, O: Observer<E>> Run<'e, E, O> {
    fn new(engine: &'e mut E, observer: &'e mut O) -> Self {
        let (definitions, names) = (HashMap::new(), HashMap::new());
        Self {
            engine,
            observer,
            line: 0,
            kind: "",
            modules: 0,
            instances: 0,
            definitions,
            names,
            current: None,
            latest: None,
        }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Outcome {
        let checked = match directive {
            WastDirective::Module(wat) => self.module(wat),
            WastDirective::ModuleDefinition(wat) => self.define(wat),
            WastDirective::ModuleInstance { instance, module, .. } => self.module_instance(instance, module),
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke).map(|_| ()).map_err(|failure| failure.message)
            }
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => self.assert_trap(exec, message),
            WastDirective::AssertExhaustion { call, .. } => {
                expect(self.invoke(&call), FailureKind::Exhaustion, |_| true)
            }
            WastDirective::AssertUnlinkable { module, .. } => {
                expect(self.instantiate_unnamed(module), FailureKind::Link, |_| true)
            }
            WastDirective::AssertMalformed { module, .. } | WastDirective::AssertInvalid { module, .. } => {
                self.assert_rejected(module)
            }
            WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
                return Outcome::Skip("engines do not check custom sections");
            }
            WastDirective::AssertException { .. } => return Outcome::Skip("exceptions"),
            WastDirective::AssertSuspension { .. } => return Outcome::Skip("stack switching"),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => return Outcome::Skip("threads"),
        };
        match checked {
            Ok(()) => Outcome::Pass,
            Err(message) => Outcome::Fail(message),
        }
    }

    fn module(&mut self, wat: QuoteWat<'_>) -> Result<(), String> {
        self.current = None;
        let name = wat.name();
        let definition = self.compile(wat).map_err(|failure| failure.message)?;
        let instance = self.instantiate(&definition).map_err(|failure| failure.message)?;
        self.name_instance(name, instance);
        self.latest = Some(definition);
        Ok(())
    }

    fn define(&mut self, wat: QuoteWat<'_>) -> Result<(), String> {
        let name = wat.name();
        let definition = self.compile(wat).map_err(|failure| failure.message)?;
        match name {
            Some(name) => drop(self.definitions.insert(name.name().to_string(), definition)),
            None => self.latest = Some(definition),
        }
        Ok(())
    }

    fn module_instance(&mut self, instance: Option<Id<'_>>, module: Option<Id<'_>>) -> Result<(), String> {
        // Taken out for the time of the call: it borrows the rest of the run.
        let key = module.map(|name| name.name().to_string());
        let definition = match &key {
            Some(key) => self.definitions.remove(key),
            None => self.latest.take(),
        };
        let definition = definition.ok_or("no such module definition")?;
        let made = self.instantiate(&definition).map_err(|failure| failure.message);
        match key {
            Some(key) => drop(self.definitions.insert(key, definition)),
            None => self.latest = Some(definition),
        }
        self.name_instance(instance, made?);
        Ok(())
    }

    fn name_instance(&mut self, name: Option<Id<'_>>, instance: InstanceId) {
        self.current = Some(instance);
        if let Some(name) = name {
            self.names.insert(name.name().to_string(), instance);
        }
    }

    /// Compiles the module as it is, and again if the observer rewrites it.
    fn compile(&mut self, mut wat: QuoteWat<'_>) -> Result<Definition<E::Module>, Failure> {
        let id = ModuleId(self.modules);
        self.modules += 1;
        let wasm = wat
            .encode()
            .map_err(|error| Failure { kind: FailureKind::Module, message: error.to_string() })?;
        let mut compiled = self.engine.compile(&wasm)?;
        if let Some(rewritten) = self.observer.rewrite(id, self.kind, &wasm).map_err(Failure::other)? {
            compiled = self
                .engine
                .compile(&rewritten)
                .map_err(|failure| Failure::other(format!("rewritten: {}", failure.message)))?;
        }
        Ok(Definition { id, compiled })
    }

    fn instantiate(&mut self, definition: &Definition<E::Module>) -> Result<InstanceId, Failure> {
        let instance = InstanceId(self.instances);
        self.instances += 1;
        let result = self.engine.instantiate(&definition.compiled, instance);
        self.observer.instantiated(self.engine, definition.id, instance, result.as_ref().copied());
        result?;
        if self.engine.has_func(instance, START) {
            self.call(instance, START, &[])?;
        }
        Ok(instance)
    }

    fn instantiate_unnamed(&mut self, wat: Wat<'_>) -> Result<Vec<Value>, Failure> {
        let definition = self.compile(QuoteWat::Wat(wat))?;
        self.instantiate(&definition).map(|_| Vec::new())
    }

    fn named(&self, name: Option<Id<'_>>) -> Result<InstanceId, Failure> {
        match name {
            Some(name) => self.names.get(name.name()).copied(),
            None => self.current,
        }
        .ok_or_else(|| Failure::other("no such instance in the script"))
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Result<(), String> {
        let instance = self.named(module).map_err(|failure| failure.message)?;
        self.engine.register(name, instance).map_err(|failure| failure.message)
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Value>, Failure> {
        let instance = self.named(invoke.module)?;
        let arguments =
            invoke.args.iter().map(value::argument).collect::<Result<Vec<_>, _>>().map_err(Failure::other)?;
        self.call(instance, invoke.name, &arguments)
    }

    fn call(
        &mut self,
        instance: InstanceId,
        export: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Failure> {
        let result = self.engine.invoke(instance, export, arguments);
        let invocation = Invocation { line: self.line, instance, export, result: result.as_deref() };
        self.observer.invoked(self.engine, &invocation);
        result
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Result<Vec<Value>, Failure> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(wat) => self.instantiate_unnamed(wat),
            WastExecute::Get { module, global, .. } => {
                let instance = self.named(module)?;
                self.engine.global(instance, global).map(|value| vec![value])
            }
        }
    }

    fn assert_return(&mut self, execute: WastExecute<'_>, expected: &[WastRet<'_>]) -> Result<(), String> {
        let values = self.execute(execute).map_err(|failure| failure.message)?;
        let fits = values.len() == expected.len()
            && expected.iter().zip(&values).all(|(expected, value)| value::matches(expected, *value));
        if fits { Ok(()) } else { Err(format!("expected {expected:?}, got {values:?}")) }
    }

    fn assert_trap(&mut self, execute: WastExecute<'_>, message: &str) -> Result<(), String> {
        expect(self.execute(execute), FailureKind::Trap, |found| is_same_trap(message, found))
    }

    fn assert_rejected(&mut self, mut wat: QuoteWat<'_>) -> Result<(), String> {
        match wat.encode().map(|wasm| self.engine.compile(&wasm)) {
            Ok(Ok(_)) => Err("the module was accepted".into()),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// That `result` is a failure of this kind with such a message.
fn expect(
    result: Result<Vec<Value>, Failure>,
    kind: FailureKind,
    is_message: impl Fn(&str) -> bool,
) -> Result<(), String> {
    match result {
        Err(failure) if failure.kind == kind && is_message(&failure.message) => Ok(()),
        Err(failure) => Err(format!("expected {kind:?}, got {:?}: {}", failure.kind, failure.message)),
        Ok(values) => Err(format!("expected {kind:?}, got {values:?}")),
    }
}

/// Whether the engine's message of a trap is the one that the script expects.
fn is_same_trap(expected: &str, found: &str) -> bool {
    // Scripts name the element, wasmi always says "2".
    let element = "uninitialized element";
    found.contains(expected) || (found.starts_with(element) && expected.starts_with(element))
}
