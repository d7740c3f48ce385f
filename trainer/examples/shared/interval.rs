//! Mean and 95 % interval of a few numbers, one a seed.

/// Mean and half-width of the 95 % interval by Student's t.
pub(crate) fn interval(values: impl Iterator<Item = f64>) -> (f64, f64) {
    const T: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let t = T.get(values.len().wrapping_sub(2)).copied().unwrap_or(1.96);
    (mean, t * (variance / n).sqrt())
}

/// As a cell of a table.
pub(crate) fn cell(values: impl Iterator<Item = f64>) -> String {
    let (mean, half) = interval(values);
    format!("{mean:.3} ± {half:.3}")
}
