// The handlers of an engine that records, loop dispatch.

/// Free functions around the recording handlers, of the type that the loop calls.
mod recording {
    use super::*;
    use crate::engine::executor::handler::exec_recording;

    macro_rules! expand_loop_handlers {
        ( $( $snake_case:ident => $camel_case:ident ),* $(,)? ) => {
            $(
                #[inline(never)]
                pub fn $snake_case(executor: &mut Executor, store: &mut PrunedStore) -> Control<(), Break> {
                    let Executor { ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64 } = *executor;
                    let next = exec_recording::$snake_case(store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64)?;
                    executor.set(next);
                    Control::Continue(())
                }
            )*

            /// Returns the recording handler of `code`.
            pub fn op_code_to_recording_handler(code: OpCode) -> Handler {
                static HANDLERS: [Handler; ir::LEN_OPS] = [ $( $snake_case ),* ];
                HANDLERS[usize::from(u16::from(code))]
            }
        };
    }
    ir::for_each_op!(expand_loop_handlers);

    impl Executor {
        #[inline]
        fn set(&mut self, next: NextState) {
            let NextState { ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64 } = next;
            *self = Self { ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64 };
        }
    }
}
pub use recording::op_code_to_recording_handler;
