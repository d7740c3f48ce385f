//! A checked wrapper of the matrix product of the `gemm` crate (the one candle uses), for kernels that multiply small
//! strided blocks on the thread they run on.

use gemm::Parallelism;

/// A matrix of `rows × columns` in a slice, any strides.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// `rows × columns` in row order, rows `row_stride` apart.
    ///
    /// # Panics
    /// When the slice is too short.
    pub(super) fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let needed = if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + columns };
        assert!(data.len() >= needed, "matrix view of {rows}x{columns} outside of its slice");
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transposed matrix, no copy.
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What happens to the old content of the destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// It is replaced.
    Replace,
    /// The product is added to it.
    Add,
}

/// `out (=|+=) a · b` on the calling thread; `out` is in row order, rows `row_stride` apart.
///
/// # Panics
/// When the shapes do not fit or `out` is too short.
pub(super) fn multiply(out: &mut [f32], row_stride: usize, write: Write, a: View<'_>, b: View<'_>) {
    multiply_with(out, row_stride, write, (a, b), Parallelism::None);
}

/// As [`multiply`], on all threads.
///
/// # Panics
/// As [`multiply`].
pub(super) fn multiply_parallel(out: &mut [f32], row_stride: usize, write: Write, a: View<'_>, b: View<'_>) {
    multiply_with(out, row_stride, write, (a, b), Parallelism::Rayon(rayon::current_num_threads()));
}

fn multiply_with(
    out: &mut [f32],
    row_stride: usize,
    write: Write,
    factors: (View<'_>, View<'_>),
    how: Parallelism,
) {
    let (a, b) = factors;
    assert_eq!(a.columns, b.rows, "matrix product: inner sizes differ");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    assert!(b.columns <= row_stride || a.rows == 1, "matrix product: rows of the destination overlap");
    assert!(out.len() >= (a.rows - 1) * row_stride + b.columns, "matrix product: destination too short");
    let stride = |s: usize| s as isize;
    // SAFETY: `View::new` and the checks above keep every element that the strides reach inside its slice, and the
    // borrow rules keep `out` apart from both factors. With alpha = beta = 1: out = [out +] a·b.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            stride(row_stride),
            write == Write::Add,
            a.data.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            1.0,
            1.0,
            false,
            false,
            false,
            how,
        );
    }
}
