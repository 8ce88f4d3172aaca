/// Whether the handlers of this module record.
const RECORD: bool = false;

use crate::recorder::engine::FailsAt as _;
include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/recorder/handlers.rs"));
