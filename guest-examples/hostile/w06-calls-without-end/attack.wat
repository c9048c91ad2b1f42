;; W06. Makes ten million calls that nothing allows. Each is denied and on record once, and the run is
;; ended at the first beyond the bound.
(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "agentbox:host/invoke@0.1.0" "wait" (func $wait (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 0x100) "evil:api/take{}")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0x10000))
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 10000000))
    (loop $again
      (drop (call $start (i32.const 0x100) (i32.const 13) (i32.const 0x10d) (i32.const 2)
        (i32.const 0) (i32.const 0)))
      (call $wait (i32.const 0))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))))
