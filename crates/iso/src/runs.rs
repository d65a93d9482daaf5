//! Where the bytes of a file lie in the image.

/// A part of a file that lies in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Its first byte in the file.
    pub(crate) start: u64,
    /// Where that is in the image; `None` for bytes that are zero and nowhere.
    pub(crate) place: Option<u64>,
    /// Its length in bytes, not zero.
    pub(crate) len: u64,
}

/// The parts of a file, without gaps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs {
    list: Vec<Run>,
    len: u64,
}

impl Runs {
    /// Adds a part, and joins it with the last one where that is possible. `None`: the file would have more
    /// than 2^64 bytes.
    pub(crate) fn push(&mut self, place: Option<u64>, len: u64) -> Option<()> {
        let end = self.len.checked_add(len)?;
        if len == 0 {
            return Some(());
        }
        match self.list.last_mut() {
            Some(last) if follows(last, place) => last.len += len,
            _ => self.list.push(Run { start: self.len, place, len }),
        }
        self.len = end;
        Some(())
    }

    /// Leaves the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: u64) {
        self.list.retain_mut(|run| {
            run.len = run.len.min(len.saturating_sub(run.start));
            run.len > 0
        });
        self.len = self.len.min(len);
    }

    /// How many bytes all parts have.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.list.iter()
    }

    /// The part that has byte `offset` of the file.
    pub(crate) fn at(&self, offset: u64) -> Option<&Run> {
        let next = self.list.partition_point(|run| run.start <= offset);
        let run = self.list.get(next.checked_sub(1)?)?;
        (offset - run.start < run.len).then_some(run)
    }
}

fn follows(last: &Run, place: Option<u64>) -> bool {
    match (last.place, place) {
        (Some(a), Some(b)) => a.checked_add(last.len) == Some(b),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_and_found() {
        let mut runs = Runs::default();
        for (place, len) in [(Some(100), 10), (Some(110), 5), (Some(7), 0), (None, 20), (None, 1), (Some(100), 3)] {
            runs.push(place, len).unwrap();
        }
        let run = |start, place, len| Run { start, place, len };
        let expected = [run(0, Some(100), 15), run(15, None, 21), run(36, Some(100), 3)];
        assert_eq!(runs.list, expected);
        assert_eq!(runs.len(), 39);
        for (offset, index) in [(0, Some(0)), (14, Some(0)), (15, Some(1)), (36, Some(2)), (38, Some(2)), (39, None)]
        {
            assert_eq!(runs.at(offset), index.map(|i: usize| &expected[i]), "{offset}");
        }
        assert_eq!(runs.push(None, u64::MAX), None);
        for (len, parts) in [(40, 3), (37, 3), (36, 2), (20, 2), (14, 1), (0, 0)] {
            runs.truncate(len);
            assert_eq!((runs.len(), runs.list.len()), (len.min(39), parts));
            assert_eq!(runs.list.iter().map(|run| run.len).sum::<u64>(), runs.len());
        }
        assert_eq!(Runs::default().at(0), None);
    }
}
