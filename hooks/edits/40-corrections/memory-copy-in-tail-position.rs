#[inline(always)]
