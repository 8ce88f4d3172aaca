//! Makes the patched wasmi in `OUT_DIR` from the published crate.
//!
//! The source is found through cargo's own metadata, so it is what cargo fetched, vendored or was pointed at;
//! nothing is downloaded here unless cargo has to. Files are written only when they change, so a run of this
//! script alone rebuilds nothing.

mod edits;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process,
};

use cargo_metadata::{CargoOpt, MetadataCommand};

/// The one release that the edits are written for.
const WASMI_VERSION: &str = "2.0.0";

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
    emit_dispatch_cfgs();

    let wasmi = find_wasmi(&here)?;
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

/// Returns the folder of the published crate.
fn find_wasmi(here: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let metadata = |options: &[&str]| {
        MetadataCommand::new()
            .manifest_path(here.join("Cargo.toml"))
            .features(CargoOpt::AllFeatures)
            .other_options(options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
            .exec()
    };
    // Without the network first; a machine that has not fetched yet may still be allowed to.
    let packages = match metadata(&["--offline"]).or_else(|_| metadata(&[])) {
        Ok(metadata) => metadata.packages,
        // As somebody's dependency this crate stands beside wasmi in the registry or vendor folder, but in no
        // workspace of its own.
        Err(error) => return beside(here).ok_or_else(|| error.into()),
    };
    packages
        .iter()
        .find(|package| package.name.as_str() == "wasmi" && package.version.to_string() == WASMI_VERSION)
        .and_then(|package| package.manifest_path.parent())
        .map(|folder| folder.as_std_path().to_owned())
        .or_else(|| beside(here))
        .ok_or_else(|| format!("cargo knows no package wasmi {WASMI_VERSION}").into())
}

/// Looks for the crate beside this one, as registries and `cargo vendor` lay them out.
fn beside(here: &Path) -> Option<PathBuf> {
    let wanted = format!("version = \"{WASMI_VERSION}\"");
    [format!("wasmi-{WASMI_VERSION}"), "wasmi".to_owned()].iter().find_map(|name| {
        let folder = here.parent()?.join(name);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        manifest.contains(&wanted).then_some(folder)
    })
}

/// States the cfgs that wasmi's own build script states: which dispatch the target and optimisation level
/// allow.
///
/// Tail calls need a target on which LLVM turns calls in tail position into jumps and an optimising build of
/// a release profile; elsewhere the loop back end is used, for a frame that is kept at each operator ends in
/// an overflow of the native stack. `powerpc` cannot, and Wasm only with its own tail calls.
fn emit_dispatch_cfgs() {
    for name in ["OPT_LEVEL", "CARGO_CFG_TARGET_ARCH", "CARGO_CFG_TARGET_FEATURE"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let var = |name| env::var(name).unwrap_or_default();
    let level = var("OPT_LEVEL");
    match level.as_str() {
        "s" | "z" => println!("cargo::rustc-cfg=wasmi_opt_size"),
        "2" | "3" => println!("cargo::rustc-cfg=wasmi_opt_speed"),
        _ => {}
    }
    let has_tail_calls = match var("CARGO_CFG_TARGET_ARCH").as_str() {
        "x86" | "x86_64" | "arm" | "aarch64" | "riscv32" | "riscv64" | "loongarch64" | "s390x" => true,
        "wasm32" | "wasm64" => {
            var("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "tail-call")
        }
        _ => false,
    };
    if has_tail_calls {
        println!("cargo::rustc-cfg=wasmi_has_tail_calls");
        // A development profile keeps crates in many small units whatever its level, and some handlers then
        // keep their frames.
        if matches!(level.as_str(), "2" | "3" | "s" | "z") && var("PROFILE") == "release" {
            println!("cargo::rustc-cfg=wasmi_use_tail_calls");
        }
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
