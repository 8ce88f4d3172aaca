pub(crate) mod state;
mod exec_recording;
