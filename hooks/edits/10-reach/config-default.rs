            record: false,
            bounds: Default::default(),
