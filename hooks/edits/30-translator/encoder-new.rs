        let mut alloc = alloc;
        alloc.ops.record = engine.config().record;
        alloc.ops.room = engine.room();
