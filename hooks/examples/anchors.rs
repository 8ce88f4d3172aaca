//! Says which edits fit another wasmi: `cargo run -p wasmspoor-hooks --example anchors -- FOLDER`, FOLDER
//! being the crate's `src/`. Called by `hooks/try-upgrade`.

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../build/edits.rs"]
mod edits;

use std::{path::Path, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("the folder `src` of a wasmi is missing")?;
    let mut sources = edits::read_sources(Path::new(&folder))?;
    let all = edits::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("edits"))?;
    let mut misfits = 0;
    for edit in &all {
        match edits::apply_one(edit, &mut sources) {
            Ok(()) => println!("fits       {}", edit.name),
            Err(error) => {
                misfits += 1;
                println!("DOES NOT   {}\n           why it is made: {}\n{error}", edit.name, edit.why);
            }
        }
    }
    println!("{} of {} edits fit", all.len() - misfits, all.len());
    Ok(if misfits == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
