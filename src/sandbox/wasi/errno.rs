//! WASI errors.

use crate::sandbox::fs;

/// An error number of preview1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Errno(pub(in crate::sandbox) u16);

macro_rules! errnos {
    ($($name:ident $number:literal)*) => {
        #[allow(dead_code, reason = "the list is whole, so that a stub can name any of them")]
        impl Errno {
            $(pub(in crate::sandbox) const $name: Self = Self($number);)*
        }

        /// Names in capitals, by number.
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

errnos! {
    SUCCESS 0 TOOBIG 1 ACCES 2 ADDRINUSE 3 ADDRNOTAVAIL 4 AFNOSUPPORT 5 AGAIN 6 ALREADY 7 BADF 8 BADMSG 9 BUSY 10 CANCELED 11 CHILD 12
    CONNABORTED 13 CONNREFUSED 14 CONNRESET 15 DEADLK 16 DESTADDRREQ 17 DOM 18 DQUOT 19 EXIST 20 FAULT 21 FBIG 22 HOSTUNREACH 23 IDRM 24
    ILSEQ 25 INPROGRESS 26 INTR 27 INVAL 28 IO 29 ISCONN 30 ISDIR 31 LOOP 32 MFILE 33 MLINK 34 MSGSIZE 35 MULTIHOP 36 NAMETOOLONG 37
    NETDOWN 38 NETRESET 39 NETUNREACH 40 NFILE 41 NOBUFS 42 NODEV 43 NOENT 44 NOEXEC 45 NOLCK 46 NOLINK 47 NOMEM 48 NOMSG 49 NOPROTOOPT 50
    NOSPC 51 NOSYS 52 NOTCONN 53 NOTDIR 54 NOTEMPTY 55 NOTRECOVERABLE 56 NOTSOCK 57 NOTSUP 58 NOTTY 59 NXIO 60 OVERFLOW 61 OWNERDEAD 62
    PERM 63 PIPE 64 PROTO 65 PROTONOSUPPORT 66 PROTOTYPE 67 RANGE 68 ROFS 69 SPIPE 70 SRCH 71 STALE 72 TIMEDOUT 73 TXTBSY 74 XDEV 75
    NOTCAPABLE 76
}

impl Errno {
    /// Its name in small letters, as the specification writes it.
    pub(in crate::sandbox) fn name(self) -> String {
        NAMES.get(usize::from(self.0)).map_or_else(|| self.0.to_string(), |name| name.to_ascii_lowercase())
    }

    /// The error of that name.
    pub(in crate::sandbox) fn named(name: &str) -> Option<Self> {
        let position = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        u16::try_from(position).ok().map(Self)
    }
}

impl From<fs::Error> for Errno {
    fn from(error: fs::Error) -> Self {
        match error {
            fs::Error::Exists => Self::EXIST,
            fs::Error::NoSpace => Self::NOSPC,
            fs::Error::NameTooLong => Self::NAMETOOLONG,
            fs::Error::NotDir => Self::NOTDIR,
            fs::Error::NoEntry => Self::NOENT,
            fs::Error::FileTooBig => Self::FBIG,
            fs::Error::IsDir => Self::ISDIR,
            fs::Error::NotFile => Self::BADF,
            fs::Error::Invalid => Self::INVAL,
            fs::Error::Escapes => Self::NOTCAPABLE,
            fs::Error::Loop => Self::LOOP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        for (errno, name) in [
            (Errno::SUCCESS, "success"),
            (Errno::FAULT, "fault"),
            (Errno::NOENT, "noent"),
            (Errno::NOTCAPABLE, "notcapable"),
        ] {
            assert_eq!((errno.name().as_str(), Errno::named(name)), (name, Some(errno)));
        }
        assert_eq!(NAMES.len(), 77);
        assert_eq!(Errno::named("nosuch"), None);
        assert_eq!(Errno(900).name(), "900");
    }
}
