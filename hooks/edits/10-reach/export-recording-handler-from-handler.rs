dispatch::{ExecutionOutcome, op_code_to_handler, op_code_to_recording_handler},
