;; W21. Looks for what the host leaves in the holes of a record that it writes. The host writes the fields.
(component
  (import "wasi:clocks/wall-clock@0.2.0" (instance $clock
    (type $datetime (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $exported (eq $datetime)))
    (export "now" (func (result $exported)))))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (core func $now (canon lower (func $clock "now") (memory (core memory $memory "memory"))))
  (core module $main
    (import "clock" "now" (func $now (param i32)))
    (import "memory" "memory" (memory 1))
    (func (export "run") (result i32)
      (i64.store (i32.const 24) (i64.const 0x5a5a5a5a5a5a5a5a))
      (call $now (i32.const 16))
      ;; Four bytes of hole behind the nanoseconds; 1 where they changed, or nothing was written.
      (i32.or
        (i32.ne (i32.load (i32.const 28)) (i32.const 0x5a5a5a5a))
        (i64.eqz (i64.load (i32.const 16))))))
  (core instance $main (instantiate $main
    (with "clock" (instance (export "now" (func $now))))
    (with "memory" (instance $memory))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $run (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $run)))
