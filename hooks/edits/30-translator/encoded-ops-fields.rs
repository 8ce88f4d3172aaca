    /// Whether operators get recording handlers.
    record: bool,
    /// Whether the next operator gets a plain handler all the same.
    plain: bool,
    /// The sites of this function.
    sites: crate::recorder::sites::Pending,
    /// Bytes of operators that it may have.
    room: usize,
