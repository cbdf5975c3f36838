//! The forward cosine transform of a block and its quantization (ITU-T T.81, A.3.3 and A.3.4).
//!
//! By the factorization of Arai, Agui and Nakajima, which leaves a factor for each coefficient to the quantization. In `f32`
//! and written over whole rows, so that the compiler makes vectors of them.

/// Of a side of a block.
pub(super) const SIDE: usize = 8;

/// Rows of eight.
type Block = [[f32; SIDE]; SIDE];

/// What each coefficient is multiplied by: its step and the transform's factors, by columns as [`transformed`] has them.
pub(super) struct Quantizer([f32; 64]);

impl Quantizer {
    /// Of steps by rows.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let factor = |frequency: usize| {
            let cosine = (frequency as f64 * std::f64::consts::PI / 16.0).cos();
            if frequency == 0 { 1.0 } else { cosine * std::f64::consts::SQRT_2 }
        };
        Self(std::array::from_fn(|place| {
            let (row, column) = (place % SIDE, place / SIDE);
            let step = f64::from(steps[row * SIDE + column]);
            (1.0 / (8.0 * factor(row) * factor(column) * step)) as f32
        }))
    }

    /// The coefficients of samples, by columns.
    pub(super) fn coefficients(&self, samples: &[[u8; SIDE]; SIDE]) -> [i16; 64] {
        /// Added to a number far below it, leaves the number's nearest whole one in its last bits.
        const ROUNDER: f32 = 12_582_912.0;
        let block = transformed(samples);
        let mut coefficients = [0; 64];
        let flat = block.as_flattened().iter().zip(&self.0);
        for (to, (value, factor)) in coefficients.iter_mut().zip(flat) {
            *to = (value * factor + ROUNDER).to_bits() as i16;
        }
        coefficients
    }
}

/// Columns of the scaled coefficients.
fn transformed(samples: &[[u8; SIDE]; SIDE]) -> Block {
    let mut block = [[0.0; SIDE]; SIDE];
    for (row, samples) in block.iter_mut().zip(samples) {
        for (value, &sample) in row.iter_mut().zip(samples) {
            *value = f32::from(i16::from(sample) - 128);
        }
    }
    let columns = pass(&block);
    let mut turned = [[0.0; SIDE]; SIDE];
    for (row, line) in columns.iter().enumerate() {
        for (column, &value) in line.iter().enumerate() {
            turned[column][row] = value;
        }
    }
    pass(&turned)
}

/// The transform of eight values, of which each row has the same of eight of them.
#[inline(always)]
fn pass(d: &Block) -> Block {
    const ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let mut out = [[0.0; SIDE]; SIDE];
    for lane in 0..SIDE {
        let sum = |one: usize, other: usize| d[one][lane] + d[other][lane];
        let difference = |one: usize, other: usize| d[one][lane] - d[other][lane];
        let (s0, s1, s2, s3) = (sum(0, 7), sum(1, 6), sum(2, 5), sum(3, 4));
        let (d0, d1, d2, d3) =
            (difference(0, 7), difference(1, 6), difference(2, 5), difference(3, 4));

        let (outer, inner) = (s0 + s3, s1 + s2);
        let (rest, turn) = (s0 - s3, (s1 - s2 + s0 - s3) * ROOT);
        out[0][lane] = outer + inner;
        out[4][lane] = outer - inner;
        out[2][lane] = rest + turn;
        out[6][lane] = rest - turn;

        let (low, middle, high) = (d3 + d2, (d2 + d1) * ROOT, d1 + d0);
        // cos 6π/16, √2 cos 6π/16, √2 cos 2π/16.
        let common = (low - high) * 0.382_683_43;
        let (low, high) = (low * 0.541_196_1 + common, high * 1.306_563 + common);
        let (up, down) = (d0 + middle, d0 - middle);
        out[5][lane] = down + low;
        out[3][lane] = down - low;
        out[1][lane] = up + high;
        out[7][lane] = up - high;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A.3.3, as it stands there.
    fn exact(samples: &[[u8; SIDE]; SIDE], row: usize, column: usize) -> f64 {
        let angle = |at: usize, frequency: usize| {
            ((2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0).cos()
        };
        let scale = |frequency: usize| if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
        let mut sum = 0.0;
        for (y, line) in samples.iter().enumerate() {
            for (x, &sample) in line.iter().enumerate() {
                sum += (f64::from(sample) - 128.0) * angle(x, column) * angle(y, row);
            }
        }
        sum * scale(row) * scale(column) / 4.0
    }

    #[test]
    fn coefficients_are_those_of_the_definition_to_the_rounding() {
        let mut seed = 1u32;
        for round in 0..50 {
            let samples: [[u8; SIDE]; SIDE] = std::array::from_fn(|_| {
                std::array::from_fn(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Noise, and the extremes that make the largest coefficients.
                    if round % 2 == 0 { (seed >> 24) as u8 } else { ((seed >> 31) * 255) as u8 }
                })
            });
            for step in [1, 3, 17] {
                let coefficients = Quantizer::new(&[step; 64]).coefficients(&samples);
                for (place, &found) in coefficients.iter().enumerate() {
                    let expect = exact(&samples, place % SIDE, place / SIDE) / f64::from(step);
                    assert!((f64::from(found) - expect).abs() < 0.502, "{place}: {found} {expect}");
                }
            }
        }
    }

    #[test]
    fn one_grey_is_one_coefficient() {
        let coefficients = Quantizer::new(&[2; 64]).coefficients(&[[200; SIDE]; SIDE]);
        assert_eq!(coefficients[0], (200 - 128) * 8 / 2);
        assert!(coefficients[1..].iter().all(|&value| value == 0));
    }
}
