        let bounds = inner.engine().config().bounds.clone();
        let entity = CoreMemory::within(ty.core, &bounds, &mut resource_limiter)?;
