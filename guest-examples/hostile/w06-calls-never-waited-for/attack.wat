;; W06. Starts ten million calls and waits for none, so that the host holds all of them. The run is ended
;; at the first beyond the bound.
(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (data (i32.const 0x100) "evil:api/take{}")
  (global $next (mut i32) (i32.const 0x2000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 10000000))
    (loop $again
      (drop (call $start (i32.const 0x100) (i32.const 13) (i32.const 0x10d) (i32.const 2)
        (i32.const 0x10000) (i32.const 0x40000)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))))
