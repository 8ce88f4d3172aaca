    utils::touch(memory, dst_index, len).into_control()?;
