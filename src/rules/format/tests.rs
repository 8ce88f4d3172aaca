use super::*;
use crate::rules::load;

/// Lays a text out, and again.
fn laid_out(text: &str) -> String {
    let once = format("a.yml", text).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    let twice = format("a.yml", &once).unwrap_or_else(|problem| panic!("{problem}\n{once}"));
    assert_eq!(once, twice, "of\n{text}");
    once
}

#[test]
fn rules_that_ship_are_laid_out_already() {
    let shipped = load::shipped().behavior;
    assert!(shipped.len() > 100);
    for source in shipped {
        assert_eq!(laid_out(&source.text), *source.text, "{}", source.name);
    }
}

#[test]
fn levels_have_two_columns_and_brackets_one_space() {
    let text = "
rule:
    meta:
        name:   x
        scopes: {static:   file,dynamic: process }
        authors:
        - a
        -   b
    features:
    - and:
        -   api:  x
            description: y
        - number: [ ]
";
    let expected = "
rule:
  meta:
    name: x
    scopes: {static: file, dynamic: process}
    authors:
      - a
      - b
  features:
    - and:
      - api: x
        description: y
      - number: []
";
    assert_eq!(laid_out(text), expected[1..]);
}

#[test]
fn comments_stay_with_what_they_are_about() {
    let text = "# of the file


rule:   # of the rule
    # before meta
    meta:
        name: x      # aligned
        # last of meta
    # before features
    features:

        - and:
            # before a
            - a: b
            # - c: d
            - e: # of the key
                f
# the end
";
    let expected = "# of the file

rule:   # of the rule
  # before meta
  meta:
    name: x      # aligned
    # last of meta
  # before features
  features:

    - and:
      # before a
      - a: b
      # - c: d
      # of the key
      - e: f
# the end
";
    assert_eq!(laid_out(text), expected);
}

#[test]
fn texts_in_lines_of_their_own_stay_so() {
    let text = "
a:
    b: >-  # folded
        one
        two

        three


    c: |+
        x
          y

    d: |2
          z
    # after
    e: one
      two
    f: 'a
      b'
    g: \"x\\ty\"
";
    let expected = "
a:
  b: >-  # folded
    one
    two

    three

  c: |+
    x
      y

  d: |2
        z
  # after
  e: one two
  f: \"a b\"
  g: \"x\\ty\"
";
    assert_eq!(laid_out(text), expected[1..]);
}

#[test]
fn brackets_over_several_lines_are_joined_where_they_fit() {
    let long = "x".repeat(60);
    let text = format!("a: [b,\n  c,\n  {{d: e,\n f: g}}]\nh: [{long},\n  {long}]\ni: [j, # why\n  k]\n");
    let expected = format!("a: [b, c, {{d: e, f: g}}]\nh:\n  - {long}\n  - {long}\ni: # why\n  - j\n  - k\n");
    assert_eq!(laid_out(&text), expected);
    let wide = format!("a: [{long}, {long}]\n");
    assert_eq!(laid_out(&wide), wide, "what is on one line stays there");
}

#[test]
fn other_line_ends_and_marks_are_taken() {
    let text = "---\r\na:\r\n    b: |\r\n        c\r\n        d\r\n";
    assert_eq!(laid_out(text), "a:\r\n  b: |\r\n    c\r\n    d\r\n");
    assert_eq!(laid_out("- - a\n  - b\n-\n  - c\n"), "- - a\n  - b\n- - c\n");
    assert_eq!(laid_out("a:    \n  b:   c   "), "a:\n  b: c\n");
}

#[test]
fn what_is_no_rule_file_is_refused() {
    for text in ["", "a: [b", "a: &x b\n", "a: 1\na: 2\n", "a: b\n---\nc: d\n"] {
        assert!(format("a.yml", text).is_err(), "{text}");
    }
}

/// The next of a row of numbers that look random.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Whatever is done to a rule: it is refused, or says the same afterwards and is laid out for good.
#[test]
fn a_file_is_never_changed_in_what_it_says() {
    let shipped = load::shipped().behavior;
    let pieces = [
        " ", "  ", "\n", "\n\n", "# c\n", " # c\n", "[", "]", "{", "}", ", ", ": ", "- ", "'", "\"", "|\n",
        ">-\n", "\t", "é", "---\n",
    ];
    let (mut state, mut done) = (1, 0);
    for source in shipped.iter().cycle().take(600) {
        let mut text = source.text.to_string();
        for _ in 0..1 + next(&mut state) % 3 {
            let mut at = next(&mut state) as usize % text.len();
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, pieces[next(&mut state) as usize % pieces.len()]);
        }
        let Ok(once) = format("a.yml", &text) else { continue };
        let twice = format("a.yml", &once).unwrap_or_else(|problem| panic!("{problem}\n{once}"));
        assert_eq!(once, twice, "of\n{text}");
        done += 1;
    }
    assert!(done > 150, "{done}");
}

#[test]
fn the_ends_of_lines_and_the_mark_of_byte_order_stay() {
    let plain = "a:\n  # why\n  - b\n";
    let loose = "a:\n    # why\n    - b\n";
    for (text, expected) in [
        (loose.replace('\n', "\r\n"), plain.replace('\n', "\r\n")),
        (format!("\u{feff}{loose}"), format!("\u{feff}{plain}")),
        (
            format!("\u{feff}{}", plain.replace('\n', "\r\n")),
            format!("\u{feff}{}", plain.replace('\n', "\r\n")),
        ),
        // As the first line ends, all do.
        ("a:\r\n  # why\n  - b\r\n".to_owned(), plain.replace('\n', "\r\n")),
    ] {
        assert_eq!(laid_out(&text), expected, "{text:?}");
    }
}
