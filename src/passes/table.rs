//! The parts that the table of passes in `mod.rs` makes of its lines: [`Dynamic`](super::Dynamic), the list
//! of names and costs, and the one replay for all.

use crate::{module::view::View, sandbox::Run};

use super::{Cost, Pass};

/// What can be told of a pass without running it.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    /// Its name.
    pub name: &'static str,
    /// What it says, in a line.
    pub help: &'static str,
    /// What it costs.
    pub cost: Cost,
    alone: fn(&Run, &View),
}

impl Info {
    /// Of a pass, with the function that applies it.
    pub(super) const fn of<P: Pass>(_: &P, alone: fn(&Run, &View)) -> Self {
        Self { name: P::NAME, help: P::HELP, cost: P::COST, alone }
    }

    /// Replays the trace of a run for this pass alone, to see what it costs.
    pub fn apply(&self, run: &Run, view: &View) {
        (self.alone)(run, view);
    }
}

/// What can be told of a pass.
macro_rules! info {
    ($pass:expr) => {
        $crate::passes::table::Info::of(&$pass, |run, view| drop($pass.apply(run, view)))
    };
}

/// Values in a list of nested pairs, which is one [`Visitor`](crate::trace::Visitor).
macro_rules! nested {
    () => { () };
    ($first:expr, $($rest:expr,)*) => { ($first, $crate::passes::table::nested!($($rest,)*)) };
}

/// The pattern of such a list.
macro_rules! nested_names {
    () => { () };
    ($first:ident, $($rest:ident,)*) => { ($first, $crate::passes::table::nested_names!($($rest,)*)) };
}

/// Lines of documentation, attributes, field, type of output, pass.
macro_rules! passes {
    ($($(#[$meta:meta])* $field:ident: $output:ty = $pass:expr,)*) => {
        /// What a run did.
        #[derive(Debug, Clone, Default, Serialize, JsonSchema)]
        pub struct Dynamic {
            $($(#[$meta])* pub $field: $output,)*
            /// Why replay ended early, if it did: then everything above holds up to there.
            #[serde(skip)]
            pub error: Option<String>,
        }

        /// The passes that [`Dynamic`] is made of.
        pub const PASSES: &[Info] = &[$($crate::passes::table::info!($pass),)*];

        impl Dynamic {
            /// Replays the trace of a run, once, for all passes.
            pub fn of(run: &Run, view: &View) -> Self {
                Self::with(run, view, ())
            }

            /// As [`Self::of`]; `beside` sees the replay too.
            pub(super) fn with(run: &Run, view: &View, beside: impl Visitor) -> Self {
                let counters = $crate::passes::table::nested!($($pass.counter(run, view),)*);
                let (mut replayed, ($crate::passes::table::nested_names!($($field,)*), _)) =
                    Replayed::with(run, view, (counters, beside));
                $(let $field: Rc<$output> = replayed.make(&$pass, $field);)*
                // Then nobody else holds what was made, and nothing is copied.
                replayed.forget();
                let error = replayed.profile.error;
                Self { $($field: Rc::unwrap_or_clone($field),)* error }
            }
        }
    };
}

pub(super) use {info, nested, nested_names, passes};
