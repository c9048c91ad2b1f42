;; W01. Loops for ever where a handle is dropped: in the destructor of a resource of its own. It has to
;; end with its processor time.
(component
  (core module $spin (func (export "destroy") (param i32) (loop (br 0))))
  (core instance $s (instantiate $spin))
  (type $r (resource (rep i32) (dtor (core func $s "destroy"))))
  (core func $new (canon resource.new $r))
  (core func $drop (canon resource.drop $r))
  (core module $run
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "run") (result i32)
      (call $drop (call $new (i32.const 0))) (i32.const 0)))
  (core instance $m (instantiate $run (with "host"
    (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $command (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $command)))
