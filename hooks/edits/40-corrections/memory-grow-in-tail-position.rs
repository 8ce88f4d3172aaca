match crate::recorder::engine::grow_memory(store, memref, delta).of_memory() {
