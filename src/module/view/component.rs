//! What a component is made of.

use schemars::JsonSchema;
use serde::Serialize;

use crate::module::component;

use super::kinds::PartRole;

/// A component: what it is made of. The rest of a view is of its program: a module of it, or what several
/// became.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Component {
    /// Names of what it imports, such as `wasi:cli/stdout@0.2.0`.
    pub imports: Vec<String>,
    /// Names of what it exports, such as `wasi:cli/run@0.2.0`.
    pub exports: Vec<String>,
    /// Its modules, those of components in it too.
    pub modules: Vec<Part>,
    /// Offsets from here on, the end of the file, are in the module that the program and those that are
    /// linked with it became; absent if it runs alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_from: Option<u64>,
    /// Why modules that the program needs are not linked with it, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_linked: Option<String>,
}

/// Where a function of modules that became one comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Origin {
    /// Position of its module in the component's list.
    pub module: u32,
    /// Offset of its body in the file.
    pub offset: u64,
}

impl Origin {
    pub(super) fn of(component: &component::Component, position: usize) -> Option<Self> {
        let component::Origin { module, body } = component.origin(position)?;
        Some(Self { module: module?, offset: body.into() })
    }
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
                component::Role::Linked => PartRole::Linked,
                component::Role::Link => PartRole::Link,
                component::Role::Unrun => PartRole::NotRun,
                component::Role::Unused => PartRole::Unused,
            },
        };
        Self {
            imports: names(&component.imports),
            exports: names(&component.exports),
            modules: component.modules.iter().map(part).collect(),
            linked_from: component.linkage.as_ref().map(|_| component.main.bytes.start as u64),
            not_linked: component.unlinked.as_ref().map(|why| why.to_string()),
        }
    }

    /// Modules that it instantiates and that do not run.
    pub(crate) fn unrun(&self) -> impl Iterator<Item = &Part> {
        self.modules.iter().filter(|part| part.role == PartRole::NotRun)
    }
}
