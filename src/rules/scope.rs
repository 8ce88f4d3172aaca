//! What a statement is evaluated on.

/// What a statement is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// The file and, in the dynamic column, its run too.
    File,
    /// A defined function.
    Function,
    BasicBlock,
    Instruction,
    /// The whole run.
    Process,
    /// One call of an entry point.
    Thread,
    /// [`SPAN`] host calls in a row.
    Span,
    /// A host call.
    Call,
    /// What one function did over the run.
    RunFunction,
    /// A loop that ran.
    Loop,
}

/// Host calls in a `span of calls`, as in capa.
pub(super) const SPAN: usize = 20;

/// Names of the scopes in rules: name, scope, whether it is one of the run, `None` for both.
pub(super) const SCOPES: &[(&str, Scope, Option<bool>)] = &[
    ("file", Scope::File, None),
    ("function", Scope::Function, Some(false)),
    ("basic block", Scope::BasicBlock, Some(false)),
    ("instruction", Scope::Instruction, Some(false)),
    ("process", Scope::Process, Some(true)),
    ("thread", Scope::Thread, Some(true)),
    ("span of calls", Scope::Span, Some(true)),
    ("call", Scope::Call, Some(true)),
    ("wasm/function", Scope::RunFunction, Some(true)),
    ("wasm/loop", Scope::Loop, Some(true)),
];

impl Scope {
    pub(super) fn name(self) -> &'static str {
        SCOPES.iter().find(|(_, scope, _)| *scope == self).map_or("", |(name, ..)| name)
    }
}
