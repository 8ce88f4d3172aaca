pub(crate) mod dispatch;
