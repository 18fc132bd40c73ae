//! Equal slices share a number.
//!
//! Owns the numbering: from 0, in order of first encounter. Never forgets one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Distinct slices, numbered in order of first encounter.
#[derive(Debug)]
pub(super) struct Interner<T> {
    numbers: HashMap<Arc<[T]>, usize>,
    slices: Vec<Arc<[T]>>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            slices: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    /// The number of `slice`, a new one if it was not seen before.
    pub(super) fn intern(&mut self, slice: &[T]) -> usize {
        if let Some(&number) = self.numbers.get(slice) {
            return number;
        }
        let number = self.slices.len();
        let slice: Arc<[T]> = slice.into();
        self.numbers.insert(Arc::clone(&slice), number);
        self.slices.push(slice);
        number
    }

    /// The slice of a number; empty for one that was not given out.
    pub(super) fn get(&self, number: usize) -> &[T] {
        self.slices.get(number).map_or(&[], |slice| slice)
    }

    /// Every slice, by number.
    pub(super) fn into_slices(self) -> Vec<Arc<[T]>> {
        self.slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_first_encounter_and_equal_slices_share_one() {
        let mut interner = Interner::default();
        assert_eq!(interner.intern(&[7, 8]), 0);
        assert_eq!(interner.intern(&[]), 1);
        assert_eq!(interner.intern(&[7, 8]), 0);
        assert_eq!(interner.get(0), [7, 8]);
        assert_eq!(interner.get(2), [] as [i32; 0]);
        assert_eq!(interner.into_slices().len(), 2);
    }
}
