let loaded = $load(bytes, usize::from(address)).into_control().at(store, ip)?;
