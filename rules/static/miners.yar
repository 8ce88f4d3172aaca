rule cryptonight_personality
{
    meta:
        description = "texts of CryptoNight and RandomX implementations and of their glue"
    strings:
        $a = "cryptonight" nocase
        $b = "randomx" nocase
        $c = "stratum+" nocase
        $d = "xmrig" nocase
    condition:
        2 of them
}

rule keccak_round_constants
{
    meta:
        description = "the first round constants of Keccak as 64-bit words in a row"
    strings:
        $little = { 01 00 00 00 00 00 00 00 82 80 00 00 00 00 00 00 8A 80 00 00 00 00 00 80 }
        $big = { 00 00 00 00 00 00 00 01 00 00 00 00 00 00 80 82 80 00 00 00 00 00 80 8A }
    condition:
        any of them
}

rule groestl_tables
{
    meta:
        description = "the first words of the tables of Groestl in fast implementations"
    strings:
        $little = { C6 32 F4 A5 F4 97 A5 C6 }
        $big = { C6 32 F4 A5 F4 A5 97 C6 }
    condition:
        any of them
}
