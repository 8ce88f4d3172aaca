            recorder: crate::recorder::Recorder::new(),
