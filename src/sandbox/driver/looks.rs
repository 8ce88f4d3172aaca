//! The things that an entry left when it ended. It handed some to its caller, some came to host functions in
//! pieces, and some lie in its memory.

use std::sync::PoisonError;

use memchr::memmem;

use super::{Driver, limits::GLOBALS_LOOKED_AT};
use crate::{
    module::FuncIndex,
    sandbox::{
        built::{self, Known},
        limits::CARVE_GLANCE,
        spelled::Spelled,
    },
    tracer::Value,
};

impl Driver<'_> {
    /// Looks at what exported globals spell, in the module's order: who loads the module reads them.
    pub(super) fn look_at_globals(&self) {
        let exports = self.session.module().exports().iter().filter(|export| export.func.is_none());
        let values = exports.take(GLOBALS_LOOKED_AT).filter_map(|export| self.session.global(&export.name));
        let mut texts = vec![Spelled::default()];
        for value in values {
            if texts.last_mut().is_some_and(|text| !text.push(&value)) {
                let mut next = Spelled::default();
                _ = next.push(&value);
                texts.push(next);
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for text in texts.into_iter().filter(|text| !text.is_flat()) {
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
                || state.wasi.fs.files().any(|(_, bytes)| bytes.starts_with(sample))
        };
        let given = built::given(wasm, options);
        let is_known = |sample: &[u8]| built::is_in(&given, sample) || is_written(sample);
        let len = given.iter().map(|bytes| bytes.len()).sum::<usize>() + stdout.len();
        let known = Known { len, is_known: &is_known };
        state.built.look(memory, func, &known, &mut state.returns);
    }
}
