//! The command line `spoor`: reads files, calls the library, writes text. Nothing here knows how anything is
//! done.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
