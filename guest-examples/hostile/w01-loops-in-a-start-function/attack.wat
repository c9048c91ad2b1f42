;; W01. Loops for ever before there is anything to call: in the function that starts the module.
;; It has to end with its processor time.
(module
  (func $spin (loop (br 0)))
  (start $spin)
  (func (export "_start")))
