            sites: Default::default(),
