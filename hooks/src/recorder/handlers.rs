// Recording in handlers. Included in each copy of the handlers, which says by `RECORD` whether it records.
// The macros below expand to nothing in the copy that does not.

/// Pushes a decision and goes on at `$args`.
macro_rules! record_decision {
    ($store:expr, $args:expr, $bit:expr) => {
        if RECORD && $store.recorder().push_bit($bit) {
            flush_then_dispatch!($store, $args)
        }
    };
}

/// Flushes the full window, then goes on at `$args`. PERF: in tail position, so that the hot handler spills
/// nothing.
#[cfg(all(
    not(feature = "portable-dispatch"),
    any(not(feature = "auto-dispatch"), all(wasmi_use_tail_calls, not(debug_assertions), not(coverage)))
))]
macro_rules! flush_then_dispatch {
    ($store:expr, $args:expr) => {{
        let (ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64) = $args.into_parts();
        return flush_handler($store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
    }};
}

#[cfg(any(
    feature = "portable-dispatch",
    all(feature = "auto-dispatch", not(all(wasmi_use_tail_calls, not(debug_assertions), not(coverage))))
))]
macro_rules! flush_then_dispatch {
    ($store:expr, $args:expr) => {{
        $store.flush_decisions($args.ip)?;
        dispatch!($store, $args)
    }};
}

/// Pushes a field with `$push`, or flushes and begins the operator at `$ip` again: nothing may have changed
/// yet but `$args`.
macro_rules! record_or_retry {
    ($store:expr, $args:expr, $ip:expr, $push:expr) => {
        if RECORD && !$push {
            $args.set_ip($ip);
            let (ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64) = $args.into_parts();
            return flush_and_retry_handler($store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
        }
    };
}

/// Counts a direct call at `$ip`.
macro_rules! record_call {
    ($store:expr, $ip:expr) => {
        if RECORD && $store.recorder().count_call() {
            $store.poll($ip)?;
        }
    };
}

/// As `trap!`, and notes where.
macro_rules! trap_at {
    ($store:expr, $ip:expr, $trap_code:expr) => {
        return Control::Break(crate::recorder::engine::fail($store, $ip, Break::from($trap_code)))
    };
}

execution_handler! {
    fn flush_handler(
        store: &mut PrunedStore,
        ip: Ip,
        sp: Sp,
        mem0: Mem0Ptr,
        mem0_len: Mem0Len,
        instance: Inst,
        ireg: Ireg,
        freg32: Freg32,
        freg64: Freg64,
    ) -> Done = {
        if store.recorder().flush() {
            return slow_flush_handler(store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
        }
        let args = Args::from_parts(ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
        dispatch!(store, args)
    }
}

execution_handler! {
    fn slow_flush_handler(
        store: &mut PrunedStore,
        ip: Ip,
        sp: Sp,
        mem0: Mem0Ptr,
        mem0_len: Mem0Len,
        instance: Inst,
        ireg: Ireg,
        freg32: Freg32,
        freg64: Freg64,
    ) -> Done = {
        if store.recorder().slow() {
            return Control::Break(store.stop(ip, true));
        }
        let args = Args::from_parts(ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
        dispatch!(store, args)
    }
}

execution_handler! {
    fn flush_and_retry_handler(
        store: &mut PrunedStore,
        ip: Ip,
        sp: Sp,
        mem0: Mem0Ptr,
        mem0_len: Mem0Len,
        instance: Inst,
        ireg: Ireg,
        freg32: Freg32,
        freg64: Freg64,
    ) -> Done = {
        if store.recorder().flush() && store.recorder().slow() {
            return Control::Break(store.stop(ip, false));
        }
        let args = Args::from_parts(ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
        dispatch!(store, args)
    }
}
