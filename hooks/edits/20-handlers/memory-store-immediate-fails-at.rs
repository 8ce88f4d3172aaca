$store(bytes, usize::from(address), value.into()).into_control().at(store, ip)?;
