//! Numbers as JavaScript prints them (ECMA-262, `Number::toString`).

use std::fmt::Write as _;

/// Appends a number.
pub(super) fn push_number(out: &mut String, number: f64) {
    if number < 0.0 {
        out.push('-');
    }
    if number.is_infinite() {
        out.push_str("Infinity");
        return;
    }
    // The shortest digits that read back as the same number, as JavaScript asks for: `d.ddde-7`.
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    match exponent {
        ..-6 | 21.. => push_scientific(out, &digits, exponent),
        -6..=-1 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(&digits);
        }
        0..=20 => push_plain(out, &digits, exponent.unsigned_abs() as usize + 1),
    }
}

/// `point` digits stand before the decimal point.
fn push_plain(out: &mut String, digits: &str, point: usize) {
    match digits.split_at_checked(point) {
        Some((whole, "")) => out.push_str(whole),
        Some((whole, fraction)) => out.extend([whole, ".", fraction]),
        None => {
            out.push_str(digits);
            out.extend(std::iter::repeat_n('0', point - digits.len()));
        }
    }
}

fn push_scientific(out: &mut String, digits: &str, exponent: i32) {
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    out.push_str(first);
    if !rest.is_empty() {
        out.extend([".", rest]);
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "e{exponent:+}");
}

#[cfg(test)]
mod tests {
    use super::push_number;

    #[test]
    fn numbers_look_as_in_javascript() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (0.1, "0.1"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.25e22, "1.25e+22"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = String::new();
            push_number(&mut out, number);
            assert_eq!(out, expected);
        }
    }
}
