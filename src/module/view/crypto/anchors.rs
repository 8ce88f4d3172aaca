//! The places where a search for tables in data begins: images of a constant, and their anchors. `build.rs`
//! reads this file, too, and makes the filter of all anchors. So a start of the program whose sample holds
//! none makes no index.

/// Bits of a filter, as a power of two.
pub(crate) const FILTER_BITS: u32 = 16;

/// The bit of a filter that a word has.
pub(crate) fn hash(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - FILTER_BITS)) as usize
}

/// The bytes of a constant of words of `width` bytes, and those of an element. They come in both byte orders
/// in the width of the table, and in the order of Wasm in wider elements.
pub(crate) fn images(width: usize, words: &[u64]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let elements = [1, 4, 8].into_iter().filter(move |element| *element >= width);
    // A byte has no order; and widened words in the other order look the same but for the first and last
    // bytes.
    let is_one = move |&(element, is_big): &(usize, bool)| !is_big || element != 1 && element == width;
    let orders = elements.flat_map(|element| [(element, false), (element, true)]).filter(is_one);
    orders.map(move |(element, is_big)| {
        let bytes = |word: &u64| match is_big {
            false => word.to_le_bytes()[..element].to_vec(),
            true => word.to_be_bytes()[8 - element..].to_vec(),
        };
        (element, words.iter().flat_map(bytes).collect())
    })
}

/// Every eighth byte is an anchor, so that any fifteen bytes in a row hold one: its position and the bytes
/// there. Those of nearly only zeros are none.
pub(crate) fn of(image: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    image.chunks_exact(8).enumerate().filter_map(|(position, chunk)| {
        let chunk: [u8; 8] = chunk.try_into().unwrap_or_default();
        let mut others = chunk.into_iter().filter(|byte| *byte != 0);
        let first = others.next();
        others.any(|byte| Some(byte) != first).then(|| (8 * position, u64::from_le_bytes(chunk)))
    })
}
