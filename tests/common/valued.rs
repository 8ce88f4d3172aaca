//! Modules that are written anew for the engine: their runs, counted and valued again, and calls of official
//! scripts. Not a part of `common`: fuzz targets share that.

use wasmspoor::{
    Options, Outcome, Session, Tracer, Value,
    trace::Trace,
    values::{Machine, Nothing},
};
use wast::{
    Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet,
    core::{WastArgCore, WastRetCore},
    parser::{self, ParseBuffer},
};

/// Loads a module that starts without an end of its own.
pub(crate) fn load(wasm: &[u8]) -> Session {
    let tracer = Tracer::new(Options::default().effects(true));
    let mut session = tracer.load(wasm).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(session.start().unwrap(), Outcome::Returned(Vec::new()));
    session
}

/// What of a trace can be counted and valued again is so.
pub(crate) fn checked(trace: &Trace) -> u64 {
    let counted = trace.counts().unwrap_or_else(|error| panic!("{error}")).total;
    let valued = Machine::new(trace).and_then(|mut machine| machine.run(&mut Nothing));
    assert_eq!(valued.unwrap_or_else(|error| panic!("{error}")).instructions, counted);
    counted
}

fn argument(arg: &WastArg<'_>) -> Value {
    match arg {
        WastArg::Core(WastArgCore::I32(value)) => Value::I32(*value),
        WastArg::Core(WastArgCore::I64(value)) => Value::I64(*value),
        WastArg::Core(WastArgCore::F32(value)) => Value::F32(f32::from_bits(value.bits)),
        WastArg::Core(WastArgCore::F64(value)) => Value::F64(f64::from_bits(value.bits)),
        other => panic!("{other:?}"),
    }
}

/// What a script wants, if it says so exactly.
fn expected(ret: &WastRet<'_>) -> Option<Value> {
    use wast::core::NanPattern::Value as Exactly;
    Some(match ret {
        WastRet::Core(WastRetCore::I32(value)) => Value::I32(*value),
        WastRet::Core(WastRetCore::I64(value)) => Value::I64(*value),
        WastRet::Core(WastRetCore::F32(Exactly(value))) => Value::F32(f32::from_bits(value.bits)),
        WastRet::Core(WastRetCore::F64(Exactly(value))) => Value::F64(f64::from_bits(value.bits)),
        // Of references it is known whether they are null.
        WastRet::Core(WastRetCore::RefFunc(_)) => Value::Ref { null: false },
        _ => return None,
    })
}

fn invoke(session: &mut Session, call: &WastInvoke<'_>) -> Outcome {
    let args: Vec<_> = call.args.iter().map(argument).collect();
    session.invoke(call.name, &args).unwrap()
}

/// Every assertion of a script, and then its runs by replay, with values. Gives how many there are.
pub(crate) fn script(text: &str) -> usize {
    let buffer = ParseBuffer::new(text).unwrap();
    let (mut running, mut asserted): (Option<Session>, _) = (None, 0);
    for directive in parser::parse::<Wast<'_>>(&buffer).unwrap().directives {
        match directive {
            WastDirective::Module(mut module) => {
                running.take().map(|session| checked(&session.finish()));
                running = Some(load(&module.encode().unwrap()));
            }
            WastDirective::Invoke(call) => {
                invoke(running.as_mut().unwrap(), &call);
            }
            WastDirective::AssertReturn { exec: WastExecute::Invoke(call), results, .. } => {
                let outcome = invoke(running.as_mut().unwrap(), &call);
                let Outcome::Returned(values) = &outcome else { panic!("{}: {outcome:?}", call.name) };
                assert_eq!(values.len(), results.len(), "{}", call.name);
                for (value, result) in values.iter().zip(&results) {
                    assert!(
                        expected(result).is_none_or(|result| result == *value),
                        "{}: {value:?}",
                        call.name
                    );
                }
                asserted += 1;
            }
            WastDirective::AssertTrap { exec: WastExecute::Invoke(call), message, .. } => {
                let outcome = invoke(running.as_mut().unwrap(), &call);
                let Outcome::Trapped { code, .. } = outcome else { panic!("{}: {outcome:?}", call.name) };
                assert_eq!(code.message(), message, "{}", call.name);
                asserted += 1;
            }
            WastDirective::AssertException { exec: WastExecute::Invoke(call), .. } => {
                let outcome = invoke(running.as_mut().unwrap(), &call);
                assert!(matches!(outcome, Outcome::Thrown { .. }), "{}: {outcome:?}", call.name);
                asserted += 1;
            }
            // A tag with results is valid: continuations suspend with it.
            WastDirective::AssertInvalid { message: "non-empty tag result type", .. } => {}
            WastDirective::AssertInvalid { mut module, .. } => {
                let wasm = module.encode().unwrap();
                assert!(Tracer::new(Options::default()).load(&wasm).is_err());
                asserted += 1;
            }
            WastDirective::AssertMalformed { mut module, .. } => {
                if let Ok(wasm) = module.encode() {
                    assert!(Tracer::new(Options::default()).load(&wasm).is_err());
                }
                asserted += 1;
            }
            WastDirective::Register { .. } | WastDirective::AssertUnlinkable { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    running.take().map(|session| checked(&session.finish()));
    asserted
}
