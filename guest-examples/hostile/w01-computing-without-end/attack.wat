;; W01. Computes without end, as soon as it is started and before its entry is called. It is ended when
;; its processor time is used up.
(module
  (func $spin (loop $again (br $again)))
  (start $spin)
  (func (export "_start")))
