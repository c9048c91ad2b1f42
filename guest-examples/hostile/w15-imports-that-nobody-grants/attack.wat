;; W15. Imports a function that no policy grants. It does not start.
(component
  (import "wasi:keyvalue/store@0.2.0" (instance
    (export "open" (func (param "identifier" string) (result string)))))
  (core module $main (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $interface
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $run (instantiate $interface (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $run)))
