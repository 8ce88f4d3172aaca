//! Makes the patched wasmi in `OUT_DIR` from the published crate.
//!
//! The source is what cargo fetched, vendored or was pointed at ([`find_wasmi`]). Files are written only when
//! they change, so a run of this script alone rebuilds nothing.

mod dispatch;
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
    emit_dispatch_cfgs(&dispatch::Build::of_environment());

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

/// Returns the folder of the published crate: what cargo has already, in the order in which that can be
/// known; else cargo is asked for this one crate, which the user's lock file names because our manifest does.
///
/// As somebody's dependency this crate lies beside wasmi, in a registry's or a vendor folder. In a checkout
/// cargo's metadata tells where it is. Neither looks at the network.
fn find_wasmi(here: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let known = || beside(here).or_else(|| in_metadata(here)).or_else(in_registries);
    if let Some(folder) = known() {
        return Ok(folder);
    }
    // Cargo does not fetch what no target depends on. Its configuration is that of the target folder, which
    // lies within the user's project; offline it fails.
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let wanted = format!("wasmi@{WASMI_VERSION}");
    let asked = process::Command::new(cargo).current_dir(out).args(["info", "--quiet", &wanted]).output()?;
    known().ok_or_else(|| {
        let told = String::from_utf8_lossy(&asked.stderr).into_owned();
        format!("cargo has no wasmi {WASMI_VERSION} (`cargo fetch` gets it): {told}").into()
    })
}

/// Looks where cargo says that the packages of this checkout are.
fn in_metadata(here: &Path) -> Option<PathBuf> {
    let metadata = MetadataCommand::new()
        .manifest_path(here.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--offline".to_owned()])
        .exec()
        .ok()?;
    let is_wasmi = |package: &&cargo_metadata::Package| {
        package.name.as_str() == "wasmi" && package.version.to_string() == WASMI_VERSION
    };
    let package = metadata.packages.iter().find(is_wasmi)?;
    package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned())
}

/// Looks in all registries that cargo has unpacked crates of.
fn in_registries() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    registries.flatten().find_map(|registry| in_folder(&registry.path()))
}

/// Looks for the crate beside this one, as registries and `cargo vendor` lay them out.
fn beside(here: &Path) -> Option<PathBuf> {
    in_folder(here.parent()?)
}

fn in_folder(folder: &Path) -> Option<PathBuf> {
    let wanted = format!("version = \"{WASMI_VERSION}\"");
    [format!("wasmi-{WASMI_VERSION}"), "wasmi".to_owned()].iter().find_map(|name| {
        let folder = folder.join(name);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        manifest.lines().any(|line| line == wanted).then_some(folder)
    })
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
