//! What a component is made of.

use schemars::JsonSchema;
use serde::Serialize;

use crate::module::component;

use super::kinds::PartRole;

/// A component: what it is made of. The rest of a view is of its program.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Component {
    /// Names of what it imports, such as `wasi:cli/stdout@0.2.0`.
    pub imports: Vec<String>,
    /// Names of what it exports, such as `wasi:cli/run@0.2.0`.
    pub exports: Vec<String>,
    /// Its modules, those of components in it too.
    pub modules: Vec<Part>,
}

/// A module of a component.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Part {
    /// Offset in the file.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
    /// What it is there for.
    pub role: PartRole,
}

impl Component {
    pub(super) fn of(component: &component::Component) -> Self {
        let names = |names: &[Box<str>]| names.iter().map(|name| name.to_string()).collect();
        let part = |part: &component::Part| Part {
            offset: part.bytes.start as u64,
            size: part.bytes.len() as u64,
            role: match part.role {
                component::Role::Program => PartRole::Program,
                component::Role::Link => PartRole::Link,
                component::Role::Unrun => PartRole::NotRun,
                component::Role::Unused => PartRole::Unused,
            },
        };
        Self {
            imports: names(&component.imports),
            exports: names(&component.exports),
            modules: component.modules.iter().map(part).collect(),
        }
    }

    /// Modules that it instantiates and that do not run.
    pub(crate) fn unrun(&self) -> impl Iterator<Item = &Part> {
        self.modules.iter().filter(|part| part.role == PartRole::NotRun)
    }
}
