//! Files of a made-up user, so that a sample that looks for something to steal or to encrypt finds it. Nothing in them is real.

/// Paths and contents.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files: Vec<_> = TEXTS.iter().map(|&(path, text)| (path, text.as_bytes().to_vec())).collect();
    let ledger = (1..=60).map(|row| {
        format!("{row},2025-{:02}-{:02},invoice {},{}.{:02}\n", row % 12 + 1, row % 28 + 1, 4000 + row * 7, row * 37, row % 100)
    });
    files.push(("/home/user/documents/ledger.csv", format!("row,date,text,amount\n{}", ledger.collect::<String>()).into_bytes()));
    files.push(("/home/user/pictures/garden.bmp", picture()));
    files
}

const TEXTS: &[(&str, &str)] = &[
    ("/etc/hostname", "workstation-7\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 workstation-7\n"),
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nuser:x:1000:1000:Robin User,,,:/home/user:/bin/bash\n",
    ),
    (
        "/home/user/.ssh/id_rsa",
        "-----BEGIN RSA PRIVATE KEY-----\nVGhpcyBpcyBhIGRlY295IGFuZCBubyBrZXkuIFdob2V2ZXIgcmVhZHMgaXQgaGFz\nIG5vIGJ1c2luZXNzIGhlcmUuIE5vdGhpbmcgb3BlbnMgd2l0aCBpdC4=\n-----END RSA PRIVATE KEY-----\n",
    ),
    ("/home/user/.ssh/known_hosts", "git.example.invalid ssh-ed25519 AAAAC3decoydecoydecoydecoydecoydecoydecoy\n"),
    (
        "/home/user/.aws/credentials",
        "[default]\naws_access_key_id = AKIADECOYDECOYDECOY0\naws_secret_access_key = decoy/decoy/decoy/decoy/decoy/decoy/0000\n",
    ),
    ("/home/user/.bash_history", "ls\ncd documents\ngit status\nssh git.example.invalid\n"),
    ("/home/user/.config/browser/Default/Login Data", "SQLite format 3\nlogins: mail.example.invalid robin decoy-password-1\n"),
    ("/home/user/.config/browser/Default/Cookies", "SQLite format 3\nsession=decoy; domain=shop.example.invalid\n"),
    ("/home/user/.bitcoin/wallet.dat", "decoy wallet, no keys inside\n"),
    (
        "/home/user/documents/report.txt",
        "Quarterly report\n\nThe garden project is on time. Two of the five beds are planted, and the water tank was delivered on Monday.\n\
         Open points: the invoice of the carpenter, the new gate, and who feeds the cat in August.\n",
    ),
    ("/home/user/documents/notes.txt", "call the dentist\nbuy seeds\nrenew the library card before the end of the month\n"),
    (
        "/home/user/documents/contract.md",
        "# Contract\n\nBetween Robin User and the allotment association, about the use of plot 14 from March to October.\n\n\
         1. The plot is kept in order.\n2. Compost is made, not burnt.\n3. The gate is closed at night.\n",
    ),
    ("/tmp/session.lock", "4711\n"),
];

/// A small picture: a header and a gradient.
fn picture() -> Vec<u8> {
    const SIDE: u32 = 48;
    let pixels = SIDE * SIDE * 3;
    let mut bytes = b"BM".to_vec();
    for word in [54 + pixels, 0, 54, 40, SIDE, SIDE, 1 | 24 << 16, 0, pixels, 2835, 2835, 0, 0] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    let pixel = |index: u32| [index / SIDE * 5, index % SIDE * 5, (index / SIDE + index % SIDE) * 2].map(|value| value as u8);
    bytes.extend((0..SIDE * SIDE).flat_map(pixel));
    bytes
}
