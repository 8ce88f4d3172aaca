    /// Whether the engine records.
    pub(crate) record: bool,
    /// What is translated at most.
    pub(crate) bounds: crate::recorder::bounds::Bounds,
