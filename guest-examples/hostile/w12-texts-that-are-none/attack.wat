;; W12. Hands the host a name that is not UTF-8. It never becomes a text, nor a call.
(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0x100) "evil:\ed\a0\80\c0\80{}")
  (global $next (mut i32) (i32.const 0x2000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "_start")
    (drop (call $start (i32.const 0x100) (i32.const 10) (i32.const 0x10a) (i32.const 2)
      (i32.const 0) (i32.const 0)))))
