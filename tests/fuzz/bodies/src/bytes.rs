//! Choices made of a fuzzer's bytes. When the bytes run out, each choice is its first.

use arbitrary::Unstructured;

/// The bytes that are left.
pub(crate) struct Bytes<'d>(Unstructured<'d>);

impl<'d> Bytes<'d> {
    pub(crate) fn new(data: &'d [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.int_in_range(0..=end - 1).unwrap_or(0)
    }

    /// True once in so many times; false when the bytes have run out.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Each item with an even chance.
    pub(crate) fn some<T: Copy>(&mut self, items: &[T]) -> Vec<T> {
        let mut chosen = items.to_vec();
        chosen.retain(|_| self.one_in(2));
        chosen
    }

    /// At most `most` of them as they are.
    pub(crate) fn raw(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1).min(self.0.len());
        self.0.bytes(length).map(<[u8]>::to_vec).unwrap_or_default()
    }
}
