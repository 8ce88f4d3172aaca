    let mem0 = unsafe { &mut *mem0.as_ptr() }.near_mut();
