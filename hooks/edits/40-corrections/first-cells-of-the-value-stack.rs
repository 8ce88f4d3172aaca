let mut cells = Vec::with_capacity(min_height);
cells.spare_capacity_mut().fill(mem::MaybeUninit::zeroed());
