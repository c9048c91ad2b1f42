;; W19. Writes ten gigabytes, after a thousand times nothing. What it may write comes out, and the run is
;; ended.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\00\00\01\00\00\10\00\00")
  (data (i32.const 16) "\00\00\01\00\00\00\00\00")
  (func $times (param $times i32) (param $what i32)
    (loop $again
      (drop (call $write (i32.const 1) (local.get $what) (i32.const 1) (i32.const 32)))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times))))
  (func (export "_start")
    (memory.fill (i32.const 0x10000) (i32.const 0x61) (i32.const 4096))
    (call $times (i32.const 1000) (i32.const 16))
    (call $times (i32.const 2500000) (i32.const 0))))
