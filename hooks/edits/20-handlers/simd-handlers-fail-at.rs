.into_control().at(store, ip)?;
