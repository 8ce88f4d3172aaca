self.cells.spare_capacity_mut().fill(mem::MaybeUninit::zeroed());
self.usable = cmp::min(self.cells.capacity(), self.max_height);
