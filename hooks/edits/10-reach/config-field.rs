    /// Whether the engine records.
    pub(crate) record: bool,
    /// What is translated at most.
    pub(crate) bounds: crate::recorder::bounds::Bounds,
    /// Code that is not the sample's own.
    pub(crate) made: Option<std::sync::Arc<crate::recorder::bounds::Made>>,
