//! What a pass is.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    fmt,
    ops::Deref,
    rc::Rc,
};

use crate::{module::view::View, sandbox::Run, trace::Visitor};

use super::Profile;

/// An offline analysis: says one thing of a run.
///
/// It may count for itself while the trace is replayed ([`Self::Counter`], told everything that replay
/// tells). It may ask the [`Profile`], which knows how often every block, branch and call ran, and what other
/// passes say ([`Replayed::get`]). It changes nothing that another pass sees, so passes have no order.
///
/// A pass of this crate is a line of the table in `passes/mod.rs`. One of another crate is called by
/// [`Self::apply`]; `examples/own_pass.rs` is one.
pub trait Pass {
    /// What it is called, in one word; a `-` may join two.
    const NAME: &'static str;
    /// What it says, in a line without a full stop.
    const HELP: &'static str;
    /// What it costs.
    const COST: Cost;
    /// Counts while the trace is replayed; `()` if the profile says enough.
    type Counter: Visitor;
    /// What it gives.
    type Output;

    /// A counter, before the replay.
    fn counter(&self, run: &Run, view: &View) -> Self::Counter;

    /// What it says of the run, after the replay.
    fn of(&self, counter: Self::Counter, replayed: &Replayed<'_>) -> Self::Output;

    /// Replays the trace of a run for this pass alone.
    fn apply(&self, run: &Run, view: &View) -> Self::Output
    where
        Self: Sized,
    {
        let (replayed, counter) = Replayed::with(run, view, self.counter(run, view));
        self.of(counter, &replayed)
    }
}

/// What a pass costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cost {
    /// It derives from the counters that all passes share.
    Code,
    /// It counts at each call, return and host call.
    Calls,
    /// It looks at each block.
    Blocks,
    /// As [`Self::Blocks`], in one more replay of the trace; nobody pays who does not ask for it.
    Replay,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "time by the code that ran, not by the length of the run",
            Self::Calls => "a little at each call",
            Self::Blocks => "a little at each block",
            Self::Replay => "one more replay of the trace, only when asked for",
        })
    }
}

/// A replayed run as passes see it: its [`Profile`], and what other passes say.
#[derive(Debug)]
pub struct Replayed<'r> {
    pub(super) profile: Profile<'r>,
    made: Made,
}

/// What passes said so far, by pass.
#[derive(Default)]
struct Made(RefCell<HashMap<TypeId, Rc<dyn Any>>>);

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Made").field(&self.0.borrow().len()).finish()
    }
}

impl<'r> Deref for Replayed<'r> {
    type Target = Profile<'r>;

    fn deref(&self) -> &Profile<'r> {
        &self.profile
    }
}

impl<'r> Replayed<'r> {
    /// Replays the trace of a run, once. `counter` sees it too.
    pub(super) fn with<C: Visitor>(run: &'r Run, view: &'r View, counter: C) -> (Self, C) {
        let (profile, counter) = Profile::with(run, view, counter);
        (Self { profile, made: Made::default() }, counter)
    }

    /// What another pass says, which is made once. A pass must not ask for itself, nor for one that asks for
    /// it.
    ///
    /// Results are kept by the type of the pass. Of two values of one type, the second gets what the first
    /// said. A pass with settings is called by itself ([`Pass::of`]).
    pub fn get<P>(&self, pass: &P) -> Rc<P::Output>
    where
        P: Pass<Counter = ()> + 'static,
        P::Output: 'static,
    {
        self.make(pass, ())
    }

    /// What a pass says, of this counter if it was not made yet.
    pub(super) fn make<P>(&self, pass: &P, counter: P::Counter) -> Rc<P::Output>
    where
        P: Pass + 'static,
        P::Output: 'static,
    {
        let id = TypeId::of::<P>();
        let known = self.made.0.borrow().get(&id).cloned();
        if let Some(Ok(output)) = known.map(Rc::downcast) {
            return output;
        }
        let output = Rc::new(pass.of(counter, self));
        self.made.0.borrow_mut().insert(id, Rc::<P::Output>::clone(&output));
        output
    }

    /// Keeps nothing of what passes said.
    pub(super) fn forget(&mut self) {
        self.made = Made::default();
    }
}
