        store: &mut PrunedStore,
