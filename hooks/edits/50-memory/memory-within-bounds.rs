        let most = inner.engine().config().bounds.memory;
        let entity = CoreMemory::within(ty.core, most, &mut resource_limiter)?;
