;; W04. Goes deeper and deeper through the host: each of ninety thousand destructors drops the next
;; handle, which the host destroys by calling the destructor. It has to end with its own stack, and the
;; host's has to be no deeper.
(component
  (core module $d
    (type $drop (func (param i32)))
    (table (export "table") 1 funcref)
    (func (export "destroy") (param $next i32)
      (if (local.get $next)
        (then (call_indirect (type $drop) (local.get $next) (i32.const 0))))))
  (core instance $d (instantiate $d))
  (type $r (resource (rep i32) (dtor (core func $d "destroy"))))
  (core func $new (canon resource.new $r))
  (core func $drop (canon resource.drop $r))
  (core module $link
    (import "d" "table" (table 1 funcref))
    (import "d" "drop" (func $drop (param i32)))
    (elem (i32.const 0) $drop))
  (core instance (instantiate $link (with "d" (instance
    (export "table" (table $d "table")) (export "drop" (func $drop))))))
  (core module $run
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "run") (result i32) (local $left i32) (local $last i32)
      (local.set $left (i32.const 90000))
      (loop
        (local.set $last (call $new (local.get $last)))
        (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (call $drop (local.get $last))
      (i32.const 0)))
  (core instance $m (instantiate $run (with "host"
    (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $command (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $command)))
