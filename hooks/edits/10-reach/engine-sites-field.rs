    /// Which Wasm operator an operator was translated from.
    sites: crate::recorder::sites::Table,
