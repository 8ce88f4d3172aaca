//! A stub answers a call.

use crate::sandbox::{
    context::{CallContext, CallEnd},
    wasi::Errno,
};

use super::{Number, Stub, Target};

impl Stub {
    fn write(&self, ctx: &mut CallContext<'_, '_>) {
        for write in &self.writes {
            let base = match write.to {
                Target::Arg(index) => ctx.u32(index),
                Target::Address(address) => address,
            };
            // Bytes that do not fit in memory are not written, as by a host that was given a bad pointer.
            if let Some(address) = base.checked_add(write.offset) {
                _ = ctx.write(address, &write.bytes);
            }
        }
    }

    /// Answers a call; `position` is that of the stub among all.
    pub(in crate::sandbox) fn answer(
        &self,
        position: usize,
        ctx: &mut CallContext<'_, '_>,
    ) -> (Option<Errno>, Result<(), CallEnd>) {
        let calls = self.count(position, ctx);
        if self.sleep_ms > 0 {
            ctx.state.clock.sleep(self.sleep_ms.saturating_mul(1_000_000));
        }
        self.write(ctx);
        if let Some(code) = self.exit {
            return (None, Err(CallEnd::Exit(code)));
        }
        if let Some(message) = &self.trap {
            return (None, Err(CallEnd::Abort(message.clone())));
        }
        match (self.errno, self.number(calls)) {
            (Some(errno), _) => ctx.give(i64::from(errno.0)),
            (None, Some(Number::Integer(value))) => ctx.give(value),
            (None, Some(Number::Float(value))) => ctx.give_f64(value),
            (None, None) => {}
        }
        (self.errno.filter(|&errno| errno != Errno::SUCCESS), Ok(()))
    }

    /// Number of calls before this one.
    fn count(&self, position: usize, ctx: &mut CallContext<'_, '_>) -> u64 {
        let counts = &mut ctx.state.stub_calls;
        if counts.len() <= position {
            counts.resize(position + 1, 0);
        }
        counts[position] += 1;
        counts[position] - 1
    }

    fn number(&self, calls: u64) -> Option<Number> {
        let last = self.answers.len().checked_sub(1)? as u64;
        let index = if self.cycle { calls % (last + 1) } else { calls.min(last) };
        self.answers.get(index as usize).copied()
    }
}
