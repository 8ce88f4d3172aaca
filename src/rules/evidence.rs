//! What of a rule held: a tree like that of its statements.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{module::Place, text::vocabulary};

vocabulary! {
    /// The kinds of features, as rules name them. (A `substring` is a `string`.)
    pub enum FeatureKind {
        /// A function that was called.
        Api = "api",
        /// An import.
        Import = "import",
        /// An export.
        Export = "export",
        /// A section, by its name.
        Section = "section",
        /// A function, by its name.
        FunctionName = "function-name",
        /// A number in code or among arguments.
        Number = "number",
        /// A text.
        String = "string",
        /// Bytes.
        Bytes = "bytes",
        /// An instruction.
        Mnemonic = "mnemonic",
        /// A property of code.
        Characteristic = "characteristic",
        /// Another rule.
        Match = "match",
        /// The system that the sample was made for.
        Os = "os",
        /// The architecture.
        Arch = "arch",
        /// The format of the file.
        Format = "format",
        /// A measurement.
        Metric = "wasm/metric",
        /// Host calls, one after the other.
        Sequence = "wasm/sequence",
        /// A constant of a cipher or hash.
        Crypto = "wasm/crypto",
        /// An indicator.
        Ioc = "wasm/ioc",
        /// Something odd about the file.
        Anomaly = "wasm/anomaly",
        /// A file that the run changed.
        File = "wasm/file",
        /// What an export returned.
        Returned = "wasm/returned",
        /// Data that went from somewhere to somewhere.
        Flow = "wasm/flow",
    }
}

impl FeatureKind {
    /// The kind of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|kind| kind.as_str() == name).copied()
    }
}

/// What kind of statement held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementKind {
    /// All parts.
    And,
    /// At least one part.
    Or,
    /// So many parts.
    AtLeast(usize),
    /// Any number of parts.
    Optional,
    /// Something does not hold.
    Not,
    /// Its part holds within one thing of a kind, such as a function.
    Within,
    /// A feature was found as often as is asked.
    Count(FeatureKind),
    /// A feature was found.
    Feature(FeatureKind),
}

/// A statement of a rule that held, and why.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Evidence {
    /// The statement, such as `and`, `api: path_unlink_file`, `wasm/metric: xor_share >= 0.05`; behind ` = `
    /// what the rule says of it.
    pub statement: String,
    /// What was found, such as `0.213`.
    pub found: Option<String>,
    /// Where, at most 20 places.
    pub places: Vec<Place>,
    /// The parts that held.
    pub parts: Vec<Evidence>,
    /// What kind of statement it is; not part of the JSON.
    #[serde(skip)]
    pub kind: StatementKind,
    /// What the rule says of it; not part of the JSON, where it stands in the statement.
    #[serde(skip)]
    pub description: Option<String>,
}

impl Evidence {
    /// A statement with nothing found and no parts.
    pub(crate) fn of(kind: StatementKind, statement: String) -> Self {
        let (places, parts) = (Vec::new(), Vec::new());
        Self { statement, found: None, places, parts, kind, description: None }
    }

    /// With what the rule says of the statement.
    pub(crate) fn described(self, description: Option<&str>) -> Self {
        match description {
            Some(text) => Self {
                statement: format!("{} = {text}", self.statement),
                description: Some(text.to_owned()),
                ..self
            },
            None => self,
        }
    }

    /// The statement without what the rule says of it.
    pub fn bare(&self) -> &str {
        let described = self.description.as_deref();
        let bare = described.and_then(|text| self.statement.strip_suffix(text)?.strip_suffix(" = "));
        bare.unwrap_or(&self.statement)
    }

    /// What is sought: `0.05` of `number: 0.05`.
    pub(super) fn sought(&self) -> &str {
        self.bare().split_once(": ").map_or("", |(_, sought)| sought)
    }

    /// A leaf, for tests: a feature, or `not`.
    #[cfg(test)]
    pub(crate) fn leaf(statement: &str) -> Self {
        let name = statement.split(": ").next().unwrap_or_default();
        let kind = FeatureKind::named(name).map_or(StatementKind::Not, StatementKind::Feature);
        Self::of(kind, statement.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_says_of_a_statement_is_not_the_statement() {
        let evidence = Evidence::leaf("match: a = b").described(Some("says: so = thus"));
        assert_eq!(evidence.statement, "match: a = b = says: so = thus");
        assert_eq!((evidence.bare(), evidence.sought()), ("match: a = b", "a = b"));
        assert_eq!(Evidence::leaf("optional").described(None).bare(), "optional");
    }
}
