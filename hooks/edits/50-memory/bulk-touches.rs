    touch(memory, pos, len)?;
    memory
        .data_mut()
        .get_mut(pos..)
        .and_then(|memory| memory.get_mut(..len))
        .ok_or(TrapCode::MemoryOutOfBounds)
}

/// Fails if bytes are not there, or no more may be touched.
pub fn touch(memory: &mut MemoryEntity, pos: usize, len: usize) -> Result<(), TrapCode> {
    memory_slice(memory, pos, len)?;
    match memory.touch(pos..pos + len) {
        true => Ok(()),
        false => Err(TrapCode::GrowthOperationLimited),
    }
