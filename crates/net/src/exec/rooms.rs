//! How large the buffers of values are, so that few of them serve all values of a prediction.
//!
//! A value that is made when another is no longer read takes its buffer, also where it is much smaller. Large values are placed first, each in the smallest
//! buffer that is free as long as it lives (Pisarchyk and Lee, arXiv 2001.03288: shared objects, greedy by size).

use std::cmp::Reverse;

use crate::graph::ValueId;

/// Smaller values are not worth it: they take what fits.
const SMALLEST: usize = 1 << 12;
/// Beyond so many values a plan would take longer than it saves.
const MOST: usize = 1 << 12;

/// A value with the steps that make it and that read it last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) value: ValueId,
    pub(super) len: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// For each of `count` values the elements that its buffer has room for; 0 where nothing is said.
pub(super) fn rooms(count: usize, lives: impl Iterator<Item = Life>) -> Vec<usize> {
    let mut rooms = vec![0; count];
    let mut lives: Vec<Life> = lives.filter(|life| life.len >= SMALLEST).collect();
    if lives.len() > MOST {
        return rooms;
    }
    lives.sort_by_key(|life| Reverse(life.len));
    // From large to small.
    let mut buffers: Vec<Vec<Life>> = Vec::new();
    for life in lives {
        let apart = |other: &Life| other.last < life.first || life.last < other.first;
        match buffers.iter_mut().rev().find(|buffer| buffer.iter().all(apart)) {
            Some(buffer) => buffer.push(life),
            None => buffers.push(vec![life]),
        }
    }
    for buffer in &buffers {
        let room = buffer.first().map_or(0, |largest| largest.len);
        buffer.iter().for_each(|life| rooms[life.value.0] = room);
    }
    rooms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_do_not_live_at_once_share_a_buffer() {
        let lives = [(5, 0, 1), (8, 1, 2), (6, 2, 3), (7, 3, 4), (1, 5, 6)];
        let lives = lives.iter().enumerate().map(|(i, &(len, first, last))| Life {
            value: ValueId(i),
            len: len * SMALLEST,
            first,
            last,
        });
        assert_eq!(rooms(6, lives), [6, 8, 6, 8, 6, 0].map(|len| len * SMALLEST));
    }
}
