pub(crate) mod code_map;
