//! How an invocation ended, or why it did not begin.

use crate::{module::Place, trace::Trap};

use super::{limits::Limit, value::Value};

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned these values.
    Returned(Vec<Value>),
    /// It trapped.
    Trapped {
        /// Why.
        code: Trap,
        /// At which instruction; `None` if it did not get to its first.
        site: Option<Place>,
    },
    /// An exception left it that nothing caught.
    Thrown {
        /// Index of its tag.
        tag: u32,
        /// The name under which the tag is exported, or else imported; `None` if it is neither.
        name: Option<String>,
        /// The operands that it carries. They are empty if they find no room beside the tag in a reference to
        /// an exception (`docs/worlds.md`).
        operands: Vec<Value>,
        /// The instruction that threw it last.
        site: Option<Place>,
    },
    /// It reached a limit.
    Stopped {
        /// Which.
        limit: Limit,
        /// The instruction at which it would go on; `None` if it did not get to its first.
        site: Option<Place>,
    },
    /// A host function ended it.
    HostError {
        /// That function's message.
        message: String,
        /// The call.
        site: Option<Place>,
    },
    /// The engine could not go on.
    Failed {
        /// The engine's message.
        message: String,
        /// The instruction that was executed last.
        site: Option<Place>,
    },
}

/// Why an invocation did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The session was not started, or its start did not return.
    #[error("the module is not instantiated")]
    NotStarted,
    /// The session is started already.
    #[error("the module is instantiated already")]
    Started,
    /// Instantiation failed before any instruction ran.
    #[error("the module cannot be instantiated: {0}")]
    Instantiation(String),
    /// No such function.
    #[error("there is no exported function `{0}`")]
    NoSuchExport(String),
    /// The arguments do not fit the function's type.
    #[error("{0}")]
    Arguments(String),
}

/// A message of the engine without what names its own objects: their numbers differ from run to run.
pub(super) fn without_handles(message: &str) -> String {
    let (mut text, mut rest) = (String::new(), message);
    while let Some((before, behind)) = rest.split_once("(Stored {") {
        text.push_str(before);
        rest = behind.split_once("} })").map_or("", |(_, behind)| behind);
    }
    text + rest
}
