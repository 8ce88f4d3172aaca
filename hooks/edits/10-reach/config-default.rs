            record: false,
            bounds: Default::default(),
            made: None,
