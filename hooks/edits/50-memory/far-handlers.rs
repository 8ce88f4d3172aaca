/// The handler of an access that is not near, with the name `far`: what it needs must not burden the other.
macro_rules! far_handler {
    ($store:ident, $ip:ident, $args:ident => { $($body:tt)* }) => {
        execution_handler! {
            fn far(
                $store: &mut PrunedStore,
                $ip: Ip,
                sp: Sp,
                mem0: Mem0Ptr,
                mem0_len: Mem0Len,
                instance: Inst,
                ireg: Ireg,
                freg32: Freg32,
                freg64: Freg64,
            ) -> Done = {
                let mut $args = Args::from_parts($ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
                $($body)*
                dispatch!($store, $args)
            }
        }
    };
}

/// How many bytes a store writes: the fewest that it fits into.
macro_rules! written {
    (|$bytes:ident| $store:expr) => {{
        let mut scratch = [0; 16];
        let fits = |width: &usize| {
            let $bytes = &mut scratch[..*width];
            $store.is_ok()
        };
        [1, 2, 4, 8].into_iter().find(fits).unwrap_or(16)
    }};
}

/// What a near access gives, or on to `far`, which begins with the operator again.
macro_rules! or_far {
    ($access:expr, $store:ident, $ip:ident, $args:ident) => {
        match $access {
            Ok(done) => done,
            Err(_) => {
                $args.set_ip($ip);
                let (ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64) = $args.into_parts();
                return far($store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
            }
        }
    };
}

