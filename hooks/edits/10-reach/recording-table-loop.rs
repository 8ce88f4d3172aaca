include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/recorder/dispatch_loop.rs"));
