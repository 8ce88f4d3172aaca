//! What an entry left when it ended: what it handed to its caller, what came to host functions in pieces, and
//! what lies in its memory.

use std::sync::PoisonError;

use memchr::memmem;

use super::Driver;
use crate::{
    sandbox::{built::is_given, limits::CARVE_GLANCE},
    tracer::Value,
};

impl Driver<'_> {
    /// Looks at what is there after an entry, of which are the arguments and results if it returned.
    pub(super) fn look_at_outcome(&self, returned: Option<(&[Value], &[Value])>) {
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
        let is_known = |sample: &[u8]| is_given(sample, wasm, options) || is_written(sample);
        state.built.look(memory, is_known, &mut state.returns);
    }
}
