use crate::recorder::engine::FailsAt as _;
