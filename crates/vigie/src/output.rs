//! What commands print on standard output. A reader that went away (`vigie … | head`) ends the command quietly.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::{Doing, Failure};

/// One line.
pub fn line(text: &str) -> Result<(), Failure> {
    finish(writeln!(io::stdout().lock(), "{text}"))
}

/// One line of JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string(value).doing("print JSON")?)
}

/// Columns under headings, each as wide as its widest cell.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(&row_text(&headings.map(str::to_owned), &widths))?;
    rows.iter().try_for_each(|row| line(&row_text(row, &widths)))
}

fn row_text(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

/// A size as people read it, in powers of 1024.
pub fn size_text(size_bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = size_bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{size_bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.doing("print"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(size_text(1023), "1023 B");
        assert_eq!(size_text(1536), "1.5 KiB");
        assert_eq!(size_text(3 << 40), "3.0 TiB");
    }
}
