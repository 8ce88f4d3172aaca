//! Where the published wasmi is that the edits are applied to.
//!
//! Cargo has it already, as a rule. It is beside this crate in a registry's or a vendor folder, or where the
//! metadata of a checkout says; neither looks at the network. If not, cargo is asked for this one crate,
//! under the settings of the cargo that runs this. The user's lock file names the crate because our manifest
//! does.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{CargoOpt, MetadataCommand, Package};

/// The one release that the edits are written for.
const WASMI_VERSION: &str = "2.0.0";

/// Returns the folder of the published crate.
pub fn find(here: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let known = || beside(here).or_else(|| in_metadata(here)).or_else(in_registries);
    if let Some(folder) = known() {
        return Ok(folder);
    }
    let told = fetch()?;
    known()
        .ok_or_else(|| format!("cargo has no wasmi {WASMI_VERSION} (`cargo fetch` gets it): {told}").into())
}

/// Asks cargo for the crate, which it does not fetch by itself, as no target depends on it; what it says. The
/// registry is named because cargo asks for that. Where another takes its place, cargo goes to that one.
fn fetch() -> Result<String, Box<dyn Error>> {
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let caller = Caller::of_this().unwrap_or_else(|| Caller { folder: out.into(), options: Vec::new() });
    let asked = Command::new(cargo)
        .current_dir(caller.folder)
        .args(["info", "--quiet", "--registry", "crates-io", &format!("wasmi@{WASMI_VERSION}")])
        .args(caller.options)
        .output()?;
    Ok(String::from_utf8_lossy(&asked.stderr).into_owned())
}

/// The cargo that runs this script. It reads its configuration from the folder that it was called in, and
/// does not tell its scripts of `--offline`.
struct Caller {
    folder: PathBuf,
    /// Those that concern where crates come from.
    options: Vec<String>,
}

impl Caller {
    /// Known on Linux. Elsewhere the configuration is that of the target folder, which lies within the user's
    /// project as a rule. There `CARGO_NET_OFFLINE` keeps cargo from the network.
    fn of_this() -> Option<Self> {
        #[cfg(target_os = "linux")]
        let process = format!("/proc/{}", std::os::unix::process::parent_id());
        #[cfg(not(target_os = "linux"))]
        let process = String::new();
        let folder = fs::read_link(format!("{process}/cwd")).ok()?;
        let line = fs::read(format!("{process}/cmdline")).ok()?;
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        // What follows `--` is the program's.
        let own = &words[..words.iter().position(|word| word == "--").unwrap_or(words.len())];
        let is_offline = own.iter().any(|word| word == "--offline" || word == "--frozen");
        let mut options: Vec<_> = is_offline.then(|| "--offline".to_owned()).into_iter().collect();
        for (word, next) in own.iter().zip(own.iter().skip(1)) {
            if word == "--config" {
                options.extend([word.to_string(), next.to_string()]);
            }
        }
        options.extend(own.iter().filter(|word| word.starts_with("--config=")).map(ToString::to_string));
        Some(Self { folder, options })
    }
}

/// Looks where cargo says that the packages of this checkout are.
fn in_metadata(here: &Path) -> Option<PathBuf> {
    let metadata = MetadataCommand::new()
        .manifest_path(here.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--offline".to_owned()])
        .exec()
        .ok()?;
    let is_wasmi =
        |package: &&Package| package.name.as_str() == "wasmi" && package.version.to_string() == WASMI_VERSION;
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
