//! wasmtime's settings, line by line, each with its reason.
//!
//! The process that compiles and the one that runs use the same settings: wasmtime refuses code that
//! was made under others.
//!
//! Left at wasmtime's own are settings that mean nothing beside those below: how far a memory that
//! moves grows (`memory_reservation_for_growth`; none moves), all of the collector's heap and of the
//! pool (neither is there), how relaxed SIMD rounds (it is off). What the compiler's developers switch
//! on beside what is off below (`cranelift_wasmtime_debug_checks`, `emit_clif`) is off by itself. No
//! `target` is named, so that code is made for the machine at hand, and no `module_version`: code is
//! handed from one process to another of the same executable, and never kept. For the same reason the
//! `cache` is not built in; nor are core dumps, `guest_debug`, `wmemcheck`, and record and replay.
//! `macos_use_mach_ports` stays on: it decides how a trap is noticed there, not whether.

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Inlining, InstanceAllocationStrategy, OptLevel, ProfilingStrategy, RegallocAlgorithm,
    Strategy, WasmBacktraceDetails,
};

/// What host functions use of a fiber's stack, on top of the guest's part.
const HOST_STACK: usize = 512 << 10;

/// Address space that each memory reserves: all that a 32-bit memory can have.
const MEMORY_RESERVATION: u64 = 4 << 30;

/// What follows each memory and is never accessible: addresses are 32 bits, offsets in instructions
/// below this are checked by it alone.
const MEMORY_GUARD: u64 = 32 << 20;

/// How large the image of a memory may be where it is mostly zeros. An image is part of the compiled
/// program, so this is what a few bytes of a program can make of it: two, at both ends of a memory,
/// would make sixteen megabytes of it by wasmtime's default. Data that is denser is less than doubled.
const SPARSE_IMAGE: u64 = 64 << 10;

/// What programs may use: what compilers of ordinary programs emit, and what components need. All
/// else is off, and so is what later versions of wasmtime bring.
///
/// Off are, with what they would cost: threads, shared memories and all else that is shared (a memory
/// that changes while the host reads it), garbage collection with its types and descriptors, function
/// references, exceptions of both kinds (a second heap, with advisories of its own), tail calls and
/// stack switching (a stack that the bound does not see), 64-bit memories (no guard regions), custom
/// page sizes, wide arithmetic, memory control, compact imports, relaxed SIMD (computes differently
/// from machine to machine), and of components: async, streams, futures, threads, error contexts,
/// garbage collection, maps, lists of fixed length, 64-bit memories, values, nested and canonical
/// names and named implementations (calls overlap through `wasi:http` and `invoke`).
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        // With this one off, a component that passes strings between two of its own modules panics
        // the host.
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::COMPONENT_MODEL
}

/// The settings of an engine whose guests have `stack` bytes of stack.
pub(crate) fn config(stack: usize) -> Config {
    let mut config = Config::new();
    proposals(&mut config);
    compilation(&mut config);
    memories(&mut config);

    // The only way to stop a loop that calls nothing. Fuel would count instructions, which is neither
    // what people bound nor what costs.
    config.epoch_interruption(true);
    config.consume_fuel(false);
    // Compiled code does not depend on it. A guest that reaches it traps; what the host needs for the
    // calls that the guest makes is there beyond it.
    config
        .max_wasm_stack(stack)
        .async_stack_size(stack.saturating_add(HOST_STACK));
    // Each stack is mapped anew, with a guard page; were stacks ever kept, they would be cleared.
    config.async_stack_zeroing(true);
    config
}

fn proposals(config: &mut Config) {
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(features(), true);
    // Off, a host call costs half as much, and a family of past advisories is out of reach.
    config.concurrency_support(false);
    // Nothing that needs a collector is on.
    config.gc_support(false);
    config.metadata_for_gc_heap_corruption(false);
    config.shared_memory(false);
    // Hints are a custom section, parsed for speed alone.
    config.wasm_branch_hinting(false);
}

fn compilation(config: &mut Config) {
    // Winch and single-pass register allocation are not for programs that nobody trusts.
    config.strategy(Strategy::Cranelift);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    // Of code that is slower, a program gets less done within `cpu`; the time that optimising takes is
    // bounded by `compile-time`.
    config.cranelift_opt_level(OptLevel::Speed);
    // It multiplies code by what the program chooses.
    config.compiler_inlining(Inlining::No);
    // Functions are compiled independently of each other; the child bounds its threads, and the sum of
    // their time.
    config.parallel_compilation(true);
    // Checks of the compiler for its developers.
    config.cranelift_debug_verifier(false);
    config.metadata_for_internal_asserts(false);
    // The same program computes the same on every machine.
    config.cranelift_nan_canonicalization(true);
    // Debug information is the program's own: it is not parsed, and nothing is made for debuggers and
    // profilers. A crash says what happened; where, nobody asks of a program without names.
    config.debug_info(false);
    config.debug_symbols(false);
    config.native_unwind_info(false);
    config.generate_address_map(false);
    config.wasm_backtrace_max_frames(None);
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.profiler(ProfilingStrategy::None);
}

fn memories(config: &mut Config) {
    // Memories, tables and stacks are mapped for one guest and unmapped after it: a pool would hand
    // them on to the next.
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    // A memory never moves, and has guard regions on both sides: out of bounds is a trap, which the
    // hardware finds, also where it only speculates.
    config.memory_reservation(MEMORY_RESERVATION);
    config.memory_may_move(false);
    config.memory_guard_size(MEMORY_GUARD);
    config.guard_before_linear_memory(true);
    config.signals_based_traps(true);
    // What a program's data is at first is mapped, not copied: instantiating is no work that grows
    // with what a program says of its data and tables. Data that is sparse is copied, which is less
    // than half of the memory that it goes to.
    config.memory_init_cow(true);
    config.memory_guaranteed_dense_image_size(SPARSE_IMAGE);
    config.table_lazy_init(true);
}
