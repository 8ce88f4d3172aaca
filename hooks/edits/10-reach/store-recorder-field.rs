    recorder: crate::recorder::Recorder,
