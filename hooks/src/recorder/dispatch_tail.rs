// The handlers of an engine that records, tail-call dispatch.

macro_rules! expand_op_code_to_recording_handler {
    ( $( $snake_case:ident => $camel_case:ident ),* $(,)? ) => {
        /// Returns the recording handler of `code`.
        pub fn op_code_to_recording_handler(code: OpCode) -> Handler {
            static HANDLERS: [Handler; ir::LEN_OPS] = [
                $( crate::engine::executor::handler::exec_recording::$snake_case ),*
            ];
            HANDLERS[usize::from(u16::from(code))]
        }
    };
}
ir::for_each_op!(expand_op_code_to_recording_handler);
