pub(crate) mod handler;
