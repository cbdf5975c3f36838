//! FLAC (RFC 9639) of G.711's samples: the form in which browsers play them. Lossless, and nothing like a transcoder: each
//! byte of G.711 names one of 256 values, and those are written down.
//!
//! Writes frames that stand alone, by fixed predictors and one Rice parameter each; reads none.

use super::CodecError;
use super::bits::BitWriter;
use super::g711::{Law, WaveFormat};

/// Samples of a channel in one frame at most: what FLAC's streamable subset allows at these frequencies (RFC 9639 section 7).
pub const BLOCK_SAMPLES_MAX: usize = 4096;

const CHANNELS_MAX: u16 = 8;
const FREQUENCY_BITS: u32 = 20;
const SAMPLE_BITS: u32 = 16;
/// Of the number of a frame's first sample, which begins anew after these. FLAC has 36; ffmpeg's decoder takes a frame with
/// more than 31 for broken (5.1), and a time of today in samples has more.
const NUMBER_BITS: u32 = 31;
/// The highest order of the fixed predictors (RFC 9639 section 9.2.5).
const ORDER_MAX: usize = 4;
/// Rice parameters of four bits; the highest is an escape (RFC 9639 section 9.2.7).
const RICE_PARAMETER_MAX: u32 = 14;

/// Whether FLAC has words for this sound: at most eight channels and a frequency of 20 bits.
pub fn check(format: &WaveFormat) -> Result<(), CodecError> {
    if format.channels > CHANNELS_MAX || format.sampling_frequency_hz >> FREQUENCY_BITS != 0 {
        return Err(CodecError::Invalid("the WAVEFORMATEX has more channels or hertz than FLAC"));
    }
    Ok(())
}

/// STREAMINFO (RFC 9639 section 8.2), without a length and a checksum: the stream has no end.
pub fn stream_info(format: &WaveFormat) -> [u8; 34] {
    let mut out = [0; 34];
    out[0..2].copy_from_slice(&16u16.to_be_bytes()); // the shortest block, as far as STREAMINFO can say so
    out[2..4].copy_from_slice(&(BLOCK_SAMPLES_MAX as u16).to_be_bytes());
    let described = u64::from(format.sampling_frequency_hz) << 44
        | u64::from(format.channels.saturating_sub(1) & 0x7) << 41
        | u64::from(SAMPLE_BITS - 1) << 36;
    out[10..18].copy_from_slice(&described.to_be_bytes());
    out
}

/// A frame of `g711`, whose channels alternate: at most [`BLOCK_SAMPLES_MAX`] samples of each, and at least one. Bytes beyond the
/// last whole sample are left out. `first_sample` is where it begins, in samples of a channel.
pub fn frame(format: &WaveFormat, first_sample: u64, g711: &[u8]) -> Vec<u8> {
    let channels = usize::from(format.channels.max(1));
    let block: Vec<i32> = g711.iter().map(|&byte| linear(format.law, byte)).collect();
    let count = block.len() / channels;
    let mut out = BitWriter::default();
    header(&mut out, format, first_sample, count);
    let wasted = wasted_bits(format.law);
    for channel in 0..channels {
        let samples = block.chunks_exact(channels).map(|sample| sample[channel] >> wasted);
        subframe(&mut out, wasted, &samples.collect::<Vec<i32>>());
    }
    let mut out = out.into_bytes();
    let crc = crc(&out, 16, 0x8005);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// The value that a byte stands for, in 16 bits (ITU-T G.711, tables 1a to 2b, scaled as decoders do).
fn linear(law: Law, byte: u8) -> i32 {
    let (byte, is_positive) = match law {
        Law::A => (byte ^ 0x55, byte & 0x80 != 0),
        Law::Mu => (!byte, byte & 0x80 != 0),
    };
    let segment = byte >> 4 & 0x7;
    let step = i32::from(byte & 0xF);
    let size = match (law, segment) {
        (Law::A, 0) => (step << 4) + 0x8,
        (Law::A, _) => ((step << 4) + 0x108) << (segment - 1),
        (Law::Mu, _) => (((step << 3) + 0x84) << segment) - 0x84,
    };
    if is_positive { size } else { -size }
}

/// Bits at the end of every value that are 0.
fn wasted_bits(law: Law) -> u32 {
    match law {
        Law::A => 3,
        Law::Mu => 2,
    }
}

/// RFC 9639 section 9.1: blocks may differ in size, so that the header has the number of the first sample.
fn header(out: &mut BitWriter, format: &WaveFormat, first_sample: u64, count: usize) {
    let (frequency, frequency_follows) = match format.sampling_frequency_hz {
        8_000 => (4, None),
        16_000 => (5, None),
        22_050 => (6, None),
        24_000 => (7, None),
        32_000 => (8, None),
        44_100 => (9, None),
        48_000 => (10, None),
        96_000 => (11, None),
        other => match u16::try_from(other) {
            Ok(hertz) => (13, Some(hertz)),
            Err(_) => (0, None), // as STREAMINFO says
        },
    };
    out.put(0xFFF9, 16);
    out.put(7, 4); // the size of the block follows in 16 bits
    out.put(frequency, 4);
    out.put(u32::from(format.channels.saturating_sub(1)), 4); // each for itself
    out.put(4, 3); // 16 bits
    out.put(0, 1);
    coded_number(out, first_sample % (1 << NUMBER_BITS));
    out.put(count.saturating_sub(1) as u32, 16);
    if let Some(hertz) = frequency_follows {
        out.put(hertz.into(), 16);
    }
    let crc = crc(&out.bytes, 8, 0x07);
    out.put(crc.into(), 8);
}

/// A number of up to [`NUMBER_BITS`] as UTF-8 would write it (RFC 9639 section 9.1.5).
fn coded_number(out: &mut BitWriter, number: u64) {
    if number < 0x80 {
        return out.put(number as u32, 8);
    }
    // n bytes hold 5 n + 1 bits.
    let bits = u64::BITS - number.leading_zeros();
    let bytes = bits.saturating_sub(1).div_ceil(5).max(2);
    let lead = 0xFFu32 << (8 - bytes) & 0xFF;
    out.put(lead | (number >> (6 * (bytes - 1))) as u32, 8);
    for left in (0..bytes - 1).rev() {
        out.put(0x80 | (number >> (6 * left)) as u32 & 0x3F, 8);
    }
}

/// One channel (RFC 9639 section 9.2), in the shortest of its forms that are written here.
fn subframe(out: &mut BitWriter, wasted: u32, samples: &[i32]) {
    let sample_bits = SAMPLE_BITS - wasted;
    let head = |out: &mut BitWriter, kind: u32| {
        out.put(kind << 1 | 1, 8);
        out.put(1, wasted); // unary: as many bits as are wasted
    };
    if samples.iter().all(|sample| Some(sample) == samples.first()) {
        head(out, 0b00_0000);
        return out.put_signed(samples.first().copied().unwrap_or(0), sample_bits);
    }
    let predicted = Predicted::best(samples);
    let verbatim_bits = samples.len() as u64 * u64::from(sample_bits);
    if predicted.bits(sample_bits) >= verbatim_bits {
        head(out, 0b00_0001);
        return samples.iter().for_each(|&sample| out.put_signed(sample, sample_bits));
    }
    head(out, 0b00_1000 | predicted.order as u32);
    samples[..predicted.order].iter().for_each(|&sample| out.put_signed(sample, sample_bits));
    out.put(0, 2 + 4); // Rice parameters of four bits, one partition
    out.put(predicted.rice_parameter, 4);
    for &residual in &predicted.residuals {
        let folded = fold(residual);
        out.put_zeros(folded >> predicted.rice_parameter);
        out.put(1, 1);
        out.put(folded & ((1 << predicted.rice_parameter) - 1), predicted.rice_parameter);
    }
}

/// What a fixed predictor leaves of a channel.
struct Predicted {
    order: usize,
    residuals: Vec<i32>,
    rice_parameter: u32,
    rice_bits: u64,
}

impl Predicted {
    /// By the order that leaves the smallest residuals.
    fn best(samples: &[i32]) -> Self {
        let size = |residuals: &[i32]| -> u64 {
            residuals.iter().map(|residual| u64::from(residual.unsigned_abs())).sum()
        };
        let mut best = (0, samples.to_vec());
        // Each order's residuals are the differences of the one before.
        let mut residuals = samples.to_vec();
        for order in 1..=ORDER_MAX.min(samples.len().saturating_sub(1)) {
            residuals = residuals.windows(2).map(|pair| pair[1] - pair[0]).collect();
            if size(&residuals) < size(&best.1) {
                best = (order, residuals.clone());
            }
        }
        let (order, residuals) = best;
        let bits = |parameter: u32| -> u64 {
            let of = |&residual: &i32| u64::from((fold(residual) >> parameter) + 1 + parameter);
            residuals.iter().map(of).sum()
        };
        let parameters = (0..=RICE_PARAMETER_MAX).map(|parameter| (bits(parameter), parameter));
        let (rice_bits, rice_parameter) = parameters.min().unwrap_or_default();
        Self { order, residuals, rice_parameter, rice_bits }
    }

    fn bits(&self, sample_bits: u32) -> u64 {
        self.order as u64 * u64::from(sample_bits) + 10 + self.rice_bits
    }
}

/// 0, -1, 1, -2, … as 0, 1, 2, 3, … (RFC 9639 section 9.2.7.3).
fn fold(residual: i32) -> u32 {
    (residual << 1 ^ residual >> 31) as u32
}

/// Of `bits` bits with this polynomial, from 0, the most significant bit first.
fn crc(bytes: &[u8], bits: u32, polynomial: u16) -> u16 {
    let (top, mask) = (1 << (bits - 1), u16::MAX >> (16 - bits));
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << (bits - 8), |crc: u16, _| {
            let shifted = crc << 1 & mask;
            if crc & top == 0 { shifted } else { shifted ^ polynomial }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads back what is written here, as RFC 9639 says it is read.
    struct Reader<'a> {
        bytes: &'a [u8],
        at: usize,
    }

    impl Reader<'_> {
        fn bits(&mut self, count: u32) -> u32 {
            (0..count).fold(0, |value, _| {
                let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
                self.at += 1;
                value << 1 | u32::from(bit)
            })
        }

        fn signed(&mut self, count: u32) -> i32 {
            (self.bits(count) << (32 - count)) as i32 >> (32 - count)
        }

        fn unary(&mut self) -> u32 {
            (0..).find(|_| self.bits(1) == 1).unwrap()
        }

        fn number(&mut self) -> u64 {
            let lead = self.bits(8) as u8;
            let ones = lead.leading_ones();
            let first = u64::from(lead) & (0x7F >> ones.min(7));
            (1..ones).fold(first, |number, _| {
                let byte = self.bits(8);
                assert_eq!(byte >> 6, 0b10);
                number << 6 | u64::from(byte & 0x3F)
            })
        }

        fn subframe(&mut self, count: usize) -> Vec<i32> {
            assert_eq!(self.bits(1), 0);
            let kind = self.bits(6);
            assert_eq!(self.bits(1), 1);
            let wasted = self.unary() + 1;
            let bits = 16 - wasted;
            let mut samples = match kind {
                0 => vec![self.signed(bits); count],
                1 => (0..count).map(|_| self.signed(bits)).collect(),
                _ => self.predicted((kind - 8) as usize, bits, count),
            };
            samples.iter_mut().for_each(|sample| *sample <<= wasted);
            samples
        }

        fn predicted(&mut self, order: usize, bits: u32, count: usize) -> Vec<i32> {
            let mut samples: Vec<i32> = (0..order).map(|_| self.signed(bits)).collect();
            assert_eq!(self.bits(6), 0);
            let parameter = self.bits(4);
            while samples.len() < count {
                let folded = self.unary() << parameter | self.bits(parameter);
                let residual = (folded >> 1) as i32 ^ -((folded & 1) as i32);
                let s = |back: usize| samples[samples.len() - back];
                let predicted = match order {
                    0 => 0,
                    1 => s(1),
                    2 => 2 * s(1) - s(2),
                    3 => 3 * s(1) - 3 * s(2) + s(3),
                    _ => 4 * s(1) - 6 * s(2) + 4 * s(3) - s(4),
                };
                samples.push(predicted + residual);
            }
            samples
        }
    }

    /// The samples of a frame, channel by channel, and the number of its first one.
    fn read(frame: &[u8], frequency_hz: u32) -> (Vec<Vec<i32>>, u64) {
        let (content, crc) = frame.split_at(frame.len() - 2);
        assert_eq!(super::crc(frame, 16, 0x8005), 0, "{crc:?}");
        let mut reader = Reader { bytes: content, at: 0 };
        assert_eq!((reader.bits(16), reader.bits(4)), (0xFFF9, 7));
        let follows = reader.bits(4) == 13;
        let channels = reader.bits(4) + 1;
        assert_eq!(reader.bits(4), 8);
        let first_sample = reader.number();
        let count = reader.bits(16) as usize + 1;
        if follows {
            assert_eq!(reader.bits(16), frequency_hz);
        }
        let header_end = reader.at / 8 + 1;
        assert_eq!(super::crc(&content[..header_end], 8, 0x07), 0);
        reader.at += 8;
        let samples = (0..channels).map(|_| reader.subframe(count)).collect();
        assert_eq!(reader.at.div_ceil(8), content.len());
        (samples, first_sample)
    }

    #[test]
    fn bytes_have_the_values_of_the_standard() {
        let check = |law, pairs: &[(u8, i32)]| {
            for &(byte, value) in pairs {
                assert_eq!(linear(law, byte), value, "{law:?} {byte:#x}");
            }
        };
        check(Law::A, &[(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0x85, 4224)]);
        check(Law::Mu, &[(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xEF, 132)]);
    }

    #[test]
    fn silence_takes_a_few_bytes_and_noise_no_more_than_its_values() {
        let format = WaveFormat { law: Law::Mu, sampling_frequency_hz: 8000, channels: 1 };
        assert!(frame(&format, 0, &[0xFF; 320]).len() < 20);
        let noise: Vec<u8> =
            (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert!(frame(&format, 0, &noise).len() <= 4096 * 14 / 8 + 20);
    }

    #[test]
    fn a_stream_is_described() {
        let format = WaveFormat { law: Law::A, sampling_frequency_hz: 44_100, channels: 2 };
        let info = stream_info(&format);
        assert_eq!(info[..10], [0, 16, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        // 44,100 in 20 bits, one channel more, 15 bits more, no length: as `flac` writes it for a CD.
        assert_eq!(info[10..18], [0x0A, 0xC4, 0x42, 0xF0, 0, 0, 0, 0]);
        assert_eq!(check(&format), Ok(()));
        assert!(check(&WaveFormat { channels: 9, ..format }).is_err());
        assert!(check(&WaveFormat { sampling_frequency_hz: 1 << 20, ..format }).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            a_law: bool,
            frequency_hz in prop::sample::select(&[8000u32, 11_025, 16_000, 48_000, 70_000]),
            channels in 1u16..=3,
            first_sample in 0u64..1 << 40,
            // Noise, and waves that a predictor follows.
            noise in prop::collection::vec(any::<u8>(), 1..200),
            wave in prop::option::of(1u8..20),
        ) {
            let law = if a_law { Law::A } else { Law::Mu };
            let sound: Vec<u8> = match wave {
                Some(step) => (0..noise.len()).map(|at| 0x80 | (at as u8).wrapping_mul(step) >> 2).collect(),
                None => noise,
            };
            let channels_count = usize::from(channels);
            let whole = &sound[..sound.len() / channels_count * channels_count];
            prop_assume!(!whole.is_empty());
            let format = WaveFormat { law, sampling_frequency_hz: frequency_hz, channels };
            let (samples, first) = read(&frame(&format, first_sample, &sound), frequency_hz);
            prop_assert_eq!(first, first_sample % (1 << NUMBER_BITS));
            for (channel, samples) in samples.iter().enumerate() {
                let expect: Vec<i32> =
                    whole.chunks(channels_count).map(|sample| linear(law, sample[channel])).collect();
                prop_assert_eq!(samples, &expect);
            }
        }
    }
}
