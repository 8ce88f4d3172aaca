//! Categories of WASI calls: a risk level and a function group for each, such as `A-1`.
//!
//! The tables are data: `rules/wasi-categories.toml` (the study's Table 3, with what it leaves open resolved)
//! and `rules/linux-categories.toml` (the same groups for system calls of Linux on x86-64). A level says how
//! often calls of a category occurred in the study's hostile and benign programs. It is a correlation, never
//! a cause. [`Profiles`] is a run in these terms.

mod limits;
mod profile;

use std::{collections::BTreeMap, fmt, str::FromStr, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

pub use profile::{
    CallSite, CategoryProfile, CategoryRun, Cell, MAX_SITES, MAX_STEPS, Profiles, name, wasi_function,
};
pub(crate) use profile::{known_as, named_function, standard_stream};

/// Function groups are numbered from 1.
pub const GROUPS: usize = 10;

/// Which table is meant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The study's printed ten; calls that its table lacks are dropped.
    Paper,
    /// All calls.
    #[default]
    Full,
}

/// A risk level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RiskLevel {
    /// Alone, seen more often in malicious or vulnerable code.
    A,
    /// In combination, seen more often there.
    B,
    /// Repeated far more often there.
    C,
    /// Used alike, and harmless by what it means.
    D,
}

impl RiskLevel {
    /// All, most telling first.
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A risk level and a function group, printed as `A-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category {
    /// The level.
    pub level: RiskLevel,
    /// The group, 1 to [`GROUPS`].
    pub group: u8,
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.level, self.group)
    }
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text is no category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a category such as A-1")]
pub struct CategoryError(String);

impl FromStr for Category {
    type Err = CategoryError;

    fn from_str(text: &str) -> Result<Self, CategoryError> {
        let category = || {
            let (level, group) = text.split_once('-')?;
            let level = match level {
                "A" => RiskLevel::A,
                "B" => RiskLevel::B,
                "C" => RiskLevel::C,
                "D" => RiskLevel::D,
                _ => return None,
            };
            let group = group.parse().ok().filter(|group| (1..=GROUPS).contains(&usize::from(*group)))?;
            Some(Self { level, group })
        };
        category().ok_or_else(|| CategoryError(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the table says of a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CategoryEntry {
    /// As the study prints it: none, one, or several.
    pub printed: Vec<Category>,
    /// The one that is used.
    pub resolved: Category,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wasi {
    levels: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
    calls: BTreeMap<String, CategoryEntry>,
    preview2: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Linux {
    groups: BTreeMap<String, Vec<String>>,
}

static WASI: LazyLock<Wasi> = LazyLock::new(|| {
    toml::from_str(include_str!("../../rules/wasi-categories.toml")).expect("the tests read this file")
});
static LINUX: LazyLock<BTreeMap<String, u8>> = LazyLock::new(|| {
    let table: Linux =
        toml::from_str(include_str!("../../rules/linux-categories.toml")).expect("the tests read this file");
    let group = |(group, calls): (String, Vec<String>)| {
        let group: u8 = group.parse().expect("the tests read this file");
        calls.into_iter().map(move |call| (call, group))
    };
    table.groups.into_iter().flat_map(group).collect()
});

/// The category of a WASI function; `None` for one that is not in the table of this mode (`U` in reports).
pub fn of(function: &str, mode: Mode) -> Option<Category> {
    let entry = WASI.calls.get(function)?;
    (mode == Mode::Full || !entry.printed.is_empty()).then_some(entry.resolved)
}

/// Every WASI call of the table, by name.
pub fn wasi() -> impl Iterator<Item = (&'static str, &'static CategoryEntry)> {
    WASI.calls.iter().map(|(name, entry)| (name.as_str(), entry))
}

/// Every system call of Linux on x86-64, by name, with its group.
pub fn linux() -> impl Iterator<Item = (&'static str, u8)> {
    LINUX.iter().map(|(name, &group)| (name.as_str(), group))
}

/// The function group of a Linux system call on x86-64; `None` for one that is not in the table.
pub fn of_linux(call: &str) -> Option<u8> {
    LINUX.get(call).copied()
}

/// What a level means, in words; `None` is `U`.
pub fn meaning(level: Option<RiskLevel>) -> &'static str {
    let key = level.map_or_else(|| "U".to_owned(), |level| level.to_string());
    WASI.levels.get(&key).map_or("", String::as_str)
}

/// Name of a group, such as `file`.
pub fn group_name(group: u8) -> &'static str {
    WASI.groups.get(&group.to_string()).map_or("", String::as_str)
}

/// The function of preview1 that does what a function of WASI 0.2 does, by the name under which a core module
/// imports it.
pub fn preview1(module: &str, name: &str) -> Option<&'static str> {
    let interface = module.strip_prefix("wasi:")?.split('@').next()?;
    let of = |key: &str| WASI.preview2.get(key).map(String::as_str);
    of(name).or_else(|| of(&format!("{interface} {name}")))
}

/// Whether a module name is one of WASI's.
pub fn is_wasi(module: &str) -> bool {
    matches!(module, "wasi_snapshot_preview1" | "wasi_unstable")
}

#[cfg(test)]
mod tests;
