//! Chance from a seed, so that a round can be repeated.

/// splitmix64, by Sebastiano Vigna, who put it in the public domain.
pub(crate) struct Chance(u64);

impl Chance {
    /// The choices of a round; `of` keeps those of different parts apart.
    pub(crate) fn of(seed: u64, of: &str) -> Self {
        let apart =
            of.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ apart)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    /// True so often of a hundred times.
    pub(crate) fn percent(&mut self, often: u64) -> bool {
        self.next() % 100 < often
    }

    /// One of these.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = usize::try_from(self.next()).unwrap_or(usize::MAX) % of.len();
        &of[place]
    }
}
