//! Against `reference.py`, a second implementation in numpy; it prints these numbers.

use super::*;

fn check(family: &str, mode: &str, short: [f32; 8], long: [f32; 8]) {
    let folder = tiny(family, mode);
    let encoder = open(&folder).expect("the folder is sound");
    // Together, so that the short text is padded.
    let found = embed(&encoder, &[LONG, SHORT]);
    for (embedding, want) in found.iter().zip([long, short]) {
        let apart = embedding.as_slice().iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{family} {mode}: {apart} apart: {:?}, not {want:?}", embedding.as_slice());
    }
}

#[test]
fn bert_with_the_mean_of_all_tokens() {
    check(
        "bert",
        "mean_tokens",
        [-0.234711, 0.521415, -0.023254, -0.552499, 0.105067, -0.305035, 0.188533, 0.477087],
        [-0.262308, 0.666747, -0.023777, -0.363551, 0.260057, -0.350354, 0.072129, 0.397906],
    );
}

#[test]
fn bert_with_the_largest_of_each_number() {
    check(
        "bert",
        "max_tokens",
        [0.096882, 0.369221, 0.689894, 0.041051, 0.441252, 0.078465, 0.117330, 0.402523],
        [0.184434, 0.602748, 0.344830, 0.020818, 0.520744, 0.065508, 0.196526, 0.411400],
    );
}

#[test]
fn roberta_with_the_first_token() {
    check(
        "roberta",
        "cls_token",
        [-0.155658, 0.156502, -0.505761, -0.169721, 0.707908, -0.230933, 0.086969, 0.323498],
        [-0.215365, 0.412297, -0.485852, -0.138267, 0.531260, -0.288710, 0.034439, 0.402099],
    );
}

#[test]
fn mpnet_with_the_last_token() {
    check(
        "mpnet",
        "lasttoken",
        [-0.267356, 0.581222, 0.411630, -0.003420, -0.547029, -0.242565, -0.094014, 0.233094],
        [0.042271, 0.341317, -0.830381, 0.126643, 0.053081, 0.046911, -0.272125, 0.311566],
    );
}

#[test]
fn mpnet_with_the_mean_of_all_tokens() {
    check(
        "mpnet",
        "mean_tokens",
        [-0.171699, 0.632029, 0.290092, 0.021926, -0.448822, -0.292613, -0.300921, 0.329859],
        [0.016681, 0.781503, -0.171071, -0.039082, -0.343234, -0.164259, -0.387702, 0.251155],
    );
}
