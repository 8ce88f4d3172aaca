args.resolve_indirect_func(store, index, table, func_type).at(store, ip)?;
