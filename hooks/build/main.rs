//! Makes the patched wasmi in `OUT_DIR` from the published crate.
//!
//! The source is what cargo fetched, vendored or was pointed at (`source.rs`). Files are written only when
//! they change, so a run of this script alone rebuilds nothing.

mod dispatch;
mod edits;
mod source;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process,
};

fn main() {
    if let Err(error) = run() {
        eprintln!("error: cannot make the patched wasmi: {error}");
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("wasmi");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=edits");
    println!("cargo::rerun-if-changed=Cargo.toml");
    emit_dispatch_cfgs(&dispatch::Build::of_environment());

    let wasmi = source::find(&here)?;
    println!("cargo::rerun-if-changed={}", wasmi.display());
    let mut sources = edits::read_sources(&wasmi.join("src"))?;
    edits::apply(&edits::load(&here.join("edits"))?, &mut sources)?;
    edits::derive_recording_handlers(&mut sources)?;
    let root = sources.get_mut("lib.rs").ok_or("the wasmi source has no lib.rs")?;
    *root = edits::strip_root(root);
    for (file, text) in &sources {
        write_if_changed(&out.join(file), text)?;
    }
    Ok(())
}

/// States the cfgs that wasmi's own build script states: which dispatch target and compiler allow.
fn emit_dispatch_cfgs(build: &dispatch::Build) {
    match build.opt_level() {
        "s" | "z" => println!("cargo::rustc-cfg=wasmi_opt_size"),
        "2" | "3" => println!("cargo::rustc-cfg=wasmi_opt_speed"),
        _ => {}
    }
    if build.has_tail_calls() {
        println!("cargo::rustc-cfg=wasmi_has_tail_calls");
    }
    if build.uses_tail_calls() {
        println!("cargo::rustc-cfg=wasmi_use_tail_calls");
    }
}

fn write_if_changed(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}
