//! The things that an entry left when it ended. It handed some to its caller, some came to host functions in
//! pieces, and some lie in its memory.

use std::{collections::BTreeMap, sync::PoisonError};

use memchr::memmem;

use super::{Driver, limits::GLOBALS_LOOKED_AT};
use crate::{
    module::FuncIndex,
    sandbox::{
        built::{self, Known},
        limits::CARVE_GLANCE,
        returned::LEAST,
        spelled::Spelled,
    },
    tracer::Value,
};

impl Driver<'_> {
    /// Looks at what exported globals spell: who loads the module reads them, in the module's order or by
    /// their names, and those that are of use to it.
    pub(super) fn look_at_globals(&self) {
        let exports = self.session.module().exports().iter().filter(|export| export.func.is_none());
        let named = exports.take(GLOBALS_LOOKED_AT).filter_map(|export| {
            let name = &*export.name;
            Some((name_key(name), self.session.global(name)?))
        });
        let mut named: Vec<_> = named.collect();
        let mut texts = spelled(named.iter().map(|(_, value)| value));
        texts.extend(each_type(&named));
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        texts.extend(spelled(named.iter().map(|(_, value)| value)));
        texts.extend(each_type(&named));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for text in texts.into_iter().filter(|text| text.may_hold(LEAST) && !text.is_flat()) {
            text.readings().iter().for_each(|reading| _ = state.returns.take(reading));
        }
    }

    /// Looks at the memory after an entry at `func`, and at its arguments and results if it returned.
    pub(super) fn look_at_outcome(&self, func: Option<FuncIndex>, returned: Option<(&[Value], &[Value])>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        state.handed_over.end(&mut state.returns);
        let Some(memory) = self.session.host_memory_bytes() else { return };
        if let Some((args, results)) = returned {
            for result in results {
                if let &Value::I32(address @ 64..) = result
                    && let Some(bytes) = memory.get(address as usize..)
                {
                    state.carver.scan(bytes, CARVE_GLANCE);
                }
            }
            state.returns.look(args, results, memory);
        }
        let (wasm, options, stdout) = (self.session.module().bytes(), self.options, state.stdout.kept());
        let is_written = |sample: &[u8]| {
            memmem::find(stdout, sample).is_some()
                || state.wasi.fs.files().any(|(_, bytes)| memmem::find(bytes, sample).is_some())
        };
        let given = built::given(wasm, options);
        let is_known = |sample: &[u8]| built::is_in(&given, sample) || is_written(sample);
        let written = state.wasi.fs.files().map(|(_, bytes)| bytes.len()).sum::<usize>() + stdout.len();
        let len = given.iter().map(|bytes| bytes.len()).sum::<usize>() + written;
        let known = Known { len, is_known: &is_known };
        let parts = self.session.host_memory_parts();
        state.built.look((memory, &parts), func, &known, &mut state.returns);
    }
}

/// What numbers spell; each that does not go on begins another text.
fn spelled<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<Spelled> {
    let mut texts = vec![Spelled::default()];
    for value in values {
        if texts.last_mut().is_some_and(|text| !text.push(value)) {
            let mut next = Spelled::default();
            _ = next.push(value);
            texts.push(next);
        }
    }
    texts
}

/// What those that may be characters spell, type by type.
fn each_type<K>(values: &[(K, Value)]) -> Vec<Spelled> {
    let types: BTreeMap<u8, Vec<&Value>> = values.iter().fold(BTreeMap::new(), |mut types, (_, value)| {
        types.entry(kind(value)).or_default().push(value);
        types
    });
    let text = |values: Vec<&Value>| {
        let mut text = Spelled::default();
        values.into_iter().for_each(|value| _ = text.push(value));
        text
    };
    types.into_values().map(text).collect()
}

/// A name by which names are put in order as people do: `g2` before `g10`.
fn name_key(name: &str) -> (String, u64) {
    let letters = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = name[letters.len()..].parse().unwrap_or(u64::MAX);
    (letters.to_owned(), number)
}

/// A number for each type of numbers.
fn kind(value: &Value) -> u8 {
    match value {
        Value::I32(_) => 0,
        Value::I64(_) => 1,
        Value::F32(_) => 2,
        Value::F64(_) => 3,
        _ => 4,
    }
}
