//! How entry points and runs end, in words.

use std::fmt;

use super::types::{EntryEnd, Status};
use crate::text::thrown;

impl fmt::Display for EntryEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("returned"),
            Self::Exited { code } => write!(f, "exited with code {code}"),
            Self::Trapped { trap } => write!(f, "trapped: {trap}"),
            Self::Stopped { limit } => write!(f, "stopped by the limit {limit}"),
            Self::Thrown { tag, name, operands } => {
                write!(f, "an exception was not caught: {}", thrown(*tag, name.as_deref(), operands))
            }
            Self::Aborted { message } => write!(f, "ended by a host call: {message}"),
            Self::Failed { message } => write!(f, "failed: {message}"),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exited => "came to its end",
            Self::Trapped => "trapped",
            Self::Stopped => "stopped by a limit",
            Self::Invalid => "not a valid module",
            Self::Unsupported => "cannot be run",
            Self::NothingRan => "nothing ran",
        })
    }
}
