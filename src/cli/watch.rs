//! `spoor watch`: files that arrive in a folder.

use std::io::Write;

use clap::Args;

use super::{Exit, Failure};

/// Watch
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments, _: &mut impl Write) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
