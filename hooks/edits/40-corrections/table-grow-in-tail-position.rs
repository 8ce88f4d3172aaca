match crate::recorder::engine::grow_table(store, table_ref, delta, value).of_table() {
