//! `spoor completions` and `spoor man`: what shells and manuals know of the command line, made from clap's
//! own tables.

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Exit, Failure, print::unusable};

/// Print what a shell completes command lines of spoor with
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor completions bash > ~/.local/share/bash-completion/completions/spoor
  spoor completions zsh > ~/.zfunc/_spoor
  spoor completions fish > ~/.config/fish/completions/spoor.fish")]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    // It writes for a whole shell at once and panics where it cannot.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "spoor", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Done)
}

/// Write the manual pages of spoor into a folder: one for the program and one for each subcommand
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Example:
  spoor man ~/.local/share/man/man1")]
pub(super) struct Man {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn man(arguments: &Man) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(|error| unusable(folder, error))?;
    let command = super::Arguments::command();
    clap_mangen::generate_to(command, folder).map_err(|error| unusable(folder, error))?;
    Ok(Exit::Done)
}
