//! Where matches led lately.

/// The last four different sources of one kind of match, the newest first. Three of them have
/// short names: the first three, or, right after a match of this kind, those behind the first, because
/// whoever wanted its source again would have made that match longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recent<T> {
    sources: [T; 4],
}

impl<T: Copy> Recent<T> {
    pub(super) fn new(sources: [T; 4]) -> Self {
        Self { sources }
    }

    /// A source that may not be among them.
    #[inline(always)]
    pub(super) fn push(&mut self, source: T) {
        let [a, b, c, _] = self.sources;
        self.sources = [source, a, b, c];
    }

    /// Moves the source at `place`, 0 to 3, to the front.
    #[inline(always)]
    pub(super) fn again(&mut self, place: usize) -> T {
        let [a, b, c, d] = self.sources;
        self.sources = match place {
            0 => return a,
            1 => [b, a, c, d],
            2 => [c, a, b, d],
            _ => [d, a, b, c],
        };
        self.sources[0]
    }
}
